//! S6: no machine stops, and no drain ends, while requests are in flight on it.
//!
//! A machine that an injected fault kills, or that its side's own autoscaler removes before or after
//! the swap (F38), is the weather and accuses nobody; what is lost to it is still counted as lost.
//! Nor does a drain that another's write of the gateway began: every write of it ends what is older
//! than the drain time-out, whatever it changes (azure-facts.md §5.5, F36).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle, stream_cuts};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(6),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let declared = &case.observation.declared;
    let sides = [&declared.old.scale_set, &declared.new.scale_set];
    let mut cuts_left = stream_cuts::allowance(case);
    let writers = stream_cuts::writers(case);
    for timed in &case.observation.events {
        match &timed.event {
            Event::InstanceStopped {
                instance,
                address,
                in_flight,
            } if *in_flight > 0
                && sides.contains(&&instance.scale_set)
                && !is_weather(case, *address, timed.at) =>
            {
                findings.report(timed.at, &["F37", "F38", "F86"], || {
                    format!("machine {address} stopped with {in_flight} requests in flight")
                });
            }
            Event::DrainCut {
                gateway,
                instance,
                address,
                cut,
            } if *gateway == declared.gateway
                && !is_anothers(case, &writers, *instance, timed.at) =>
            {
                let undeclared = cut.saturating_sub(cuts_left);
                cuts_left = cuts_left.saturating_sub(*cut);
                if undeclared > 0 {
                    findings.report(timed.at, &["F35"], || {
                        format!(
                            "gateway instance {instance} cut {undeclared} requests to {address} when their drain ended"
                        )
                    });
                }
            }
            _ => {}
        }
    }
}

/// Whether the drain that ended at an instant was begun by a write that is not ours: that of the
/// configuration that was in use one drain time-out before.
fn is_anothers(case: &Case<'_>, writers: &BTreeMap<u64, &str>, instance: u16, at: Instant) -> bool {
    let began = at - case.observation.declared.policy.drain;
    let writer = case.timeline.generation_at(instance, began);
    let writer = writer.and_then(|generation| writers.get(&generation));
    writer.is_some_and(|caller| !case.observation.declared.is_ours(caller))
}

fn is_weather(case: &Case<'_>, address: Ipv4Addr, at: Instant) -> bool {
    case.timeline
        .stop_between(address, at, at)
        .is_some_and(|stop| stop.weather)
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{OLD_MACHINE, clean, insert, secs, stopped};
    let mut observation = clean();
    insert(
        &mut observation,
        secs(196),
        stopped("green", OLD_MACHINE, 3),
    );
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{
        FOREIGN, NEW_MACHINE, OLD, OLD_MACHINE, US, clean, gateway, insert, scale_set, secs,
        stopped,
    };

    #[test]
    fn what_an_autoscaler_removes_is_weather_only_while_no_swap_is_under_way() {
        let cases = [
            (95, "autoscale", false),
            (150, "autoscale", true),
            (205, "autoscale", false),
            (205, US, true),
        ];
        for (second, by, violated) in cases {
            let mut observation = clean();
            let by = by.to_owned();
            let shrunk = Event::Scaled {
                scale_set: scale_set("blue"),
                from: 3,
                to: 2,
                by,
            };
            insert(&mut observation, secs(second), shrunk);
            insert(
                &mut observation,
                secs(second),
                stopped("blue", NEW_MACHINE, 3),
            );
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(6)), violated, "at {second} s");
        }
    }

    #[test]
    fn a_machine_killed_by_a_fault_is_not_the_orchestrators_doing() {
        let mut observation = clean();
        let hit = Event::FaultHit {
            fault: 0,
            name: "kill".to_owned(),
        };
        insert(&mut observation, secs(150), hit);
        insert(
            &mut observation,
            secs(150),
            stopped("green", OLD_MACHINE, 3),
        );
        assert!(!crate::judge(&observation).violates(Invariant::S(6)));
    }

    #[test]
    fn what_anothers_write_cuts_is_theirs() {
        // The write at 120 s is ours, the one at 160 s another's; both are applied well before 180 s.
        for (second, violated) in [(157, true), (196, false)] {
            let mut observation = clean();
            for timed in &mut observation.events {
                if let Event::GatewayWritten {
                    caller,
                    generation: 3,
                    ..
                } = &mut timed.event
                {
                    FOREIGN.clone_into(caller);
                }
            }
            let event = Event::DrainCut {
                gateway: gateway(),
                instance: 0,
                address: OLD,
                cut: 2,
            };
            insert(&mut observation, secs(second), event);
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(6)), violated, "at {second} s");
        }
    }

    #[test]
    fn cuts_are_accepted_up_to_what_was_declared() {
        // Of each of the two writes.
        for (declared, violated) in [(3, false), (2, true)] {
            let mut observation = clean();
            observation.declared.stream_cuts = declared;
            for (instance, cut) in [(0, 2), (1, 3)] {
                let event = Event::DrainCut {
                    gateway: gateway(),
                    instance,
                    address: OLD,
                    cut,
                };
                insert(&mut observation, secs(190), event);
            }
            assert_eq!(
                crate::judge(&observation).violates(Invariant::S(6)),
                violated
            );
        }
    }
}
