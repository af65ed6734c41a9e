//! S11: every gateway instance always has a healthy member, and no write leaves the pool without
//! one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use turquoise_emulator::ledger::{Attempt, Fault};
use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(11),
    judge,
};

/// One gateway instance's view of our pool.
#[derive(Debug, Default)]
struct View {
    members: BTreeSet<Ipv4Addr>,
    unhealthy: BTreeSet<Ipv4Addr>,
    reported: bool,
}

impl View {
    fn is_empty(&self) -> bool {
        self.members.is_subset(&self.unhealthy)
    }
}

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let mut views: BTreeMap<u16, View> = BTreeMap::new();
    let mut now = Instant::ZERO;
    for timed in &case.observation.events {
        // What lasts for no time at all served nobody; so look just before time moves on.
        if timed.at > now {
            look(case, now, &mut views, findings);
            now = timed.at;
        }
        follow(case, timed.at, &timed.event, &mut views, findings);
    }
    look(case, now, &mut views, findings);
    requests_without_member(case, findings);
}

/// Keeps the views up to date and judges writes as they come.
fn follow(
    case: &Case<'_>,
    at: Instant,
    event: &Event,
    views: &mut BTreeMap<u16, View>,
    findings: &mut Findings,
) {
    let declared = &case.observation.declared;
    match event {
        Event::GatewayApplied {
            gateway,
            instance,
            pools,
            ..
        } if *gateway == declared.gateway => {
            let view = views.entry(*instance).or_default();
            let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
            view.members = ours
                .map(|(_, members)| members.iter().copied().collect())
                .unwrap_or_default();
            // Whether a new configuration keeps what probes learnt is open (azure-facts.md §9);
            // until a probe says otherwise members count as healthy, and a request that finds
            // none tells the rest.
            view.unhealthy.clear();
        }
        Event::MemberHealth {
            gateway,
            instance,
            pool,
            address,
            healthy,
        } if *gateway == declared.gateway && *pool == declared.pool => {
            let view = views.entry(*instance).or_default();
            if *healthy {
                view.unhealthy.remove(address);
            } else {
                view.unhealthy.insert(*address);
            }
        }
        Event::GatewayWritten {
            gateway,
            caller,
            pools,
            ..
        } if *gateway == declared.gateway && declared.is_ours(caller) => {
            let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
            if ours.is_none_or(|(_, addresses)| addresses.is_empty()) {
                findings.report(at, &["F55"], || {
                    "a write left the pool without members".to_owned()
                });
            } else if let Some((_, addresses)) = ours
                && at >= case.observation.window.swap_start
                && replaces_all(views, addresses)
            {
                findings.report(at, &["F55", "F65", "F68", "F83"], || {
                    "a write replaced every member that any gateway instance dispatches to"
                        .to_owned()
                });
            }
        }
        _ => {}
    }
}

/// Whether no gateway instance dispatches yet to any of the members that a write leaves: none of them
/// is proven, and all that serve are gone at one stroke.
fn replaces_all(views: &BTreeMap<u16, View>, addresses: &[String]) -> bool {
    let left: BTreeSet<Ipv4Addr> = addresses
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    !views.is_empty() && views.values().all(|view| view.members.is_disjoint(&left))
}

/// Reports each view that has just become empty, once until it recovers.
fn look(case: &Case<'_>, at: Instant, views: &mut BTreeMap<u16, View>, findings: &mut Findings) {
    for (instance, view) in views {
        let empty = view.is_empty();
        if empty && !view.reported && at >= case.observation.window.baseline_start {
            findings.report(at, &["F01", "F06", "F10", "F55"], || {
                format!("gateway instance {instance} had no healthy member in the pool")
            });
        }
        view.reported = empty;
    }
}

/// What health events may not tell, a request that found no member does.
fn requests_without_member(case: &Case<'_>, findings: &mut Findings) {
    let start = case.observation.window.baseline_start;
    let entries = case.observation.ledgers.gateway.iter();
    let without = entries.filter(|entry| {
        let empty = Attempt::Failed {
            fault: Fault::NoHealthyMember,
            status: 502,
        };
        entry.member.is_none() && entry.outcome == empty && entry.dispatched >= start
    });
    for entry in without {
        findings.report_request(entry.dispatched, entry.id, &["F01", "F06", "F55"], || {
            format!(
                "request {} found no healthy member at gateway instance {}",
                entry.id, entry.instance
            )
        });
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{OLD, clean, health, insert, secs};
    let mut observation = clean();
    insert(&mut observation, secs(50), health(1, OLD, false));
    insert(&mut observation, secs(60), health(1, OLD, true));
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{OLD, US, clean, health, insert, secs, written};

    #[test]
    fn members_that_nobody_dispatches_to_yet_may_not_replace_all_that_serve() {
        // The second write, at 160 s, comes before the first one is effective anywhere, or after.
        for (late, violated) in [(false, false), (true, true)] {
            let mut observation = clean();
            if late {
                observation.events.retain(|timed| {
                    !matches!(timed.event, Event::GatewayApplied { generation: 2, .. })
                });
            }
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(11)), violated, "late: {late}");
        }
    }

    #[test]
    fn one_healthy_member_is_enough() {
        let mut observation = clean();
        insert(&mut observation, secs(140), health(1, OLD, false));
        assert!(!crate::judge(&observation).violates(Invariant::S(11)));
    }

    #[test]
    fn an_empty_write_is_a_breach_even_before_it_is_applied() {
        let mut observation = clean();
        insert(&mut observation, secs(150), written(US, 9, &[]));
        assert!(crate::judge(&observation).violates(Invariant::S(11)));
    }

    #[test]
    fn a_breach_is_reported_once_until_it_ends() {
        let verdict = crate::judge(&broken());
        assert_eq!(verdict.violated[&Invariant::S(11)], 1);
    }
}
