//! The data plane as the control plane sees it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use turquoise_arm::ResourceId;

use super::DataPlane;
use super::gateway::{GatewayState, TargetId};
use super::instance::Stage;
use super::load_balancer::members;
use super::probe::HealthState;
use crate::desired::InstanceKey;
use crate::reported::{Health, InstanceReport, MemberHealth, Reported};
use crate::time::Instant;

impl Reported for DataPlane {
    fn backend_health(&self, gateway: &ResourceId) -> Vec<MemberHealth> {
        let Some(state) = self
            .network
            .gateway(gateway)
            .and_then(|slot| self.network.gateways[slot].as_ref())
        else {
            return Vec::new();
        };
        self.views(state)
            .into_iter()
            .map(|((target, address), view)| {
                let (pool, settings) = state.target_names[target as usize].clone();
                MemberHealth {
                    pool,
                    settings,
                    address,
                    health: view.merged(state.instances.len()),
                    log: view.log,
                }
            })
            .collect()
    }

    fn rule_health(&self, load_balancer: &ResourceId, rule: &str) -> Vec<(Ipv4Addr, bool)> {
        let Some(balancer) = self.network.balancers.get(load_balancer) else {
            return Vec::new();
        };
        let named = balancer
            .config
            .rules
            .iter()
            .filter(|known| known.name.eq_ignore_ascii_case(rule));
        named
            .flat_map(|rule| {
                members(rule, &self.network.machines).map(|machine| {
                    let address = machine.spec.address;
                    let healthy = balancer.is_healthy(rule, address, &self.streams);
                    (address, healthy)
                })
            })
            .collect()
    }

    fn instance(&self, key: &InstanceKey) -> Option<InstanceReport> {
        let machine = &self.network.machines[self.slot_of(key)?];
        let application_health = machine.spec.health_extension.as_ref().map(|_| {
            machine
                .extension
                .is_some_and(|id| self.streams.health(id).verdict == Some(true))
        });
        Some(InstanceReport {
            power: machine.power(),
            provisioned: machine.provisioned(),
            application_health,
        })
    }

    fn utilisation(&self, now: Instant, scale_set: &ResourceId, window: Duration) -> Option<f64> {
        let (mut busy, mut capacity) = (Duration::ZERO, Duration::ZERO);
        for machine in &self.network.machines {
            if machine.spec.key.scale_set != *scale_set || machine.stage <= Stage::Booting {
                continue;
            }
            let from = (now - window).max(machine.running_since);
            let (own, length) = machine.meter.between(from, now);
            busy += own;
            capacity += length * machine.view.application.workers.max(1);
        }
        let share = busy.as_secs_f64() / capacity.as_secs_f64();
        (!capacity.is_zero()).then(|| (share * 100.0).min(100.0))
    }
}

/// What the instances of a gateway think of one member.
#[derive(Clone, Debug, Default)]
struct View {
    up: usize,
    down: usize,
    unknown: usize,
    log: String,
}

impl View {
    fn count(&mut self, health: HealthState) {
        match health.verdict {
            Some(true) => self.up += 1,
            Some(false) => self.down += 1,
            None => self.unknown += 1,
        }
        // A failing probe's story is worth more than a passing one's.
        if let Some(last) = health.last
            && (self.log.is_empty() || health.verdict == Some(false) || !health.last_was_good())
        {
            self.log = last.to_string();
        }
    }

    /// One word for all instances; those that do not know the member disagree with the others.
    fn merged(&self, instances: usize) -> Health {
        let listed = self.up + self.down + self.unknown;
        if listed == 0 {
            Health::Draining
        } else if self.up == instances {
            Health::Up
        } else if self.down == instances {
            Health::Down
        } else if self.up + self.down == 0 {
            Health::Unknown
        } else {
            Health::Partial
        }
    }
}

impl DataPlane {
    /// Every member of every instance's configuration, in the order of targets and addresses.
    fn views(&self, state: &GatewayState) -> BTreeMap<(TargetId, Ipv4Addr), View> {
        let mut views: BTreeMap<(TargetId, Ipv4Addr), View> = BTreeMap::new();
        for instance in &state.instances {
            for (key, id) in &instance.streams {
                views
                    .entry(*key)
                    .or_default()
                    .count(self.streams.health(*id));
            }
            if !self.network.knobs.show_draining {
                continue;
            }
            for draining in &instance.draining {
                let key = (draining.target, draining.address);
                views.entry(key).or_default();
            }
        }
        views
    }
}
