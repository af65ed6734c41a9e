//! S23: the exit code and the claimed outcome agree with what happened.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use turquoise_emulator::Instant;

use crate::invariant::Invariant;
use crate::observation::{End, Outcome};
use crate::oracles::writes::overtaken_at_the_end;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(23),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let Some(end) = case.observation.end else {
        return;
    };
    let at = case.observation.window.swap_end;
    let mut report = |what: String| findings.report(at, &["F74", "F76", "F94"], || what);
    if !agree(end) {
        report(format!(
            "exit code {} does not mean `{}`",
            end.exit_code,
            end.outcome.name()
        ));
    }
    let Some(expected) = expected_pool(case, end.outcome) else {
        return;
    };
    if overtaken_at_the_end(case) {
        return;
    }
    for (place, members) in pools(case, at) {
        if members != expected {
            let (claimed, found) = (list(&expected), list(&members));
            let outcome = end.outcome.name();
            report(format!(
                "`{outcome}` means {claimed}, but {place} has {found}"
            ));
        }
    }
}

/// Whether an exit code may stand for an outcome (failure-catalogue.md E.4).
const fn agree(end: End) -> bool {
    match end.outcome {
        Outcome::Completed => matches!(end.exit_code, 0 | 13),
        Outcome::RolledBack => matches!(end.exit_code, 5 | 6),
        Outcome::Parked => matches!(end.exit_code, 7 | 11 | 12),
        // 0 is "nothing to do"; 12 a control plane that was never reached.
        Outcome::Unchanged => matches!(end.exit_code, 0 | 3 | 4 | 8 | 9 | 11 | 12 | 64),
        Outcome::Interrupted => matches!(end.exit_code, 10 | 130 | 143),
        Outcome::Failed => !matches!(end.exit_code, 0),
    }
}

/// The members that an outcome promises, where it promises any.
fn expected_pool(case: &Case<'_>, outcome: Outcome) -> Option<BTreeSet<Ipv4Addr>> {
    let declared = &case.observation.declared;
    match outcome {
        Outcome::Completed => Some([declared.new.address].into()),
        Outcome::RolledBack => Some([declared.old.address].into()),
        Outcome::Unchanged => {
            let before = case.timeline.arm_at(last_start(case))?;
            Some(before.iter().copied().collect())
        }
        Outcome::Parked | Outcome::Interrupted | Outcome::Failed => None,
    }
}

/// When the process began that had the last word: it answers for nothing before.
fn last_start(case: &Case<'_>) -> Instant {
    let processes = case.observation.record.processes.iter();
    let last = processes.max_by_key(|process| process.ended);
    last.map_or(case.observation.window.swap_start, |process| {
        process.started
    })
}

/// Our pool as ARM and each gateway instance have it.
fn pools(case: &Case<'_>, at: Instant) -> Vec<(String, BTreeSet<Ipv4Addr>)> {
    let timeline = case.timeline;
    let set = |members: &[Ipv4Addr]| members.iter().copied().collect();
    let arm = timeline
        .arm_at(at)
        .map(|members| ("the pool in ARM".to_owned(), set(members)));
    let instances = timeline.gateway_instances().filter_map(|instance| {
        let members = timeline.effective_at(instance, at)?;
        Some((format!("gateway instance {instance}"), set(members)))
    });
    arm.into_iter().chain(instances).collect()
}

fn list(members: &BTreeSet<Ipv4Addr>) -> String {
    let names: Vec<String> = members.iter().map(Ipv4Addr::to_string).collect();
    format!("{{{}}}", names.join(", "))
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{NEW, OLD, applied, clean, insert, secs};
    let mut observation = clean();
    // One gateway instance went back to both sides, and the report says completed.
    insert(&mut observation, secs(198), applied(1, 3, &[OLD, NEW]));
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Ending;
    use crate::sample::clean;
    use crate::scenario::Verb;

    #[test]
    fn each_outcome_has_its_exit_codes() {
        let cases = [
            (0, Outcome::Completed, true),
            (13, Outcome::Completed, true),
            (5, Outcome::Completed, false),
            (0, Outcome::RolledBack, false),
            (5, Outcome::RolledBack, true),
            (7, Outcome::Parked, true),
            (0, Outcome::Parked, false),
            (8, Outcome::Unchanged, true),
            (0, Outcome::Failed, false),
        ];
        for (exit_code, outcome, truthful) in cases {
            assert_eq!(
                agree(End { exit_code, outcome }),
                truthful,
                "{exit_code} {outcome:?}"
            );
        }
    }

    #[test]
    fn claiming_that_nothing_changed_after_a_swap_is_untrue() {
        let mut observation = clean();
        observation.end = Some(End {
            exit_code: 4,
            outcome: Outcome::Unchanged,
        });
        assert!(crate::judge(&observation).violates(Invariant::S(23)));
    }

    #[test]
    fn a_later_process_that_changed_nothing_may_say_so() {
        use crate::sample::{process, secs};
        let mut observation = clean();
        let unchanged = Ending::Exited {
            exit_code: 11,
            outcome: Outcome::Unchanged,
        };
        let verb = Verb::Rollback;
        process(&mut observation, verb, secs(195), secs(196), unchanged);
        observation.end = Some(End {
            exit_code: 11,
            outcome: Outcome::Unchanged,
        });
        assert!(!crate::judge(&observation).violates(Invariant::S(23)));
    }
}
