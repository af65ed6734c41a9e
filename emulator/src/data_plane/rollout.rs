//! Gateway configurations: each instance takes them into use at its own time.
//!
//! An update behaves like an nginx reload of one instance (azure-facts.md §5.4): new requests go by
//! the new configuration at once; what becomes of older ones is in [`draining`](super::draining).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use turquoise_arm::ResourceId;

use super::gateway::routing_table::{RoutingTable, Target};
use super::gateway::{GatewayInstance, GatewayState, Pending, distinct};
use super::knobs::ProbeStateOnConfig;
use super::probe::{HealthState, ProbeId, Prober};
use super::{DataPlane, Timer};
use crate::desired::{Gateway, GatewayRollout};
use crate::event::Event;

impl DataPlane {
    /// A rollout begins; one still under way is superseded.
    pub(super) fn begin_rollout(&mut self, rollout: GatewayRollout) {
        let slot = self.gateway_slot(&rollout.id);
        self.resize_gateway(slot, rollout.apply_at.len());
        for (instance, at) in rollout.apply_at.iter().enumerate() {
            if let Some(instance) = self.instance_mut(slot, instance) {
                instance.pending = Some(Pending {
                    generation: rollout.generation,
                    config: Arc::clone(&rollout.config),
                    running: rollout.running,
                });
            }
            let timer = Timer::Rollout {
                gateway: slot,
                instance,
                generation: rollout.generation,
            };
            self.timers.add(*at, timer);
        }
    }

    /// A gateway is gone: its listeners close and what it served is cut.
    pub(super) fn remove_gateway(&mut self, id: &ResourceId) {
        let Some(slot) = self.network.gateway(id) else {
            return;
        };
        let count = self.network.gateways[slot]
            .as_ref()
            .map_or(0, |state| state.instances.len());
        for instance in 0..count {
            self.retire(slot, instance);
        }
        self.network.gateways[slot] = None;
        self.touch();
    }

    /// An instance takes a configuration into use.
    pub(super) fn take_into_use(&mut self, gateway: usize, instance: usize, generation: u64) {
        let Some(state) = self.instance_mut(gateway, instance) else {
            return;
        };
        let superseded = state
            .pending
            .as_ref()
            .is_none_or(|pending| pending.generation != generation);
        if superseded {
            return;
        }
        let Some(pending) = state.pending.take() else {
            return;
        };
        let old = Arc::clone(&state.table);
        let config = if pending.running {
            pending.config
        } else {
            Arc::default()
        };
        self.follow_members(gateway, instance, &config);
        let targets = self.targets(gateway, &config);
        self.begin_drains(gateway, instance, &old, &config, &targets);
        if !pending.running {
            self.forget_older(gateway, instance);
        }
        self.install(gateway, instance, generation, config, targets);
        if !pending.running {
            self.cut_all(gateway, instance);
        }
        self.announce(gateway, instance);
    }

    /// Builds an instance's table anew from what its probes say.
    pub(super) fn refresh_table(&mut self, gateway: usize, instance: usize) {
        let Some(state) = self.instance_mut(gateway, instance) else {
            return;
        };
        let table = Arc::clone(&state.table);
        let targets = table.targets.clone();
        self.set_table(gateway, instance, (*table).clone(), targets);
    }

    pub(super) fn instance_mut(
        &mut self,
        gateway: usize,
        instance: usize,
    ) -> Option<&mut GatewayInstance> {
        self.network
            .gateways
            .get_mut(gateway)?
            .as_mut()?
            .instances
            .get_mut(instance)
    }

    fn gateway_slot(&mut self, id: &ResourceId) -> usize {
        self.network.gateway(id).unwrap_or_else(|| {
            self.network.gateways.push(Some(GatewayState {
                id: id.clone(),
                instances: Vec::new(),
                target_names: Vec::new(),
            }));
            self.network.gateways.len() - 1
        })
    }

    /// Gives the gateway that many instances: new ones listen once they apply a configuration,
    /// surplus ones are gone at once.
    fn resize_gateway(&mut self, slot: usize, count: usize) {
        let Some(state) = &mut self.network.gateways[slot] else {
            return;
        };
        let before = state.instances.len();
        for number in before..count {
            let number =
                u16::try_from(number).expect("because a gateway has at most 125 instances");
            let source = source_address(slot, number);
            let id = state.id.clone();
            state
                .instances
                .push(GatewayInstance::new(&id, number, source));
        }
        for instance in count..before {
            self.retire(slot, instance);
        }
        if let Some(state) = &mut self.network.gateways[slot] {
            state.instances.truncate(count);
        }
        self.touch();
    }

    /// Ends an instance: its probes stop and what it served is cut.
    fn retire(&mut self, gateway: usize, instance: usize) {
        self.cut_all(gateway, instance);
        let Some(state) = self.instance_mut(gateway, instance) else {
            return;
        };
        let streams = std::mem::take(&mut state.streams);
        for id in streams.into_values() {
            self.streams.close(id);
        }
    }

    /// Probes the members of a configuration, and only those.
    fn follow_members(&mut self, gateway: usize, instance: usize, config: &Gateway) {
        let targets = self.targets(gateway, config);
        let reset = self.network.knobs.probe_state_on_config == ProbeStateOnConfig::Reset;
        let Some(state) = self.instance_mut(gateway, instance) else {
            return;
        };
        let mut before = std::mem::take(&mut state.streams);
        let mut after = BTreeMap::new();
        for target in &targets {
            for member in distinct(&config.pools[target.pool].members) {
                let key = (target.id, member);
                let id = self.follow(
                    gateway,
                    instance,
                    config,
                    target,
                    member,
                    before.remove(&key),
                );
                if reset && let Some(stream) = self.streams.get_mut(id) {
                    stream.health = HealthState::default();
                }
                after.insert(key, id);
            }
        }
        for id in before.into_values() {
            self.streams.close(id);
        }
        if let Some(state) = self.instance_mut(gateway, instance) {
            state.streams = after;
        }
    }

    /// The stream for a member: the one before if it asks the same, else a new one.
    fn follow(
        &mut self,
        gateway: usize,
        instance: usize,
        config: &Gateway,
        target: &Target,
        member: Ipv4Addr,
        before: Option<ProbeId>,
    ) -> ProbeId {
        let settings = &config.settings[target.settings];
        if let Some(id) = before {
            let same = self
                .streams
                .get(id)
                .is_some_and(|stream| stream.probe == settings.probe);
            if same {
                return id;
            }
            self.streams.close(id);
        }
        let prober = Prober::Gateway {
            gateway: self.gateway_id(gateway),
            instance: u16::try_from(instance).unwrap_or(u16::MAX),
            pool: config.pools[target.pool].id.clone(),
            settings: settings.id.clone(),
        };
        let at = (member, settings.probe.port);
        self.open_stream(prober, at, settings.probe.clone(), Duration::from_secs(1))
    }

    fn gateway_id(&self, gateway: usize) -> ResourceId {
        self.network.gateways[gateway]
            .as_ref()
            .map(|state| state.id.clone())
            .expect("because callers hold the slot of a gateway that exists")
    }

    fn targets(&mut self, gateway: usize, config: &Gateway) -> Vec<Target> {
        self.network.gateways[gateway]
            .as_mut()
            .map(|state| state.targets(config))
            .unwrap_or_default()
    }

    fn install(
        &mut self,
        gateway: usize,
        instance: usize,
        generation: u64,
        config: Arc<Gateway>,
        targets: Vec<Target>,
    ) {
        let now = self.now;
        let Some(state) = self.instance_mut(gateway, instance) else {
            return;
        };
        let table = RoutingTable {
            generation,
            applied: now,
            config,
            ..(*state.table).clone()
        };
        self.set_table(gateway, instance, table, targets);
    }

    /// Publishes a table with the members its targets have now.
    fn set_table(
        &mut self,
        gateway: usize,
        instance: usize,
        table: RoutingTable,
        targets: Vec<Target>,
    ) {
        let revision = self.touch();
        let (streams, knobs) = (&self.streams, self.network.knobs.clone());
        let Some(state) = self.network.gateways[gateway].as_mut() else {
            return;
        };
        let state = &mut state.instances[instance];
        let targets = targets
            .into_iter()
            .map(|target| state.with_members(target, &table.config, streams, &knobs))
            .collect();
        state.table = Arc::new(RoutingTable {
            revision,
            targets,
            older: state.older.clone(),
            ..table
        });
    }

    fn announce(&mut self, gateway: usize, instance: usize) {
        let Some(state) = self.instance_mut(gateway, instance) else {
            return;
        };
        let table = Arc::clone(&state.table);
        self.emit(Event::GatewayApplied {
            gateway: table.gateway.clone(),
            instance: table.instance,
            generation: table.generation,
            pools: table
                .config
                .pools
                .iter()
                .map(|pool| (pool.id.clone(), pool.members.clone()))
                .collect(),
        });
    }
}

/// An instance's address. Which subnet a gateway is in does not reach the data plane, and only
/// flow hashes see the address, so each gateway gets a range of its own.
fn source_address(slot: usize, number: u16) -> Ipv4Addr {
    let slot = u8::try_from(slot % 256).unwrap_or_default();
    let [high, low] = (number + 4).to_be_bytes();
    Ipv4Addr::new(10, 255_u8.saturating_sub(high), slot, low)
}
