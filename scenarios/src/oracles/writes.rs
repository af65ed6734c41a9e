//! The orchestrator's writes of the pool, in terms of the two sides.

use std::net::Ipv4Addr;

use turquoise_emulator::{Event, Instant};

use crate::observation::Role;
use crate::oracles::Case;

/// A write of the pool that Azure accepted from the orchestrator under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PoolWrite {
    /// When.
    pub(super) at: Instant,
    /// Its place among the events.
    pub(super) index: usize,
    /// The sides in the pool before it.
    pub(super) before: Vec<Role>,
    /// The sides in the pool after it.
    pub(super) after: Vec<Role>,
}

impl PoolWrite {
    /// Whether the pool is another one after it.
    pub(super) fn changes(&self) -> bool {
        self.before != self.after
    }

    /// The sides that it adds.
    pub(super) fn added(&self) -> impl Iterator<Item = Role> {
        let added = |role: &Role| !self.before.contains(role);
        self.after.iter().copied().filter(added)
    }

    /// The sides that it removes.
    pub(super) fn removed(&self) -> impl Iterator<Item = Role> {
        let removed = |role: &Role| !self.after.contains(role);
        self.before.iter().copied().filter(removed)
    }

    /// What it lists, for sentences.
    pub(super) fn listed(&self) -> &'static str {
        match self.after[..] {
            [] => "nobody",
            [Role::Old] => "the old side alone",
            [Role::New] => "the new side alone",
            _ => "both sides",
        }
    }
}

/// Every such write since the swap began, in order of time.
pub(super) fn pool_writes(case: &Case<'_>) -> Vec<PoolWrite> {
    let declared = &case.observation.declared;
    let start = case.observation.window.swap_start;
    let (mut before, mut writes) = (Vec::new(), Vec::new());
    for (index, timed) in case.observation.events.iter().enumerate() {
        let Event::GatewayWritten {
            gateway,
            caller,
            pools,
            ..
        } = &timed.event
        else {
            continue;
        };
        if *gateway != declared.gateway {
            continue;
        }
        let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
        let members = ours.map_or(&[][..], |(_, members)| members);
        let mut after: Vec<Role> = members
            .iter()
            .filter_map(|text| declared.role_of(text.parse::<Ipv4Addr>().ok()?))
            .collect();
        after.sort_unstable();
        after.dedup();
        if timed.at >= start && declared.is_ours(caller) {
            writes.push(PoolWrite {
                at: timed.at,
                index,
                before: before.clone(),
                after: after.clone(),
            });
        }
        before = after;
    }
    writes
}
