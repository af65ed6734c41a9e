//! S14: no write of an older epoch is applied after one of a newer epoch, and nobody writes who
//! never had the lease.
//!
//! A write's epoch is the one under which its process last put the lease. Processes of different
//! stores have nothing in common but Azure: their epochs say nothing to each other, and what one
//! undoes of the other is S15's business.

use std::collections::BTreeMap;

use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::observation::{Caller, LeasePut, Observation};
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(14),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let observation = case.observation;
    let record = &observation.record;
    // A drive that sees no processes sees no leases either.
    if record.processes.is_empty() {
        return;
    }
    judge_holders(observation, findings);
    let mut newest: BTreeMap<u16, (u64, u16)> = BTreeMap::new();
    for write in our_writes(observation) {
        let process = write.process;
        let Some(store) = record.processes.get(usize::from(process)).map(|p| p.store) else {
            continue;
        };
        let Some(epoch) = epoch_of(observation, process, write.at) else {
            findings.report(write.at, &["F62", "F78", "F102"], || {
                format!("process {process} wrote `{}` without the lease", write.what)
            });
            continue;
        };
        if !write.ordered {
            continue;
        }
        let (last, by) = newest.entry(store).or_insert((epoch, process));
        if epoch < *last {
            let (last, by) = (*last, *by);
            findings.report(write.at, &["F78", "F79", "F81", "F92"], || {
                format!(
                    "process {process} wrote the gateway under epoch {epoch}, after process {by} did \
                     under epoch {last}"
                )
            });
        } else {
            (*last, *by) = (epoch, process);
        }
    }
}

/// Nobody loses the lease while it lives, unless it stood still or its store did.
fn judge_holders(observation: &Observation, findings: &mut Findings) {
    let record = &observation.record;
    let excuses = [
        "pause",
        "store_unavailable",
        "store_reply_lost",
        "stale_lease_read",
    ];
    if excuses.iter().any(|name| record.has(name)) {
        return;
    }
    let accepted = record.leases.iter().filter(|put| put.accepted);
    let mut holders: BTreeMap<u16, &LeasePut> = BTreeMap::new();
    for put in accepted {
        let before = holders.insert(put.store, put);
        let Some(before) = before.filter(|b| b.epoch < put.epoch && !b.run.is_empty()) else {
            continue;
        };
        let holder = record.processes.get(usize::from(before.process));
        let lives = holder.is_some_and(|holder| holder.ended.is_none_or(|ended| ended > put.at));
        if lives && before.process != put.process {
            findings.report(put.at, &["F81"], || {
                format!(
                    "process {} took the lease of process {}, which was alive and had not renewed it \
                     for {:.0?}",
                    put.process,
                    before.process,
                    put.at.since(before.at)
                )
            });
        }
    }
}

struct Write<'a> {
    at: Instant,
    process: u16,
    what: &'a str,
    /// Whether epochs order it: gateway writes carry `If-Match`, so that a late one can be refused.
    /// Other writes have no etag in Azure, and one of them can always be on its way.
    ordered: bool,
}

fn our_writes(observation: &Observation) -> impl Iterator<Item = Write<'_>> {
    let (declared, start) = (&observation.declared, observation.window.swap_start);
    let events = observation
        .events
        .iter()
        .filter(move |timed| timed.at >= start);
    events.filter_map(move |timed| match &timed.event {
        Event::GatewayWritten {
            gateway, caller, ..
        } if *gateway == declared.gateway && declared.is_ours(caller) => Some(Write {
            at: timed.at,
            process: Caller::read(caller).process,
            what: gateway.name(),
            ordered: true,
        }),
        Event::Arm {
            method,
            target,
            caller,
            applied: true,
            ..
        } if matches!(method.as_str(), "PUT" | "PATCH" | "DELETE") && declared.is_ours(caller) => {
            Some(Write {
                at: timed.at,
                process: Caller::read(caller).process,
                what: target.split('?').next().unwrap_or(target),
                ordered: false,
            })
        }
        _ => None,
    })
}

/// The epoch under which a process held the lease last, by an instant.
fn epoch_of(observation: &Observation, process: u16, at: Instant) -> Option<u64> {
    let puts = observation.record.leases.iter();
    let own = puts.filter(|put| put.process == process && put.accepted && put.at <= at);
    own.map(|put| put.epoch).max()
}

#[cfg(test)]
pub(super) fn broken() -> Observation {
    use crate::sample::{NEW, OLD, clean, hold, insert, secs, written};
    let mut observation = clean();
    hold(&mut observation, 0, secs(100), 1);
    hold(&mut observation, 1, secs(140), 2);
    insert(
        &mut observation,
        secs(150),
        written("turquoise#1", 7, &[OLD, NEW]),
    );
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{NEW, OLD, clean, hold, insert, secs, written};

    #[test]
    fn epochs_of_gateway_writes_only_grow() {
        assert!(crate::judge(&broken()).violates(Invariant::S(14)));
        // The first process's last write, at 160 s, came before the second one's.
        let mut observation = clean();
        hold(&mut observation, 0, secs(100), 1);
        hold(&mut observation, 1, secs(165), 2);
        observation.record.processes[0].ended = Some(secs(161));
        insert(
            &mut observation,
            secs(170),
            written("turquoise#1", 7, &[OLD, NEW]),
        );
        assert!(!crate::judge(&observation).violates(Invariant::S(14)));
    }

    #[test]
    fn who_never_had_the_lease_may_not_write() {
        let mut observation = clean();
        hold(&mut observation, 0, secs(130), 1);
        // Its first write was at 120 s.
        assert!(crate::judge(&observation).violates(Invariant::S(14)));
    }

    #[test]
    fn a_living_holder_keeps_its_lease_unless_it_stood_still() {
        let mut observation = clean();
        hold(&mut observation, 0, secs(100), 1);
        hold(&mut observation, 1, secs(190), 2);
        assert!(crate::judge(&observation).violates(Invariant::S(14)));
        let mut paused = observation.clone();
        paused.record.happened.push((secs(110), "pause".to_owned()));
        assert!(!crate::judge(&paused).violates(Invariant::S(14)));
        observation.record.processes[0].ended = Some(secs(150));
        assert!(!crate::judge(&observation).violates(Invariant::S(14)));
    }

    #[test]
    fn epochs_of_different_stores_are_not_compared() {
        let mut observation = broken();
        observation.record.processes[1].store = 1;
        for put in observation.record.leases.iter_mut().skip(1) {
            put.store = 1;
        }
        assert!(!crate::judge(&observation).violates(Invariant::S(14)));
    }
}
