//! Q4: no machine of a side works far more than the mean of its side.
//!
//! Load balancers hash flows, not requests, so that a kept connection binds its load to one machine
//! for its life (azure-facts.md §5.7): what joins later stays idle (F41). Chance alone is uneven, so
//! a minute counts only when a machine is busy for more than half of it and had enough to do.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::observation::{Role, Side};
use crate::oracles::{Case, Findings, Oracle, at_place};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::Q(4),
    judge,
};

/// Work is compared over stretches of this length.
const STRETCH: Duration = Duration::from_secs(60);
/// A machine that is less busy than this has room for its share and more.
const BUSY: f64 = 0.5;
/// Fewer requests per machine than this are spread by chance.
const LEAST_REQUESTS: f64 = 100.0;

/// What the machines of one side did in one stretch.
#[derive(Default)]
struct Work {
    busy: BTreeMap<Ipv4Addr, Duration>,
    requests: u32,
}

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let limit = case.observation.declared.policy.imbalance;
    let start = case.observation.window.swap_start;
    for role in [Role::Old, Role::New] {
        let side = case.observation.declared.side(role);
        let lives = lives(case, side);
        for (number, work) in (0..).zip(stretches(case, role)) {
            let from = start + STRETCH * number;
            let Some((address, ratio)) = hottest(&work, &lives, from, side) else {
                continue;
            };
            if ratio > limit {
                findings.report(from, &["F41"], || {
                    format!(
                        "machine {address} of {} did {ratio:.1} times the mean of its side in the minute from {from}",
                        side.name
                    )
                });
            }
        }
    }
}

/// The busiest machine of a stretch and how much more than the mean it did, where that says
/// something.
fn hottest(
    work: &Work,
    lives: &BTreeMap<Ipv4Addr, (Instant, Instant)>,
    from: Instant,
    side: &Side,
) -> Option<(Ipv4Addr, f64)> {
    let throughout = |(born, died): &(Instant, Instant)| *born <= from && *died >= from + STRETCH;
    let machines: Vec<Ipv4Addr> = lives
        .iter()
        .filter(|(_, life)| throughout(life))
        .map(|(address, _)| *address)
        .collect();
    let count = u32::try_from(machines.len())
        .ok()
        .filter(|count| *count > 1)?;
    if f64::from(work.requests) < LEAST_REQUESTS * f64::from(count) {
        return None;
    }
    let busy = |address: &Ipv4Addr| work.busy.get(address).copied().unwrap_or_default();
    let total: Duration = machines.iter().map(busy).sum();
    let hottest = machines.iter().max_by_key(|address| busy(address))?;
    let capacity = STRETCH * side.capacity.workers.max(1);
    let most = busy(hottest);
    (most.div_duration_f64(capacity) > BUSY)
        .then(|| (*hottest, most.div_duration_f64(total / count)))
}

/// What each side's machines did from the swap's start on, by stretch.
fn stretches(case: &Case<'_>, role: Role) -> Vec<Work> {
    let start = case.observation.window.swap_start;
    let build = case.observation.declared.side(role).build;
    let mut stretches: Vec<Work> = Vec::new();
    for request in case.ledger.requests().filter(|request| request.is_short()) {
        for run in request.executions().filter(|run| run.build == build) {
            if run.started < start {
                continue;
            }
            let number = run.started.since(start).as_secs() / STRETCH.as_secs();
            let stretch = at_place(&mut stretches, number);
            stretch.requests += 1;
            *stretch.busy.entry(run.address).or_default() += run.ended.since(run.started);
        }
    }
    stretches
}

/// From when to when the machines of a side served.
fn lives(case: &Case<'_>, side: &Side) -> BTreeMap<Ipv4Addr, (Instant, Instant)> {
    let mut lives = BTreeMap::new();
    let end = Instant::from_nanos(u64::MAX);
    for timed in &case.observation.events {
        match &timed.event {
            Event::InstanceServing {
                instance, address, ..
            } if instance.scale_set == side.scale_set => {
                lives.insert(*address, (timed.at, end));
            }
            Event::InstanceStopped {
                instance, address, ..
            } if instance.scale_set == side.scale_set => {
                if let Some((_, died)) = lives.get_mut(address) {
                    *died = timed.at;
                }
            }
            _ => {}
        }
    }
    lives
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    with_work(Duration::from_millis(90))
}

/// A minute from 100 s on in which one of two machines of the old side does everything, 600
/// requests of `each` for one worker.
#[cfg(test)]
fn with_work(each: Duration) -> crate::Observation {
    use crate::sample::{OLD_MACHINE, clean, insert, joined, secs};
    let mut observation = clean();
    observation.declared.old.capacity.workers = 1;
    for address in [OLD_MACHINE, Ipv4Addr::new(10, 0, 1, 11)] {
        insert(&mut observation, secs(1), joined("green", address));
    }
    for run in &mut observation.ledgers.instances {
        if run.build == 0 && run.started >= secs(100) {
            run.ended = run.started + each;
        }
    }
    observation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_with_room_may_do_more_than_its_share() {
        for (each_ms, violated) in [(40, false), (90, true)] {
            let verdict = crate::judge(&with_work(Duration::from_millis(each_ms)));
            assert_eq!(verdict.violates(Invariant::Q(4)), violated, "{each_ms} ms");
        }
    }

    #[test]
    fn a_machine_alone_is_its_own_mean() {
        let mut observation = broken();
        observation.events.retain(|timed| match &timed.event {
            Event::InstanceServing { address, .. } => address.octets()[3] == 10,
            _ => true,
        });
        assert!(!crate::judge(&observation).violates(Invariant::Q(4)));
    }
}
