//! L3: after its holder's death the lock can be had within its time to live and a grace.
//!
//! The bound is the declared one, not what the lease itself says: a lease without an end would
//! otherwise excuse itself. Whoever was told by the store itself that things are as they were long
//! ago cannot know that the lock is free.

use turquoise_emulator::Instant;

use crate::invariant::Invariant;
use crate::observation::{Ending, Process};
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::L(3),
    judge,
};

/// The exit code for a lock that somebody else holds (failure-catalogue.md E.4).
const LOCK_HELD: u8 = 8;

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let observation = case.observation;
    let bound = observation.declared.policy.lock_within;
    for (number, process) in observation.record.processes.iter().enumerate() {
        // Everybody before it is dead or has ended by then.
        let Some(free) = last_sign_of_life(case, number, process) else {
            continue;
        };
        let due = free + bound;
        let ended = process.ended.unwrap_or(observation.window.swap_end);
        let waited = match process.ending {
            Ending::Exited { exit_code, .. } if exit_code == LOCK_HELD => ended > due,
            _ => first_hold(case, number).unwrap_or(ended) > due.max(process.started + bound),
        };
        if waited && !was_told_old_news(case, process.started, ended) {
            findings.report(ended, &["F80", "F81"], || {
                format!(
                    "process {number} did not get the lock within {bound:.0?} of its holder's death"
                )
            });
        }
    }
}

fn was_told_old_news(case: &Case<'_>, from: Instant, to: Instant) -> bool {
    let mut happened = case.observation.record.happened.iter();
    happened.any(|(at, name)| name == "stale_lease_read" && (from..=to).contains(at))
}

/// When the last process before this one, in the same store, was last alive; `None` while one of them
/// still is, and for the first one.
fn last_sign_of_life(case: &Case<'_>, number: usize, process: &Process) -> Option<Instant> {
    let observation = case.observation;
    let ended = process.ended.unwrap_or(observation.window.swap_end);
    let others = observation.record.processes.iter().enumerate();
    let rivals = others.filter(|(other, rival)| *other != number && rival.store == process.store);
    let alive = rivals.clone().any(|(_, rival)| {
        rival.started <= ended && rival.ended.is_none_or(|gone| gone >= process.started)
    });
    if alive {
        return None;
    }
    rivals
        .filter_map(|(_, rival)| rival.ended.filter(|gone| *gone <= process.started))
        .max()
}

/// When a process first had the lease.
fn first_hold(case: &Case<'_>, number: usize) -> Option<Instant> {
    let puts = case.observation.record.leases.iter();
    let mut own = puts.filter(|put| usize::from(put.process) == number && put.accepted);
    own.next().map(|put| put.at)
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::observation::Outcome;
    use crate::sample::{clean, process, secs};
    use crate::scenario::{Point, Verb};
    let mut observation = clean();
    observation.declared.policy.lock_within = std::time::Duration::from_secs(30);
    let crash = Ending::Crashed(Point::Time { at_ms: 30_000 });
    process(&mut observation, Verb::Swap, secs(100), secs(130), crash);
    let held = Ending::Exited {
        exit_code: LOCK_HELD,
        outcome: Outcome::Unchanged,
    };
    process(&mut observation, Verb::Rollback, secs(161), secs(161), held);
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{hold, secs};

    #[test]
    fn a_dead_holders_lock_is_free_in_time() {
        assert!(crate::judge(&broken()).violates(Invariant::L(3)));
        let mut early = broken();
        early.record.processes[1].started = secs(150);
        early.record.processes[1].ended = Some(secs(160));
        assert!(!crate::judge(&early).violates(Invariant::L(3)));
    }

    #[test]
    fn a_living_holder_keeps_it() {
        let mut observation = broken();
        observation.record.processes[0].ended = Some(secs(170));
        assert!(!crate::judge(&observation).violates(Invariant::L(3)));
    }

    #[test]
    fn waiting_for_the_lock_is_bounded_too() {
        for (got, violated) in [(190, false), (192, true)] {
            let mut observation = broken();
            observation.record.processes[1].ending = Ending::Running;
            observation.record.processes[1].ended = None;
            hold(&mut observation, 1, secs(got), 2);
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::L(3)),
                violated,
                "held at {got} s"
            );
        }
    }
}
