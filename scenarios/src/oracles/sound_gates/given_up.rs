//! Whether a side that was given up really was worse than the other one (F09, F31).

use std::time::Duration;

use turquoise_emulator::{Event, Instant};

use crate::fleet::Fleet;
use crate::observation::{Role, WORLD};
use crate::oracles::Case;
use crate::oracles::writes::PoolWrite;

/// What happened within this before the write can be why: a window of answers and a health read.
const MEMORY: Duration = Duration::from_secs(300);
/// How much larger the new side's share of errors must have been.
const MARGIN: f64 = 0.01;

/// What is wrong with giving the new side up by this write; `None` when it is not given up, or
/// rightly.
pub(super) fn doubt(case: &Case<'_>, fleet: &Fleet, write: &PoolWrite) -> Option<String> {
    let given_up = write.removed().any(|role| role == Role::New) && write.after == [Role::Old];
    if !given_up || !knows(case, fleet) || is_ordered(case, write.at) {
        return None;
    }
    let from = decided_at(case, write.at)? - MEMORY;
    let reasons = [
        waited_to_the_ceiling(case, write.at),
        azure_was_silent(case, write.at),
        machines_failed(case, fleet, from, write.at),
        gateway_found_it_unhealthy(case, from, write.at),
        answers_were_worse(case, from, write.at),
    ];
    if reasons.contains(&true) {
        return None;
    }
    let name = &case.observation.declared.new.name;
    Some(format!(
        "{name} was given up although it was no worse than the other side"
    ))
}

fn knows(case: &Case<'_>, fleet: &Fleet) -> bool {
    fleet.knows(&case.observation.declared.new.scale_set)
}

/// Whether somebody asked for it, or took the pool into their own hands.
fn is_ordered(case: &Case<'_>, at: Instant) -> bool {
    let declared = &case.observation.declared;
    let record = &case.observation.record;
    let start = case.observation.window.swap_start;
    let foreign = case.observation.events.iter().any(|timed| {
        matches!(&timed.event, Event::GatewayWritten { caller, .. }
            if timed.at >= start && timed.at <= at && !declared.is_ours(caller))
    });
    let several = record.processes.len() > 1;
    let ordered = record.orders.iter().any(|order| order.process != WORLD);
    foreign || several || ordered
}

/// When the way back began; without a journal there is no knowing why.
fn decided_at(case: &Case<'_>, at: Instant) -> Option<Instant> {
    let mut marks = case.observation.phases.iter();
    marks
        .find(|mark| mark.reverse && mark.at <= at)
        .map(|mark| mark.at)
}

/// Whether the phase that was left had lasted as long as a gate may: then it ended because evidence
/// was missing, not because of what was seen.
fn waited_to_the_ceiling(case: &Case<'_>, at: Instant) -> bool {
    let Some(decided) = decided_at(case, at) else {
        return false;
    };
    let mut forward = case.observation.phases.iter().filter(|mark| !mark.reverse);
    let last = forward.rfind(|mark| mark.at <= decided);
    let ceiling = case.observation.declared.policy.gate_ceiling;
    last.is_some_and(|mark| decided.since(mark.at) >= ceiling)
}

/// Whether Azure answered none of our calls for as long as evidence is remembered: nobody can know a
/// side well meanwhile, and a wait must end (F73, L6).
fn azure_was_silent(case: &Case<'_>, at: Instant) -> bool {
    let Some(decided) = decided_at(case, at) else {
        return false;
    };
    let declared = &case.observation.declared;
    let span = decided - MEMORY..=decided;
    let events = case.observation.events.iter();
    let mut told = events.filter_map(|timed| match &timed.event {
        Event::Arm { caller, status, .. }
            if span.contains(&timed.at) && declared.is_ours(caller) =>
        {
            Some((200..500).contains(status))
        }
        _ => None,
    });
    let Some(first) = told.next() else {
        return false;
    };
    !first && told.all(|answered| !answered)
}

/// Whether a smaller share of the new side's machines bore load than of the old one's, at some time:
/// what fails both sides alike accuses neither (F09).
fn machines_failed(case: &Case<'_>, fleet: &Fleet, from: Instant, to: Instant) -> bool {
    let declared = &case.observation.declared;
    let shares = |at| {
        [&declared.old.scale_set, &declared.new.scale_set].map(|scale_set| {
            let size = fleet.size(scale_set, at);
            let size = size.unwrap_or_else(|| fleet.bearing(scale_set, to)).max(1);
            f64::from(fleet.bearing(scale_set, at)) / f64::from(size)
        })
    };
    let events = case.observation.events.iter();
    let turns = events.filter(|timed| {
        (from..=to).contains(&timed.at)
            && matches!(
                timed.event,
                Event::InstanceHealth { .. }
                    | Event::InstanceStopped { .. }
                    | Event::BackendHealth { .. }
            )
    });
    let mut instants = turns.map(|timed| timed.at).chain([to]);
    instants.any(|at| {
        let [old, new] = shares(at);
        new < old
    })
}

fn gateway_found_it_unhealthy(case: &Case<'_>, from: Instant, to: Instant) -> bool {
    let declared = &case.observation.declared;
    case.observation
        .events
        .iter()
        .any(|timed| match timed.event {
            Event::MemberHealth {
                address, healthy, ..
            } => (from..=to).contains(&timed.at) && address == declared.new.address && !healthy,
            _ => false,
        })
}

fn answers_were_worse(case: &Case<'_>, from: Instant, to: Instant) -> bool {
    let new = case.observation.declared.new.address;
    let entries = || case.observation.ledgers.gateway.iter();
    let within = |at: &Instant| (from..=to).contains(at);
    // Only while both serve: what the old side did before compares with nothing.
    let served = entries().filter(|entry| entry.member == Some(new));
    let Some(from) = served.map(|entry| entry.dispatched).filter(within).min() else {
        return false;
    };
    let shares = [Role::Old, Role::New].map(|role| {
        let address = case.observation.declared.side(role).address;
        let own = entries()
            .filter(|entry| entry.member == Some(address))
            .filter(|entry| (from..=to).contains(&entry.dispatched));
        let (mut all, mut bad) = (0_u32, 0_u32);
        for entry in own {
            all += 1;
            bad += u32::from(!is_good(entry.outcome));
        }
        f64::from(bad) / f64::from(all.max(1))
    });
    shares[1] > shares[0] + MARGIN
}

fn is_good(outcome: turquoise_emulator::ledger::Attempt) -> bool {
    use turquoise_emulator::ledger::Attempt;
    match outcome {
        Attempt::Served { status } => status < 500,
        Attempt::ClientGone => true,
        Attempt::Retried(_) | Attempt::Failed { .. } | Attempt::Cut => false,
    }
}
