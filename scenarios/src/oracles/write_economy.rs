//! S24: at most two gateway writes forward and two more per rollback, none of them without effect.

use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(24),
    judge,
};

/// Gateway writes that a swap, and each rollback, may make.
const WRITES_PER_WAY: usize = 2;

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let writes = our_writes(case);
    let failures = failed_operations(case);
    let mut previous = case.observation.window.swap_start;
    for write in &writes {
        let repairs = failures
            .iter()
            .any(|failed| (previous..=write.at).contains(failed));
        if !write.effect && !repairs {
            findings.report(write.at, &["F98"], || {
                "a gateway write changed nothing".to_owned()
            });
        }
        previous = write.at;
    }
    let allowed = WRITES_PER_WAY * (1 + rollbacks(case)) + failures.len();
    if let Some(write) = writes.get(allowed) {
        findings.report(write.at, &["F36", "F96", "F98"], || {
            format!(
                "{} gateway writes were made where {allowed} are allowed",
                writes.len()
            )
        });
    }
}

struct Write {
    at: Instant,
    effect: bool,
}

/// Our writes since the swap began, and whether each had an effect.
fn our_writes(case: &Case<'_>) -> Vec<Write> {
    let declared = &case.observation.declared;
    let events = case.observation.events_of_the_swap();
    let writes = events.filter_map(|timed| match &timed.event {
        Event::GatewayWritten {
            gateway,
            caller,
            changed,
            ..
        } if *gateway == declared.gateway && declared.is_ours(caller) => Some(Write {
            at: timed.at,
            effect: !changed.is_empty(),
        }),
        _ => None,
    });
    writes.collect()
}

/// When operations on the gateway ended without success since the swap began. What they left is
/// partly applied or not at all (F61, F66), so each earns one write that repairs it, even one that
/// the control plane takes for no change.
fn failed_operations(case: &Case<'_>) -> Vec<Instant> {
    let declared = &case.observation.declared;
    let events = case.observation.events_of_the_swap();
    let failed = events.filter(|timed| match &timed.event {
        Event::OperationEnded {
            resource,
            verb,
            status,
        } => {
            *resource == declared.gateway
                && matches!(verb.as_str(), "PUT" | "PATCH")
                && status != "Succeeded"
        }
        _ => false,
    });
    failed.map(|timed| timed.at).collect()
}

/// How often the journal turns from the way forward to the way back, or begins anew after it. What
/// undoes a rollback tells its first phases as the way back too, until its plan says where it goes;
/// a resume begins anew from P0 and P1 alone.
fn rollbacks(case: &Case<'_>) -> usize {
    let reverse: Vec<bool> = case
        .observation
        .phases
        .iter()
        .map(|mark| mark.reverse)
        .collect();
    let first = usize::from(reverse.first() == Some(&true));
    let marks = case.observation.phases.windows(2);
    let anew = marks.filter(|pair| {
        let unplanned = pair[1].reverse && pair[0].phase > 1;
        pair[0].reverse && pair[1].phase == 0 && (!pair[1].reverse || unplanned)
    });
    first
        + anew.count()
        + reverse
            .windows(2)
            .filter(|pair| !pair[0] && pair[1])
            .count()
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{NEW, OLD, US, clean, insert, secs, written};
    let mut observation = clean();
    insert(&mut observation, secs(150), written(US, 9, &[NEW, OLD]));
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::PhaseMark;
    use crate::sample::{FOREIGN, NEW, OLD, US, clean, gateway, insert, secs, written};

    #[test]
    fn a_rollback_may_write_twice_more() {
        for (writes, violated) in [(2, false), (3, true)] {
            let mut observation = clean();
            observation.phases.push(PhaseMark {
                at: secs(196),
                phase: 4,
                reverse: true,
            });
            for generation in 0..writes {
                insert(
                    &mut observation,
                    secs(197),
                    written(US, 10 + generation, &[OLD, NEW]),
                );
            }
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::S(24)),
                violated,
                "{writes} more writes"
            );
        }
    }

    /// What undoes a rollback is told as the way back until its plan is known; a resume is no new way.
    #[test]
    fn a_rollback_of_a_rollback_writes_twice_more_and_a_resume_does_not() {
        for (last, violated) in [(11, false), (1, true)] {
            let mut observation = clean();
            for (at, phase, reverse) in [
                (196, 2, true),
                (197, last, true),
                (198, 0, true),
                (198, 2, false),
            ] {
                observation.phases.push(PhaseMark {
                    at: secs(at),
                    phase,
                    reverse,
                });
            }
            for generation in 0..4 {
                insert(
                    &mut observation,
                    secs(199),
                    written(US, 10 + generation, &[OLD, NEW]),
                );
            }
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(24)), violated, "P{last}");
        }
    }

    #[test]
    fn a_write_without_effect_is_a_breach() {
        let mut observation = clean();
        for timed in &mut observation.events {
            if let Event::GatewayWritten {
                generation: 3,
                changed,
                ..
            } = &mut timed.event
            {
                changed.clear();
            }
        }
        assert!(crate::judge(&observation).violates(Invariant::S(24)));
    }

    #[test]
    fn a_write_that_repairs_a_failed_operation_is_no_waste() {
        for (status, violated) in [("Failed", false), ("Canceled", false), ("Succeeded", true)] {
            let mut observation = clean();
            let ended = Event::OperationEnded {
                resource: gateway(),
                verb: "PUT".to_owned(),
                status: status.to_owned(),
            };
            insert(&mut observation, secs(130), ended);
            let mut repair = written(US, 9, &[OLD, NEW]);
            if let Event::GatewayWritten { changed, .. } = &mut repair {
                changed.clear();
            }
            insert(&mut observation, secs(131), repair);
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(24)), violated, "{status}");
        }
    }

    #[test]
    fn writes_by_others_are_theirs() {
        let mut observation = clean();
        insert(
            &mut observation,
            secs(150),
            written(FOREIGN, 9, &[NEW, OLD]),
        );
        assert!(!crate::judge(&observation).violates(Invariant::S(24)));
    }
}
