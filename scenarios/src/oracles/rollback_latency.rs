//! L4: a breach is detected and undone in time.
//!
//! Ground truth: the new side is in breach once most of what a gateway instance sends to it fails,
//! for a while and while the old side's answers do not. Somebody who asks for the old side says so
//! too, if there is a process to hear it. From then on the old side must be effective again within the bound, as long as someone is at
//! work; whether anybody is, the phases tell. What Azure takes for a gateway write beyond the
//! ordinary is Azure's: one write in some hundreds takes an hour (azure-facts.md §8).

use std::time::Duration;

use turquoise_emulator::ledger::Attempt;
use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::observation::{Ending, Outcome, Process, WORLD};
use crate::oracles::{Case, Findings, Oracle};
use crate::scenario::{Verb, Want};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::L(4),
    judge,
};

/// The pieces in which breaches are looked for.
const SLICE: Duration = Duration::from_secs(10);
/// So many bad pieces in a row are a breach: shorter trouble may pass by itself.
const SLICES: usize = 3;
/// Fewer requests than this in a piece say nothing.
const LEAST: u32 = 10;
/// What a gateway write ordinarily takes at most; the bound has room for two of them.
const ORDINARY: Duration = Duration::from_secs(180);

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let bound = case.observation.declared.policy.rollback_within;
    for (alarm, why) in alarms(case) {
        let due = last_trouble(case, alarm, alarm + bound).max(alarm)
            + bound
            + slowness_of_azure(case, alarm);
        let end = case.observation.window.swap_end;
        // Who parks in time leaves the choice to a person, with both sides up.
        let parked = case
            .observation
            .end
            .is_some_and(|e| e.outcome == Outcome::Parked);
        let undone = undone_at(case, alarm);
        let late = undone.map_or_else(|| due < end || !parked, |at| at > due);
        if late {
            findings.report(alarm, &["F18", "F21", "F70", "F84", "F106"], || {
                let took = undone.map_or_else(
                    || "it never did".to_owned(),
                    |at| format!("it took {:.0?}", at.since(alarm)),
                );
                format!("{why}, so the old side had to serve again within {bound:.0?}; {took}")
            });
            return;
        }
    }
}

/// When the old side had to come back, and why.
fn alarms(case: &Case<'_>) -> Vec<(Instant, &'static str)> {
    let mut found = Vec::new();
    let end = case.observation.window.swap_end;
    if let Some(at) = breach(case)
        && at < end
    {
        found.push((at, "the new side failed"));
    }
    for order in &case.observation.record.orders {
        let heard = match order.want {
            Want::Abort => Some(order.at).filter(|_| order.process != WORLD),
            Want::Rollback => let_in(case, order.at),
            Want::Interrupt { .. } => None,
        };
        if let Some(at) = heard.filter(|at| *at < end && is_out(case, *at)) {
            found.push((at, "someone asked for the old side"));
        }
    }
    found
}

/// When the first process came that was to bring the old side back and was not turned away: by another
/// one that holds the lease (F78), or by Azure, which let it write nothing (F62, F80). Both it says.
fn let_in(case: &Case<'_>, ordered: Instant) -> Option<Instant> {
    let processes = case.observation.record.processes.iter();
    let mut sent = processes.filter(|p| p.verb == Verb::Rollback && p.started >= ordered);
    let turned_away = |process: &Process| match process.ending {
        Ending::Exited { exit_code: 8, .. } => true,
        Ending::Exited {
            exit_code: 11,
            outcome: Outcome::Unchanged,
        } => was_denied(case, process),
        _ => false,
    };
    sent.find(|process| !turned_away(process))
        .map(|process| process.started)
}

/// Whether Azure refused a gateway write while that process lived, for want of rights or for a lock.
fn was_denied(case: &Case<'_>, process: &Process) -> bool {
    let until = process.ended.unwrap_or(case.observation.window.swap_end);
    case.observation.events.iter().any(|timed| {
        (process.started..=until).contains(&timed.at)
            && matches!(&timed.event, Event::Arm { method, caller, status, code, .. }
                if method == "PUT"
                    && case.observation.declared.is_ours(caller)
                    && (*status == 403 || code.as_deref() == Some("ScopeLocked")))
    })
}

/// Whether some gateway instance does without the old side.
fn is_out(case: &Case<'_>, at: Instant) -> bool {
    let old = case.observation.declared.old.address;
    let mut instances = case.timeline.gateway_instances();
    instances.any(|instance| {
        case.timeline
            .effective_at(instance, at)
            .is_some_and(|members| !members.contains(&old))
    })
}

/// When every gateway instance has the old side again.
fn undone_at(case: &Case<'_>, alarm: Instant) -> Option<Instant> {
    let events = case.observation.events.iter().map(|timed| timed.at);
    let mut later = events.filter(|at| *at >= alarm);
    later.find(|at| !is_out(case, *at))
}

/// When the new side has failed most of its requests for a while, with somebody left to it alone.
fn breach(case: &Case<'_>) -> Option<Instant> {
    let window = case.observation.window;
    let new = case.observation.declared.new.address;
    let count = window.swap_end.since(window.swap_start).as_secs() / SLICE.as_secs() + 1;
    let mut slices = vec![(0_u32, 0_u32); usize::try_from(count).unwrap_or(0)];
    for entry in &case.observation.ledgers.gateway {
        if entry.member != Some(new) || entry.dispatched < window.swap_start {
            continue;
        }
        let number = entry.dispatched.since(window.swap_start).as_secs() / SLICE.as_secs();
        let Some(slice) = usize::try_from(number).ok().and_then(|n| slices.get_mut(n)) else {
            continue;
        };
        let bad = match entry.outcome {
            Attempt::Served { status } => status >= 500,
            Attempt::Retried(_) | Attempt::Failed { .. } => true,
            Attempt::Cut | Attempt::ClientGone => continue,
        };
        slice.0 += u32::from(bad);
        slice.1 += 1;
    }
    let bad = |(bad, all): &(u32, u32)| *all >= LEAST && *bad * 2 > *all;
    let spells = slices.windows(SLICES).enumerate();
    let breaches = spells.filter(|(_, spell)| spell.iter().all(bad));
    breaches
        .map(|(first, _)| {
            let slices = u32::try_from(first + SLICES).unwrap_or(u32::MAX);
            window.swap_start + SLICE * slices
        })
        .find(|at| is_out(case, *at))
}

/// When the last injected fault hit in a span, or a call found nobody: trouble on the way back
/// stretches it, and where Azure is out nobody brings a side back.
fn last_trouble(case: &Case<'_>, from: Instant, to: Instant) -> Instant {
    let hits = case.observation.events.iter().filter(|timed| {
        matches!(
            timed.event,
            Event::FaultHit { .. } | Event::Arm { status: 0, .. }
        ) && (from..=to).contains(&timed.at)
    });
    hits.map(|timed| timed.at).max().unwrap_or(from)
}

/// What gateway writes took beyond the ordinary after `from`, all together: each up to its end or to
/// when the last instance used it, whichever is later (a platform upgrade holds instances back).
fn slowness_of_azure(case: &Case<'_>, from: Instant) -> Duration {
    let mut writes = gateway_writes(case);
    // Nobody has heard of the last one since.
    if let Some(last) = writes.last_mut().filter(|write| write.began >= from) {
        last.until.get_or_insert(case.observation.window.swap_end);
    }
    let beyond = |write: &GatewayWrite| {
        let until = write.until.filter(|until| *until >= from)?;
        Some(until.since(write.began.max(from)).saturating_sub(ORDINARY))
    };
    writes.iter().filter_map(beyond).sum()
}

/// A gateway write by anybody, and when it was last heard of before the next one.
struct GatewayWrite {
    began: Instant,
    generation: u64,
    until: Option<Instant>,
}

fn gateway_writes(case: &Case<'_>) -> Vec<GatewayWrite> {
    let ours = &case.observation.declared.gateway;
    let mut writes: Vec<GatewayWrite> = Vec::new();
    for timed in &case.observation.events {
        let heard_of = match &timed.event {
            Event::GatewayWritten {
                gateway,
                generation,
                ..
            } if gateway == ours => {
                writes.push(GatewayWrite {
                    began: timed.at,
                    generation: *generation,
                    until: None,
                });
                None
            }
            Event::OperationEnded { resource, verb, .. } if resource == ours && verb == "PUT" => {
                writes.last_mut()
            }
            Event::GatewayApplied {
                gateway,
                generation,
                ..
            } if gateway == ours => writes
                .last_mut()
                .filter(|write| write.generation == *generation),
            _ => None,
        };
        if let Some(write) = heard_of {
            write.until = Some(timed.at);
        }
    }
    writes
}

/// The clean run, whose new side answers 500 from 168 s on.
#[cfg(test)]
fn breached() -> crate::Observation {
    use crate::sample::{NEW, secs};
    let mut observation = crate::sample::clean();
    observation.window.swap_end = secs(900);
    for entry in &mut observation.ledgers.gateway {
        if entry.member == Some(NEW) && entry.dispatched >= secs(168) {
            entry.outcome = Attempt::Served { status: 500 };
        }
    }
    observation
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    let mut observation = breached();
    observation.declared.policy.rollback_within = Duration::from_secs(60);
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{End, OrderGiven};
    use crate::sample::{NEW, OLD, US, applied, clean, insert, secs, written};

    /// A write of the gateway ends.
    fn ended(observation: &crate::Observation) -> Event {
        Event::OperationEnded {
            resource: observation.declared.gateway.clone(),
            verb: "PUT".to_owned(),
            status: "Succeeded".to_owned(),
        }
    }

    #[test]
    fn the_old_side_must_be_back_in_time() {
        // The breach is certain at 200 s.
        for (back, violated) in [(259, false), (261, true)] {
            let mut observation = broken();
            for instance in 0..2 {
                insert(
                    &mut observation,
                    secs(back),
                    applied(instance, 9, &[NEW, OLD]),
                );
            }
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::L(4)),
                violated,
                "back at {back} s"
            );
        }
    }

    #[test]
    fn what_azure_takes_beyond_the_ordinary_is_not_the_orchestrators() {
        // The breach is certain at 200 s; a write sent at 210 s ends at 590 s: 200 s too late.
        for (back, violated) in [(459, false), (461, true)] {
            let mut observation = broken();
            insert(&mut observation, secs(210), written(US, 8, &[NEW, OLD]));
            for instance in 0..2 {
                insert(
                    &mut observation,
                    secs(back),
                    applied(instance, 9, &[NEW, OLD]),
                );
            }
            let ended = ended(&observation);
            insert(&mut observation, secs(590), ended);
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::L(4)),
                violated,
                "back at {back} s"
            );
        }
    }

    /// A write whose operation ends while a platform upgrade still holds the instances back is Azure's
    /// as long; what another write brought is not.
    #[test]
    fn a_write_lasts_until_the_last_instance_uses_it() {
        for (own, violated) in [(true, false), (false, true)] {
            let mut observation = broken();
            observation.declared.policy.rollback_within = Duration::from_secs(300);
            insert(&mut observation, secs(210), written(US, 8, &[NEW, OLD]));
            let ended = ended(&observation);
            insert(&mut observation, secs(230), ended);
            for instance in 0..2 {
                let generation = if own { 8 } else { 9 };
                let back = applied(instance, generation, &[NEW, OLD]);
                insert(&mut observation, secs(600), back);
            }
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::L(4)), violated, "own: {own}");
        }
    }

    #[test]
    fn who_parks_in_time_has_detected_it() {
        let mut observation = broken();
        observation.window.swap_end = secs(230);
        observation.end = Some(End {
            exit_code: 7,
            outcome: Outcome::Parked,
        });
        assert!(!crate::judge(&observation).violates(Invariant::L(4)));
    }

    /// An operator whom Azure lets write nothing hears so at once, and the clock starts with whoever
    /// comes when it does; one who was refused nothing has no such excuse.
    #[test]
    fn whom_azure_lets_write_nothing_could_not_bring_it_back() {
        use crate::sample::process;
        for (status, code, violated) in [
            (403, "AuthorizationFailed", false),
            (409, "ScopeLocked", false),
            (409, "AnotherOperationInProgress", true),
        ] {
            let mut observation = clean();
            observation.declared.policy.rollback_within = Duration::from_secs(10);
            observation.record.orders.push(OrderGiven {
                at: secs(180),
                process: WORLD,
                want: Want::Rollback,
            });
            let ending = Ending::Exited {
                exit_code: 11,
                outcome: Outcome::Unchanged,
            };
            process(
                &mut observation,
                Verb::Rollback,
                secs(180),
                secs(190),
                ending,
            );
            let refused = Event::Arm {
                method: "PUT".to_owned(),
                target: "/gateway".to_owned(),
                caller: US.to_owned(),
                status,
                code: Some(code.to_owned()),
                applied: false,
            };
            insert(&mut observation, secs(185), refused);
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::L(4)), violated, "{code}");
        }
    }

    #[test]
    fn an_order_is_an_alarm_of_its_own() {
        let mut observation = clean();
        observation.record.orders.push(OrderGiven {
            at: secs(180),
            process: 0,
            want: Want::Abort,
        });
        observation.declared.policy.rollback_within = Duration::from_secs(10);
        assert!(crate::judge(&observation).violates(Invariant::L(4)));
    }
}
