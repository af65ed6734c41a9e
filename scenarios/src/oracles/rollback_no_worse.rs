//! S19: the way back never makes it worse.
//!
//! A write that takes the new side out, or brings the old one in, is judged twice: by what was known
//! when it was sent (the members it leaves must not be worse proven than those it takes away), and by
//! what came of it (the share of good answers after it took effect).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use turquoise_emulator::{Event, Instant};

use crate::cause::Cause;
use crate::invariant::Invariant;
use crate::ledger::Class;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(19),
    judge,
};

/// Around a reverse write: as long as both the trouble before it and the effect after it show.
const LOOK: Duration = Duration::from_secs(30);
/// Fewer requests than this are no share.
const LEAST: u64 = 20;
/// In percent points: less is noise of the samples.
const NOISE: u64 = 2;

fn judge(case: &Case<'_>, findings: &mut Findings) {
    for reverse in reverse_writes(case) {
        judge_choice(case, &reverse, findings);
        judge_result(case, &reverse, findings);
    }
}

/// A write of ours towards the old side.
#[derive(Debug)]
struct Reverse {
    at: Instant,
    from: BTreeSet<Ipv4Addr>,
    to: BTreeSet<Ipv4Addr>,
    generation: u64,
    /// What each gateway instance thought of its members at that instant.
    views: BTreeMap<u16, View>,
}

/// One gateway instance's members and what it found healthy.
#[derive(Clone, Debug, Default)]
struct View {
    members: BTreeSet<Ipv4Addr>,
    sick: BTreeSet<Ipv4Addr>,
}

impl View {
    fn well(&self) -> impl Iterator<Item = &Ipv4Addr> {
        self.members.difference(&self.sick)
    }
}

/// Our writes that add the old side or take the new one out, with what was known then.
fn reverse_writes(case: &Case<'_>) -> Vec<Reverse> {
    let declared = &case.observation.declared;
    let (old, new) = (declared.old.address, declared.new.address);
    let mut views: BTreeMap<u16, View> = BTreeMap::new();
    let mut pool: BTreeSet<Ipv4Addr> = BTreeSet::new();
    let mut writes = Vec::new();
    for timed in &case.observation.events {
        match &timed.event {
            Event::GatewayWritten {
                gateway,
                caller,
                pools,
                generation,
                ..
            } if *gateway == declared.gateway => {
                let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
                let texts = ours.map_or(&[][..], |(_, addresses)| addresses);
                let to: BTreeSet<_> = texts.iter().filter_map(|text| text.parse().ok()).collect();
                let from = std::mem::replace(&mut pool, to.clone());
                let back = !from.contains(&old) && to.contains(&old)
                    || from.contains(&new) && !to.contains(&new);
                if back
                    && declared.is_ours(caller)
                    && timed.at >= case.observation.window.swap_start
                {
                    writes.push(Reverse {
                        at: timed.at,
                        from,
                        to,
                        generation: *generation,
                        views: views.clone(),
                    });
                }
            }
            Event::GatewayApplied {
                gateway,
                instance,
                pools,
                ..
            } if *gateway == declared.gateway => {
                let view = views.entry(*instance).or_default();
                let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
                let members = ours.map(|(_, members)| members.as_slice());
                view.members = members.unwrap_or_default().iter().copied().collect();
                let members = view.members.clone();
                view.sick.retain(|member| members.contains(member));
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
                    view.sick.remove(address);
                } else {
                    view.sick.insert(*address);
                }
            }
            _ => {}
        }
    }
    writes
}

/// Whoever has a healthy member now must keep a proven one: a member that the instance does not
/// dispatch to yet is proven by nobody (F83).
fn judge_choice(case: &Case<'_>, reverse: &Reverse, findings: &mut Findings) {
    for (instance, view) in &reverse.views {
        let has = view.well().next().is_some();
        let keeps = view.well().any(|member| reverse.to.contains(member));
        if has && !keeps && !reverse.from.is_empty() {
            findings.report(reverse.at, &["F09", "F22", "F83"], || {
                let role = case.observation.declared.old.name.as_str();
                format!(
                    "the way back to `{role}` takes every member that gateway instance {instance} found \
                     healthy"
                )
            });
            return;
        }
    }
}

fn judge_result(case: &Case<'_>, reverse: &Reverse, findings: &mut Findings) {
    let Some(effective) = last_applied(case, reverse.generation) else {
        return;
    };
    let before = share(
        case,
        Instant::from_nanos(reverse.at.as_nanos().saturating_sub(nanos(LOOK))),
        reverse.at,
    );
    let after = share(case, reverse.at, effective + LOOK);
    if let (Some(before), Some(after)) = (before, after)
        && after + NOISE < before
    {
        findings.report(effective, &["F09", "F22", "F32", "F83"], || {
            format!("{before} % of the answers were good before the way back, {after} % after it")
        });
    }
}

/// When the last gateway instance took a generation into use.
fn last_applied(case: &Case<'_>, wanted: u64) -> Option<Instant> {
    let gateway = &case.observation.declared.gateway;
    let applied = case.observation.events.iter().filter(|timed| {
        matches!(&timed.event, Event::GatewayApplied { gateway: of, generation, .. }
            if of == gateway && *generation == wanted)
    });
    applied.map(|timed| timed.at).max()
}

/// The share of good answers to requests due in a span, in percent; what the weather took counts
/// for nobody.
fn share(case: &Case<'_>, from: Instant, to: Instant) -> Option<u64> {
    let (mut good, mut all) = (0_u64, 0_u64);
    let due = case
        .ledger
        .requests()
        .filter(|request| (from..to).contains(&request.client().due));
    for request in due {
        let class = request.class();
        if class == Class::ClientAbort {
            continue;
        }
        if class.is_ok() {
            good += 1;
        } else if class.is_loss() && Cause::of(case, request).is_weather() {
            continue;
        }
        all += 1;
    }
    (all >= LEAST).then(|| good * 100 / all)
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// A rollback after the clean swap: {new} to {new, old} at 201 s, to {old} at `second` s, if proven.
#[cfg(test)]
fn rolled_back(through_both: bool) -> crate::Observation {
    use crate::sample::{NEW, OLD, US, applied, clean, insert, secs, written};
    let mut observation = clean();
    let steps: &[(u64, &[Ipv4Addr])] = if through_both {
        &[(171, &[NEW, OLD]), (181, &[OLD])]
    } else {
        &[(171, &[OLD])]
    };
    for (generation, (at, members)) in (10..).zip(steps) {
        insert(
            &mut observation,
            secs(*at),
            written(US, generation, members),
        );
        for instance in 0..2 {
            insert(
                &mut observation,
                secs(at + 1),
                applied(instance, generation, members),
            );
        }
    }
    observation
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    rolled_back(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{NEW, OLD, at, fail, health, insert, secs};
    use turquoise_emulator::ledger::Fault;

    #[test]
    fn the_way_back_over_both_sides_is_no_worse() {
        let verdict = crate::judge(&rolled_back(true));
        assert!(
            !verdict.violates(Invariant::S(19)),
            "{:?}",
            verdict.violations
        );
    }

    #[test]
    fn a_member_found_sick_is_no_member_to_go_back_to() {
        let mut observation = rolled_back(true);
        insert(&mut observation, secs(175), health(0, OLD, false));
        assert!(crate::judge(&observation).violates(Invariant::S(19)));
        insert(&mut observation, secs(176), health(0, NEW, false));
        assert!(!crate::judge(&observation).violates(Invariant::S(19)));
    }

    #[test]
    fn more_losses_after_the_way_back_than_before_are_a_breach() {
        let mut observation = rolled_back(true);
        let first = at(&observation, secs(185));
        for index in first..first + 50 {
            fail(&mut observation, index, Fault::Refused);
        }
        assert!(crate::judge(&observation).violates(Invariant::S(19)));
    }
}
