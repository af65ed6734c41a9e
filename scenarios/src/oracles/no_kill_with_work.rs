//! S6: no machine stops, and no drain ends, while requests are in flight on it.
//!
//! A machine that an injected fault kills is the weather, not the orchestrator; requests lost to it
//! still count under S1 and S2.

use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(6),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let declared = &case.observation.declared;
    let sides = [&declared.old.scale_set, &declared.new.scale_set];
    let mut cuts_left = declared.stream_cuts;
    for timed in &case.observation.events {
        match &timed.event {
            Event::InstanceStopped {
                instance,
                address,
                in_flight,
            } if *in_flight > 0
                && sides.contains(&&instance.scale_set)
                && !killed_by_fault(case, timed.at) =>
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
            } if *gateway == declared.gateway => {
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

fn killed_by_fault(case: &Case<'_>, at: Instant) -> bool {
    case.observation.events.iter().any(|timed| {
        timed.at == at && matches!(&timed.event, Event::FaultHit { name, .. } if name == "kill")
    })
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
    use crate::sample::{OLD, OLD_MACHINE, clean, gateway, insert, secs, stopped};

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
    fn cuts_are_accepted_up_to_what_was_declared() {
        for (declared, violated) in [(5, false), (4, true)] {
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
