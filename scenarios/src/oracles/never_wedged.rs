//! L2: in every state resume, abort or rollback is possible, or the state is a safe place to wait
//! for a person.
//!
//! Seen from outside: whoever takes up an unfinished run is let in, and what is left in the end is
//! either over or a pool that serves, with a run that says why it stopped.

use turquoise_emulator::Instant;

use crate::invariant::Invariant;
use crate::observation::{Ending, Outcome, Process};
use crate::oracles::{Case, Findings, Oracle};
use crate::scenario::Verb;

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::L(2),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    for (number, process) in case.observation.record.processes.iter().enumerate() {
        judge_entry(case, number, process, findings);
        judge_exit(case, process, findings);
    }
}

/// Who resumes an unfinished run, while nobody else is at work on it, is not sent away.
fn judge_entry(case: &Case<'_>, number: usize, process: &Process, findings: &mut Findings) {
    let takes_up = matches!(
        process.verb,
        Verb::Resume | Verb::ResumeLast | Verb::Rollback
    );
    let Ending::Exited { exit_code, .. } = process.ending else {
        return;
    };
    // 8 is somebody else's lease, which L3 judges; 3 and 9 are refusals.
    if !takes_up || !matches!(exit_code, 3 | 9) || !is_unfinished(case, number, process) {
        return;
    }
    let at = process.ended.unwrap_or(process.started);
    // Nobody can take up what cannot be read: he says so, and comes again.
    if exit_code == 3 && store_was_away(case, process.started, at) {
        return;
    }
    findings.report(at, &["F72", "F76", "F97"], || {
        let (verb, reason) = (process.verb.name(), &process.reason);
        format!("`{verb}` of an unfinished run was refused with {exit_code}: {reason}")
    });
}

fn store_was_away(case: &Case<'_>, from: Instant, to: Instant) -> bool {
    let mut happened = case.observation.record.happened.iter();
    happened.any(|(at, name)| name == "store_unavailable" && (from..=to).contains(at))
}

/// Whether the pool was mixed when a process started, left so by a process that shares its store.
fn is_unfinished(case: &Case<'_>, number: usize, process: &Process) -> bool {
    let declared = &case.observation.declared;
    let mixed = case.timeline.arm_at(process.started).is_some_and(|pool| {
        pool.contains(&declared.old.address) && pool.contains(&declared.new.address)
    });
    let earlier = case.observation.record.processes.iter().take(number);
    let mut stores = earlier.filter(|other| other.store == process.store);
    mixed && stores.any(|other| other.ended.is_some())
}

/// Nobody works for ever, and nobody parks without a word.
fn judge_exit(case: &Case<'_>, process: &Process, findings: &mut Findings) {
    let at = process.ended.unwrap_or(case.observation.window.swap_end);
    match process.ending {
        Ending::Running => findings.report(at, &["F72", "F73", "F95"], || {
            format!("`{}` never ended, and holds its lease", process.verb.name())
        }),
        Ending::Exited {
            outcome: Outcome::Parked,
            ..
        } if process.reason.trim().is_empty() => {
            findings.report(at, &["F72"], || {
                "a run was parked without a reason that a person could act on".to_owned()
            });
        }
        _ => {}
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{clean, process, secs};
    let mut observation = clean();
    process(
        &mut observation,
        Verb::Swap,
        secs(100),
        secs(130),
        Ending::Crashed(crate::scenario::Point::Time { at_ms: 30_000 }),
    );
    let refused = Ending::Exited {
        exit_code: 9,
        outcome: Outcome::Unchanged,
    };
    process(
        &mut observation,
        Verb::Resume,
        secs(140),
        secs(141),
        refused,
    );
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{clean, process, secs};

    #[test]
    fn a_refusal_is_wrong_only_while_something_is_left_undone() {
        assert!(crate::judge(&broken()).violates(Invariant::L(2)));
        let mut over = broken();
        for process in &mut over.record.processes {
            process.started = secs(190);
        }
        assert!(!crate::judge(&over).violates(Invariant::L(2)));
    }

    #[test]
    fn nobody_is_let_in_while_the_store_is_away() {
        for (name, exit_code, violated) in [
            ("store_unavailable", 3, false),
            ("store_unavailable", 9, true),
            ("token_outage", 3, true),
        ] {
            let mut observation = broken();
            let last = observation.record.processes.last_mut();
            last.expect("it was refused").ending = Ending::Exited {
                exit_code,
                outcome: Outcome::Unchanged,
            };
            let event = (secs(140), name.to_owned());
            observation.record.happened.push(event);
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::L(2)),
                violated,
                "{name} {exit_code}"
            );
        }
    }

    #[test]
    fn who_parks_says_why() {
        for (reason, violated) in [("azure does not let us go on", false), (" ", true)] {
            let mut observation = clean();
            let parked = Ending::Exited {
                exit_code: 7,
                outcome: Outcome::Parked,
            };
            process(&mut observation, Verb::Swap, secs(100), secs(130), parked);
            reason.clone_into(&mut observation.record.processes[0].reason);
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::L(2)), violated, "{reason:?}");
        }
    }
}
