//! Writes of the pool, in terms of the two sides.

use std::net::Ipv4Addr;

use turquoise_emulator::{Event, Instant};

use crate::observation::{Caller, FROZEN_ON_THE_WAY, Role};
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

/// When the process that made the write at a place among the events was frozen with nothing left to do
/// but the call: what it knew, it knew then. Against what happened meanwhile there is only
/// `If-Match`.
pub(super) fn frozen_on_its_way(case: &Case<'_>, index: usize) -> Option<Instant> {
    let observation = case.observation;
    let write = observation.events.get(index)?;
    let Event::GatewayWritten { caller, .. } = &write.event else {
        return None;
    };
    let mut freezes = observation.record.happened.iter().rev();
    let (frozen, _) = freezes.find(|(at, name)| name == FROZEN_ON_THE_WAY && *at <= write.at)?;
    // Whoever has called since then has had occasion to look again.
    let writer = Caller::read(caller);
    let called = observation.events[..index].iter().any(|timed| {
        matches!(&timed.event, Event::Arm { caller, .. }
            if timed.at > *frozen && Caller::read(caller) == writer)
    });
    (!called).then_some(*frozen)
}

/// Whether somebody else wrote our pool while the process that had the last word stood still in its
/// last phase: it had looked, and could not look again.
pub(super) fn overtaken_at_the_end(case: &Case<'_>) -> bool {
    let observation = case.observation;
    let last = observation.phases.last().filter(|mark| mark.phase == 11);
    let Some(entered) = last.map(|mark| mark.at) else {
        return false;
    };
    let mut happened = observation.record.happened.iter();
    let Some((froze, _)) = happened.find(|(at, name)| name == "pause" && *at >= entered) else {
        return false;
    };
    let until = observation.window.swap_end;
    let mut theirs = strangers_writes(case).into_iter();
    theirs.any(|write| (*froze..=until).contains(&write.at))
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
