//! S17: phases follow the machine, and intent is durable before each write.
//!
//! The automaton here is this oracle's own, written down from the catalogue's phases and not from the
//! orchestrator's code (H11).

mod automaton;

use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::journal::{Line, lines};
use crate::observation::Caller;
use crate::oracles::{Case, Findings, Oracle};

use self::automaton::Stop;

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(17),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let lines = lines(case.observation);
    if lines.is_empty() {
        judge_marks(case, findings);
    } else {
        judge_runs(&lines, findings);
        judge_intents(case, &lines, findings);
    }
}

/// Without a journal the phases that were told are all there is: those of one process.
fn judge_marks(case: &Case<'_>, findings: &mut Findings) {
    let mut last = None;
    let written = first_write(case);
    for mark in &case.observation.phases {
        let next = Stop::of_mark(*mark);
        let undoes = written.is_some_and(|at| at <= mark.at) && automaton::undoes(last, next);
        if !automaton::follows(last, next) && !undoes {
            illegal(mark.at, last, next, findings);
        }
        last = Some(next);
    }
}

/// Each run's states, in the order of its journal; a `began` line is where another process took up.
fn judge_runs(lines: &[Line<'_>], findings: &mut Findings) {
    let runs: std::collections::BTreeSet<_> =
        lines.iter().map(|line| (line.store, line.run)).collect();
    for run in runs {
        let (mut last, mut resumed, mut intended) = (None, false, false);
        for line in lines.iter().filter(|line| (line.store, line.run) == run) {
            intended |= line.kind() == "writing";
            if line.kind() == "began" {
                resumed = last.is_some();
            }
            let Some(next) = line.entered().and_then(|entered| Stop::of_line(&entered)) else {
                continue;
            };
            let legal = if resumed {
                automaton::resumes(last, next)
            } else {
                automaton::follows(last, next)
            };
            // What was intended may have acted, whatever the pool lists since (F61).
            if !(legal || intended && automaton::undoes(last, next)) {
                illegal(line.at, last, next, findings);
            }
            (last, resumed) = (Some(next), false);
        }
    }
}

/// When the gateway first took a write of ours.
fn first_write(case: &Case<'_>) -> Option<Instant> {
    let (declared, start) = (
        &case.observation.declared,
        case.observation.window.swap_start,
    );
    let events = case.observation.events.iter();
    let mut writes = events.filter(|timed| {
        matches!(&timed.event, Event::GatewayWritten { gateway, caller, .. }
            if timed.at >= start && *gateway == declared.gateway && declared.is_ours(caller))
    });
    writes.next().map(|timed| timed.at)
}

fn illegal(at: Instant, last: Option<Stop>, next: Stop, findings: &mut Findings) {
    findings.report(at, &["F61", "F76", "F82", "F99"], || match last {
        Some(last) => format!("{next} does not follow from {last}"),
        None => format!("no run begins in {next}"),
    });
}

/// Whatever was changed was announced in the journal first, by the process that changed it.
fn judge_intents(case: &Case<'_>, lines: &[Line<'_>], findings: &mut Findings) {
    let observation = case.observation;
    let (declared, start) = (&observation.declared, observation.window.swap_start);
    let mut used = vec![false; lines.len()];
    for timed in observation.events.iter().filter(|timed| timed.at >= start) {
        let (announced, what) = match &timed.event {
            Event::GatewayWritten {
                gateway,
                caller,
                pools,
                ..
            } if *gateway == declared.gateway && declared.is_ours(caller) => {
                let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
                let members = ours.map(|(_, members)| members.clone()).unwrap_or_default();
                let process = Caller::read(caller).process;
                let intent = lines.iter().zip(&used).position(|(line, used)| {
                    !used
                        && line.process == process
                        && line.at <= timed.at
                        && line.writes_members().is_some_and(|to| same(&to, &members))
                });
                if let Some(index) = intent {
                    used[index] = true;
                }
                (intent.is_some(), gateway.name().to_owned())
            }
            Event::Arm {
                method,
                target,
                caller,
                applied: true,
                ..
            } if declared.is_ours(caller) && is_borrowed(method, target) => {
                let path = target
                    .split('?')
                    .next()
                    .unwrap_or(target)
                    .to_ascii_lowercase();
                let intent = lines.iter().any(|line| {
                    line.at <= timed.at && line.touches().is_some_and(|touched| touched == path)
                });
                (intent, path)
            }
            _ => continue,
        };
        if !announced {
            findings.report(timed.at, &["F64", "F93", "F100"], || {
                format!("`{what}` was written before the journal said so")
            });
        }
    }
}

/// Whether the request changes something that a swap borrows: autoscale limits or a capacity.
fn is_borrowed(method: &str, target: &str) -> bool {
    let target = target.to_ascii_lowercase();
    method == "PUT" && target.contains("/autoscalesettings/")
        || method == "PATCH" && target.contains("/virtualmachinescalesets/")
}

fn same(a: &[String], b: &[String]) -> bool {
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list
    };
    sorted(a) == sorted(b)
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    let mut observation = crate::sample::clean();
    // From P6 straight to P8: nobody wrote {new}.
    observation.phases.retain(|mark| mark.phase != 7);
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{clean, journal, secs};

    /// The journal of the clean run, up to its second write.
    const HONEST: &[(u64, &str)] = &[
        (100, r#"{"record":"began"}"#),
        (100, r#"{"record":"entered","state":"Observing"}"#),
        (100, r#"{"record":"entered","state":"Preflighting"}"#),
        (101, r#"{"record":"entered","state":"Warming"}"#),
        (110, r#"{"record":"entered","state":"Gating"}"#),
        (119, r#"{"record":"entered","state":"Adding"}"#),
        (
            119,
            r#"{"record":"writing","write":{"to":["10.0.1.4","10.0.2.4"]}}"#,
        ),
        (130, r#"{"record":"entered","state":"ConfirmingAdd"}"#),
        (140, r#"{"record":"entered","state":"BakingMixed"}"#),
        (159, r#"{"record":"entered","state":"Removing"}"#),
        (159, r#"{"record":"writing","write":{"to":["10.0.2.4"]}}"#),
    ];

    fn judged(lines: &[(u64, &str)]) -> bool {
        let mut observation = clean();
        for (at, line) in lines {
            journal(&mut observation, 0, secs(*at), line);
        }
        crate::judge(&observation).violates(Invariant::S(17))
    }

    #[test]
    fn intents_come_before_writes_and_are_spent_by_them() {
        assert!(!judged(HONEST));
        for missing in [
            "\"to\":[\"10.0.1.4\",\"10.0.2.4\"]",
            "\"to\":[\"10.0.2.4\"]",
        ] {
            let without: Vec<_> = HONEST
                .iter()
                .copied()
                .filter(|(_, line)| !line.contains(missing))
                .collect();
            assert!(judged(&without), "without {missing}");
        }
        let mut late = HONEST.to_vec();
        late.last_mut().expect("a line").0 = 161;
        assert!(judged(&late));
    }

    /// A write that was intended may have acted, so giving up goes back with proof; before it there
    /// is nothing to undo.
    #[test]
    fn only_after_a_write_of_ours_does_giving_up_go_back() {
        let died: Vec<_> = HONEST
            .iter()
            .copied()
            .take(7)
            .chain([
                (161, r#"{"record":"began"}"#),
                (161, r#"{"record":"entered","state":"Gating"}"#),
                (162, r#"{"record":"entered","state":"Reverting"}"#),
                (162, r#"{"record":"writing","write":{"to":["10.0.2.4"]}}"#),
            ])
            .collect();
        let states = |lines: &[(u64, &'static str)]| {
            let mut observation = clean();
            for (at, line) in lines {
                journal(&mut observation, 0, secs(*at), line);
            }
            let verdict = crate::judge(&observation);
            let found = verdict.violations.iter();
            found
                .filter(|found| found.what.contains("does not follow"))
                .count()
        };
        assert_eq!(states(&died), 0);
        let nothing: Vec<_> = died
            .iter()
            .copied()
            .filter(|(_, line)| !line.contains("10.0.1.4"))
            .collect();
        assert_eq!(states(&nothing), 1);
    }

    #[test]
    fn a_crash_may_lead_back_and_nothing_else_may() {
        let again = [
            (160, r#"{"record":"began"}"#),
            (161, r#"{"record":"entered","state":"ConfirmingAdd"}"#),
        ];
        let resumed: Vec<_> = HONEST.iter().copied().chain(again).collect();
        assert!(!judged(&resumed));
        let jumped: Vec<_> = HONEST
            .iter()
            .copied()
            .chain(again.into_iter().skip(1))
            .collect();
        assert!(judged(&jumped));
    }
}
