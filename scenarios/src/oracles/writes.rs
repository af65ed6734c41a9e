//! Writes of the pool, in terms of the two sides.

use std::net::Ipv4Addr;

use turquoise_emulator::{Event, Instant};

use crate::observation::Role;
use crate::oracles::Case;

/// A write of the pool that Azure accepted.
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

/// Every write by the orchestrator under test since the swap began, in order of time.
pub(super) fn pool_writes(case: &Case<'_>) -> Vec<PoolWrite> {
    writes(case, true)
}

/// Every write by anyone else since the swap began, in order of time.
pub(super) fn strangers_writes(case: &Case<'_>) -> Vec<PoolWrite> {
    writes(case, false)
}

fn writes(case: &Case<'_>, ours: bool) -> Vec<PoolWrite> {
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
        let own_pool = pools.iter().find(|(pool, _)| *pool == declared.pool);
        let members = own_pool.map_or(&[][..], |(_, members)| members);
        let mut after: Vec<Role> = members
            .iter()
            .filter_map(|text| declared.role_of(text.parse::<Ipv4Addr>().ok()?))
            .collect();
        after.sort_unstable();
        after.dedup();
        if timed.at >= start && declared.is_ours(caller) == ours {
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
