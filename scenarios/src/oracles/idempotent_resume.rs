//! S18: a crash anywhere and a resume end in the same state.
//!
//! Judged against the twin: the same scenario without its crashes. Trouble that comes by the clock
//! meets a slower run elsewhere on its way, or not at all; so where anything but the crashes went wrong
//! in either run, only runs that ended alike are compared, and not those that were parked: each
//! stands where its own trouble met it. A twin that was parked waits for somebody to resume it; the
//! run with crashes was resumed, so it may get further: it has its waits once more.

use std::collections::BTreeSet;

use turquoise_emulator::Event;

use crate::invariant::Invariant;
use crate::observation::{Ending, FinalState, Observation, Outcome, Twin};
use crate::oracles::{Case, Findings, Oracle};
use crate::scenario::Verb;

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(18),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let observation = case.observation;
    let (Some(twin), Some(end)) = (&observation.record.twin, observation.end) else {
        return;
    };
    // Who was interrupted, or died without a successor, has not resumed.
    if !end.outcome.is_terminal() || !twin.end.is_some_and(|end| end.outcome.is_terminal()) {
        return;
    }
    // Somebody who wants the old side back wants another end.
    let processes = &observation.record.processes;
    if processes
        .iter()
        .any(|process| process.verb == Verb::Rollback)
    {
        return;
    }
    let at = observation.window.swap_end;
    let alike = twin.end.map(|end| end.outcome) == Some(end.outcome);
    let quiet = is_quiet(observation) && !twin.troubled;
    let got_further = twin.end.is_some_and(|end| end.outcome == Outcome::Parked)
        && end.outcome == Outcome::Completed;
    if !alike && quiet && !got_further {
        findings.report(at, &["F63", "F76", "F77", "F100"], || {
            let twin = twin.end.map_or("nothing", |end| end.outcome.name());
            let name = end.outcome.name();
            format!("with its crashes the run ended as `{name}`, without them as `{twin}`")
        });
    }
    let comparable = alike && (quiet || end.outcome != Outcome::Parked);
    if comparable {
        // An edit by somebody else may meet only the slower of the two.
        let mut edited = observation.autoscale_edits();
        edited.extend(twin.autoscale_edits.iter().cloned());
        for difference in differences(&observation.record.last, &twin.last, &edited, quiet) {
            findings.report(at, &["F64", "F76", "F93"], || difference);
        }
    }
    judge_writes(observation, twin, comparable, findings);
}

/// A crash with a write in flight may cost that write once more, and so may each write that Azure
/// did not bring to a good end; no other may. Somebody whose order to go back is heard only after the
/// swap has ended asks for a run of its own, with the two writes of its own; the twin may have heard it
/// before the swap made its two.
fn judge_writes(observation: &Observation, twin: &Twin, comparable: bool, findings: &mut Findings) {
    let writes = gateway_writes(observation);
    let crashes = observation.record.crashes().count();
    let further = match observation.record.orders[..] {
        [] => 0,
        _ => further_runs(observation),
    };
    let expected = match further {
        0 => twin.gateway_writes,
        _ => twin.gateway_writes.max(2) + 2 * further,
    };
    let allowed = expected + crashes + failed_writes(observation);
    if comparable && writes > allowed {
        findings.report(observation.window.swap_end, &["F61", "F64", "F98"], || {
            format!(
                "{writes} gateway writes were made, {} without crashes and {allowed} at most with them",
                twin.gateway_writes
            )
        });
    }
}

fn failed_writes(observation: &Observation) -> usize {
    let (declared, start) = (&observation.declared, observation.window.swap_start);
    let failed = observation.events.iter().filter(|timed| {
        matches!(&timed.event, Event::OperationEnded { resource, verb, status }
            if timed.at >= start && *resource == declared.gateway && verb == "PUT"
                && status != "Succeeded")
    });
    failed.count()
}

fn gateway_writes(observation: &Observation) -> usize {
    writers(observation).count()
}

/// The runs after the first that wrote the gateway; the processes of one run share its name up to
/// the `#`.
fn further_runs(observation: &Observation) -> usize {
    let run = |caller: &'_ str| caller.split('#').next().unwrap_or_default().to_owned();
    let runs: BTreeSet<String> = writers(observation).map(run).collect();
    runs.len().saturating_sub(1)
}

/// Who of ours made each of the gateway's writes.
fn writers(observation: &Observation) -> impl Iterator<Item = &str> {
    let (declared, start) = (&observation.declared, observation.window.swap_start);
    observation
        .events
        .iter()
        .filter_map(move |timed| match &timed.event {
            Event::GatewayWritten {
                gateway, caller, ..
            } if timed.at >= start && *gateway == declared.gateway && declared.is_ours(caller) => {
                Some(caller.as_str())
            }
            _ => None,
        })
}

/// Whether nothing went wrong but crashes: then the end must be the same to the letter.
fn is_quiet(observation: &Observation) -> bool {
    let declared = &observation.declared;
    let calm = |event: &Event| match event {
        Event::FaultHit { .. } => false,
        Event::GatewayWritten { caller, .. } => declared.is_ours(caller),
        _ => true,
    };
    let start = observation.window.swap_start;
    let mut events = observation.events.iter().filter(|timed| timed.at >= start);
    let crashes = |name: &str| name.starts_with("crash");
    let alone = observation
        .record
        .processes
        .iter()
        .all(|process| process.orchestrator == 0);
    let ended_by_force = observation
        .record
        .processes
        .iter()
        .any(|process| matches!(process.ending, Ending::Crashed(_)));
    alone
        && ended_by_force
        && observation.record.orders.is_empty()
        && events.all(|timed| calm(&timed.event))
        && observation
            .record
            .happened
            .iter()
            .all(|(_, name)| crashes(name))
}

fn differences(
    last: &FinalState,
    twin: &FinalState,
    edited: &BTreeSet<String>,
    quiet: bool,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, is: String, was: String| {
        if is != was {
            found.push(format!(
                "{what} ended as {is} with crashes and as {was} without"
            ));
        }
    };
    compare(
        "the pool",
        format!("{:?}", sorted(&last.pool)),
        format!("{:?}", sorted(&twin.pool)),
    );
    for (instance, members) in &last.applied {
        let other = twin
            .applied
            .get(instance)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let what = format!("gateway instance {instance}");
        compare(
            &what,
            format!("{:?}", sorted(members)),
            format!("{:?}", sorted(other)),
        );
    }
    for (setting, minimum) in &last.autoscale_minimum {
        let other = twin.autoscale_minimum.get(setting);
        if let Some(other) = other.filter(|_| !edited.contains(setting)) {
            let what = format!("the autoscale minimum of `{setting}`");
            compare(&what, minimum.to_string(), other.to_string());
        }
    }
    // Trouble with its store may keep either of them from giving it back.
    if quiet {
        compare("the lease", last.lease.clone(), twin.lease.clone());
    }
    found
}

fn sorted(members: &[std::net::Ipv4Addr]) -> Vec<std::net::Ipv4Addr> {
    let mut members = members.to_vec();
    members.sort_unstable();
    members
}

#[cfg(test)]
fn crashed(gateway_writes: usize) -> Observation {
    use crate::sample::{NEW, clean, crash, secs};
    let mut observation = clean();
    observation.record.last.pool = vec![NEW];
    crash(&mut observation, secs(130));
    observation.record.twin = Some(Twin {
        end: Some(crate::observation::End {
            exit_code: 0,
            outcome: Outcome::Completed,
        }),
        last: observation.record.last.clone(),
        gateway_writes,
        autoscale_edits: BTreeSet::new(),
        troubled: false,
    });
    observation
}

#[cfg(test)]
pub(super) fn broken() -> Observation {
    let mut observation = crashed(2);
    observation.record.last.pool.push(crate::sample::OLD);
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::End;

    #[test]
    fn each_crash_may_cost_one_write_more() {
        for (without, violated) in [(2, false), (1, false), (0, true)] {
            let verdict = crate::judge(&crashed(without));
            assert_eq!(
                verdict.violates(Invariant::S(18)),
                violated,
                "{without} in the twin"
            );
        }
    }

    #[test]
    fn another_ending_needs_another_reason_than_the_crash() {
        let mut observation = crashed(2);
        if let Some(twin) = &mut observation.record.twin {
            twin.end = Some(End {
                exit_code: 5,
                outcome: Outcome::RolledBack,
            });
        }
        assert!(crate::judge(&observation).violates(Invariant::S(18)));
        let hit = Event::FaultHit {
            fault: 0,
            name: "refuse".to_owned(),
        };
        crate::sample::insert(&mut observation, crate::sample::secs(150), hit);
        assert!(!crate::judge(&observation).violates(Invariant::S(18)));
    }

    #[test]
    fn trouble_that_the_twin_alone_met_explains_another_ending() {
        for (troubled, violated) in [(false, true), (true, false)] {
            let mut observation = crashed(2);
            if let Some(twin) = &mut observation.record.twin {
                twin.end = Some(End {
                    exit_code: 5,
                    outcome: Outcome::RolledBack,
                });
                twin.troubled = troubled;
            }
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(18)), violated, "{troubled}");
        }
    }

    /// Whoever was parked asks for a resume, and the run with crashes had one; the other way round
    /// the crash is to blame.
    #[test]
    fn a_resume_may_complete_what_its_twin_left_parked() {
        let completed = End {
            exit_code: 0,
            outcome: Outcome::Completed,
        };
        let parked = End {
            exit_code: 7,
            outcome: Outcome::Parked,
        };
        for (end, without, violated) in [(completed, parked, false), (parked, completed, true)] {
            let mut observation = crashed(2);
            observation.end = Some(end);
            if let Some(twin) = &mut observation.record.twin {
                twin.end = Some(without);
            }
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(18)), violated, "{end:?}");
        }
    }

    /// Both stopped, each where a fault of the clock met it; without one they must stand alike.
    #[test]
    fn parked_runs_are_compared_where_nothing_but_crashes_went_wrong() {
        for (troubled, violated) in [(false, true), (true, false)] {
            let mut observation = broken();
            let parked = End {
                exit_code: 7,
                outcome: Outcome::Parked,
            };
            observation.end = Some(parked);
            if let Some(twin) = &mut observation.record.twin {
                (twin.end, twin.troubled) = (Some(parked), troubled);
            }
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(18)), violated, "{troubled}");
        }
    }
}
