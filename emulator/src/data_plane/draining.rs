//! What was dispatched before a change: it may finish until the drain time-out, then it is cut.
//!
//! Each gateway instance drains on its own, by pool and settings (azure-facts.md §5.5). The
//! simulated traffic is cut here; the live drive is asked to ([`DueCut`]).

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::gateway::routing_table::{Older, RoutingTable, Target};
use super::gateway::{Draining, GatewayInstance, TargetId, distinct};
use super::traffic::{Cut, CutScope};
use super::{Counts, DataPlane, DueCut, ProbeMode, Timer};
use crate::desired::Gateway;
use crate::event::Event;

/// A drain time-out to come.
#[derive(Clone, Debug)]
pub(super) struct DrainEnd {
    gateway: usize,
    instance: usize,
    target: TargetId,
    /// Which dispatches it ends.
    scope: CutScope,
    /// The members meant.
    members: Members,
}

/// Which members a drain time-out ends.
#[derive(Clone, Debug)]
enum Members {
    /// Those an update removed; with the knob for it, all that were there before.
    Replaced {
        before: Vec<Ipv4Addr>,
        removed: Vec<Ipv4Addr>,
    },
    /// One that became unhealthy, if it still is.
    Unhealthy(Ipv4Addr),
}

impl DataPlane {
    /// Starts the drain time-outs of what the old configuration dispatched.
    pub(super) fn begin_drains(
        &mut self,
        gateway: usize,
        instance: usize,
        old: &Arc<RoutingTable>,
        config: &Gateway,
        targets: &[Target],
    ) {
        let mut longest = Duration::ZERO;
        for target in &old.targets {
            let drain = drain_timeout(old, target, config);
            longest = longest.max(drain);
            let kept: &[Ipv4Addr] = targets
                .iter()
                .find(|after| after.id == target.id)
                .map_or(&[], |after| &config.pools[after.pool].members);
            let before: Vec<Ipv4Addr> = distinct(&old.pool(target).members).collect();
            let removed: Vec<Ipv4Addr> = before
                .iter()
                .copied()
                .filter(|member| !kept.contains(member))
                .collect();
            self.note_draining(gateway, instance, target.id, (kept, &removed), drain);
            let end = DrainEnd {
                gateway,
                instance,
                target: target.id,
                scope: CutScope::UpToGeneration(old.generation),
                members: Members::Replaced { before, removed },
            };
            let at = self.now + drain;
            self.timers.add(at, Timer::DrainEnd(Box::new(end)));
        }
        if !old.targets.is_empty() {
            self.keep_older(gateway, instance, old, longest);
        }
    }

    /// A member became unhealthy, and the knob has it drained.
    pub(super) fn drain_unhealthy(
        &mut self,
        gateway: usize,
        instance: usize,
        (target, member): (TargetId, Ipv4Addr),
    ) {
        let now = self.now;
        let Some(state) = self.instance_mut(gateway, instance) else {
            return;
        };
        let table = &state.table;
        let Some(found) = table.targets.iter().find(|known| known.id == target) else {
            return;
        };
        let at = now + table.settings(found).drain_timeout;
        let end = DrainEnd {
            gateway,
            instance,
            target,
            scope: CutScope::DispatchedBefore(now),
            members: Members::Unhealthy(member),
        };
        self.timers.add(at, Timer::DrainEnd(Box::new(end)));
    }

    /// A drain time-out passes: what is left is cut.
    pub(super) fn end_drain(&mut self, drain: &DrainEnd) {
        let (gateway, instance) = (drain.gateway, drain.instance);
        let now = self.now;
        let Some(state) = self.instance_mut(gateway, instance) else {
            return;
        };
        let before = (state.draining.len(), state.older.len());
        state.draining.retain(|draining| draining.until > now);
        state.older.retain(|older| older.until > now);
        let changed = before != (state.draining.len(), state.older.len());
        let members = self.members_to_cut(drain);
        if changed {
            self.refresh_table(gateway, instance);
        }
        let cut = Cut {
            gateway,
            instance,
            target: Some(drain.target),
            scope: drain.scope,
            members: Some(&members),
        };
        self.cut(&cut);
    }

    /// Cuts everything an instance serves: it stops or is gone.
    pub(super) fn cut_all(&mut self, gateway: usize, instance: usize) {
        self.cut(&Cut {
            gateway,
            instance,
            target: None,
            scope: CutScope::UpToGeneration(u64::MAX),
            members: None,
        });
    }

    /// Closes every connection an older configuration still serves: the instance stops.
    pub(super) fn forget_older(&mut self, gateway: usize, instance: usize) {
        if let Some(state) = self.instance_mut(gateway, instance) {
            state.older.clear();
            state.draining.clear();
        }
    }

    fn members_to_cut(&mut self, drain: &DrainEnd) -> Vec<Ipv4Addr> {
        let cut_on_any_put = self.network.knobs.cut_on_any_put;
        let Some(state) = self.instance_mut(drain.gateway, drain.instance) else {
            return Vec::new();
        };
        match &drain.members {
            Members::Replaced { before, .. } if cut_on_any_put => before.clone(),
            Members::Replaced { removed, .. } => still_removed(state, drain.target, removed),
            Members::Unhealthy(member) => {
                let id = state.streams.get(&(drain.target, *member)).copied();
                let down = id.is_some_and(|id| self.streams.health(id).verdict == Some(false));
                down.then_some(*member).into_iter().collect()
            }
        }
    }

    /// Members removed drain from now on, and those kept no longer do.
    fn note_draining(
        &mut self,
        gateway: usize,
        instance: usize,
        target: TargetId,
        (kept, removed): (&[Ipv4Addr], &[Ipv4Addr]),
        drain: Duration,
    ) {
        let until = self.now + drain;
        let Some(state) = self.instance_mut(gateway, instance) else {
            return;
        };
        state
            .draining
            .retain(|draining| draining.target != target || !kept.contains(&draining.address));
        state
            .draining
            .extend(removed.iter().map(|address| Draining {
                target,
                address: *address,
                until,
            }));
    }

    fn keep_older(
        &mut self,
        gateway: usize,
        instance: usize,
        old: &RoutingTable,
        longest: Duration,
    ) {
        let now = self.now;
        if let Some(state) = self.instance_mut(gateway, instance) {
            let table = RoutingTable {
                older: Vec::new(),
                ..old.clone()
            };
            state.older.push(Older {
                table: Arc::new(table),
                replaced: now,
                until: now + longest,
            });
        }
    }

    fn cut(&mut self, cut: &Cut<'_>) {
        let now = self.now;
        if self.config.probes == ProbeMode::External {
            self.ask_for_cut(cut);
            return;
        }
        let counts = self.traffic.cut(now, cut);
        self.report_cut(cut, counts);
    }

    fn ask_for_cut(&mut self, cut: &Cut<'_>) {
        let Some(state) = &self.network.gateways[cut.gateway] else {
            return;
        };
        let addresses: Vec<Option<Ipv4Addr>> = match cut.members {
            None => vec![None],
            Some(members) => members.iter().copied().map(Some).collect(),
        };
        let instance = state.instances[cut.instance].table.instance;
        let gateway = state.id.clone();
        self.due_cuts
            .extend(addresses.into_iter().map(|address| DueCut {
                gateway: gateway.clone(),
                instance,
                address,
                scope: cut.scope,
            }));
    }

    fn report_cut(&mut self, cut: &Cut<'_>, counts: Counts) {
        let Some(state) = &self.network.gateways[cut.gateway] else {
            return;
        };
        let gateway = state.id.clone();
        let instance = state.instances[cut.instance].table.instance;
        for (address, cut) in counts {
            self.emit(Event::DrainCut {
                gateway: gateway.clone(),
                instance,
                address,
                cut,
            });
        }
    }
}

/// The drain time-out of a target: the new configuration's where it still has the settings.
fn drain_timeout(old: &RoutingTable, target: &Target, config: &Gateway) -> Duration {
    let settings = old.settings(target);
    config
        .settings
        .iter()
        .find(|after| after.id == settings.id)
        .unwrap_or(settings)
        .drain_timeout
}

/// Members removed by an update and not brought back since.
fn still_removed(state: &GatewayInstance, target: TargetId, removed: &[Ipv4Addr]) -> Vec<Ipv4Addr> {
    removed
        .iter()
        .copied()
        .filter(|member| !state.streams.contains_key(&(target, *member)))
        .collect()
}
