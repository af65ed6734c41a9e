//! Q7: no more streams are cut than were declared, itemised by the gateway write that cut them.
//!
//! A configuration write ends what is older than the drain time-out (F36). Such cuts are excused as
//! far as the plan declared them for each of its own writes, two on the way and two on the way
//! back. What another's write cuts is named and is not ours.

use std::collections::BTreeMap;

use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::ledger::{Class, Request};
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::Q(7),
    judge,
};

/// Writes that a plan may need in one direction (S24).
const WRITES: u64 = 2;

/// Streams that may be cut in a run: what was declared per write, for the writes that were made as
/// far as a plan has them.
pub(super) fn allowance(case: &Case<'_>) -> u64 {
    let declared = &case.observation.declared;
    let start = case.observation.window.swap_start;
    let ours = |event: &Event| match event {
        Event::GatewayWritten {
            gateway, caller, ..
        } => *gateway == declared.gateway && declared.is_ours(caller),
        _ => false,
    };
    let events = case.observation.events.iter();
    let written = events.filter(|timed| timed.at >= start && ours(&timed.event));
    let back = case.observation.phases.iter().any(|mark| mark.reverse);
    let planned = if back { 2 * WRITES } else { WRITES };
    declared.stream_cuts * planned.min(written.count() as u64)
}

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let writers = writers(case);
    let mut by_write: BTreeMap<u64, (Instant, u64)> = BTreeMap::new();
    let cut = case
        .ledger
        .requests()
        .filter(|request| request.class() == Class::StreamCut);
    for request in cut {
        if let Some(generation) = cutting_write(case, request) {
            let (_, count) = by_write
                .entry(generation)
                .or_insert_with(|| (request.client().ended, 0));
            *count += 1;
        }
    }
    let is_ours = |generation: &u64| {
        let caller = writers.get(generation).map_or("", |caller| caller);
        case.observation.declared.is_ours(caller)
    };
    let ours = by_write.iter().filter(|(write, _)| is_ours(write));
    let total: u64 = ours.clone().map(|(_, (_, count))| count).sum();
    let allowed = allowance(case);
    if total > allowed {
        let items: Vec<String> = ours
            .map(|(write, (_, count))| format!("{count} by the write of generation {write}"))
            .collect();
        let at = by_write.values().map(|(at, _)| *at).max();
        let at = at.unwrap_or(case.observation.window.swap_end);
        findings.report(at, &["F36", "F44", "F98"], || {
            format!(
                "{total} streams were cut and {allowed} had been declared: {}",
                items.join(", ")
            )
        });
    }
}

/// Who wrote each generation.
pub(super) fn writers<'c>(case: &Case<'c>) -> BTreeMap<u64, &'c str> {
    let events = case.observation.events.iter();
    let written = events.filter_map(|timed| match &timed.event {
        Event::GatewayWritten {
            gateway,
            generation,
            caller,
            ..
        } if *gateway == case.observation.declared.gateway => Some((*generation, caller.as_str())),
        _ => None,
    });
    written.collect()
}

/// The generation whose arrival at the gateway instance ended the one that a stream began under;
/// `None` when it ended for another reason, such as a member that became unhealthy.
fn cutting_write(case: &Case<'_>, request: Request<'_>) -> Option<u64> {
    let last = request.attempts().next_back()?;
    let (at, generation) = case
        .timeline
        .generation_after(last.instance, last.generation)?;
    (at <= last.ended).then_some(generation)
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    with_cuts(3)
}

/// A swap whose second write cuts that many streams.
#[cfg(test)]
fn with_cuts(count: usize) -> crate::Observation {
    use turquoise_emulator::ledger::{Attempt, RequestClass, Seen};

    use crate::sample::{at, clean, secs};
    let mut observation = clean();
    let first = at(&observation, secs(150));
    let ledgers = &mut observation.ledgers;
    for index in first..first + count {
        let ended = secs(190);
        let client = &mut ledgers.clients[index];
        client.class = RequestClass::WebSocket;
        client.ended = ended;
        if let Seen::Answer { complete, .. } = &mut client.seen {
            *complete = false;
        }
        let entry = &mut ledgers.gateway[index];
        (entry.outcome, entry.ended) = (Attempt::Cut, ended);
        ledgers.instances[index].ended = ended;
    }
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{FOREIGN, US};

    #[test]
    fn what_was_declared_for_each_write_is_excused_everywhere() {
        // Two writes were made.
        for (cuts, violated) in [(4, false), (5, true)] {
            let mut observation = with_cuts(cuts);
            observation.declared.stream_cuts = 2;
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::Q(7)), violated, "{cuts} cuts");
            assert_eq!(verdict.holds(), !violated, "{:?}", verdict.violations);
            assert_eq!(verdict.requests.of(Class::StreamCut), cuts as u64);
            assert_eq!(verdict.requests.lost(), 0);
        }
    }

    #[test]
    fn what_anothers_write_cuts_is_theirs() {
        let mut observation = with_cuts(3);
        for timed in &mut observation.events {
            if let Event::GatewayWritten {
                caller, generation, ..
            } = &mut timed.event
                && caller == US
                && *generation == 3
            {
                FOREIGN.clone_into(caller);
            }
        }
        assert!(!crate::judge(&observation).violates(Invariant::Q(7)));
    }
}
