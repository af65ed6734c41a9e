//! S4: requests go only to sides that the phase allows.
//!
//! The old side up to P3, both from P4 to P8, the new side after; P8 is where removal is
//! confirmed, so the old side may still be effective in it. Where somebody else has edited our pool,
//! what goes to the members they listed is theirs (F101). A process that was frozen on the way to its
//! write, and lost its lease meanwhile, is such a somebody.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use turquoise_emulator::Event;
use turquoise_emulator::ledger::GatewayEntry;

use crate::invariant::Invariant;
use crate::oracles::writes::frozen_on_its_way;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(4),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let start = case.observation.window.baseline_start;
    let judged = case
        .observation
        .ledgers
        .gateway
        .iter()
        .filter(|entry| entry.dispatched >= start);
    let edits = edits_by_others(case);
    for entry in judged.filter(|entry| !permitted(case, entry)) {
        let Some(member) = entry.member else { continue };
        if edits
            .get(&entry.generation)
            .is_some_and(|listed| listed.contains(&member))
        {
            continue;
        }
        let role = case.observation.declared.role_of(member);
        let side = role.map_or("an undeclared side", |role| {
            &case.observation.declared.side(role).name
        });
        let phase = case
            .timeline
            .phase_at(entry.dispatched)
            .map_or(0, |mark| mark.phase);
        findings.report_request(entry.dispatched, entry.id, &["F14", "F34", "F52", "F88"], || {
            format!(
                "request {} went to {member} of {side} in P{phase}, which does not allow that side",
                entry.id
            )
        });
    }
}

/// The configurations in which somebody else changed our pool's members, and what they listed.
fn edits_by_others(case: &Case<'_>) -> BTreeMap<u64, Vec<Ipv4Addr>> {
    let declared = &case.observation.declared;
    let mut edits = BTreeMap::new();
    let mut before: Option<Vec<Ipv4Addr>> = None;
    let mut theirs = false;
    for (index, timed) in case.observation.events.iter().enumerate() {
        let Event::GatewayWritten {
            gateway,
            generation,
            caller,
            pools,
            ..
        } = &timed.event
        else {
            continue;
        };
        if *gateway != declared.gateway {
            continue;
        }
        let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
        let texts = ours.map_or(&[][..], |(_, addresses)| addresses);
        let listed: Vec<Ipv4Addr> = texts.iter().filter_map(|text| text.parse().ok()).collect();
        let changed = before.as_ref().is_some_and(|before| *before != listed);
        let late = || frozen_on_its_way(case, index).is_some();
        let other = !declared.is_ours(caller) || late();
        // Who keeps what another of them listed keeps it theirs.
        theirs = other && (changed || theirs);
        if theirs {
            edits.insert(*generation, listed.clone());
        }
        before = Some(listed);
    }
    edits
}

fn permitted(case: &Case<'_>, entry: &GatewayEntry) -> bool {
    let Some(member) = entry.member else {
        return true;
    };
    let (at, epsilon) = (entry.dispatched, case.observation.declared.policy.epsilon);
    match case.observation.declared.role_of(member) {
        Some(role) => {
            let permits = |at| case.timeline.allowed_at(at).permits(role);
            permits(at) || permits(at - epsilon)
        }
        // An address of another pool is none of our business; one in ours belongs to nobody.
        None => !case
            .timeline
            .effective_at(entry.instance, at)
            .is_some_and(|members| members.contains(&member)),
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{NEW, at, clean, secs};
    let mut observation = clean();
    let early = at(&observation, secs(119));
    observation.ledgers.gateway[early].member = Some(NEW);
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::PhaseMark;
    use crate::sample::{FOREIGN, NEW, OLD, US, at, clean, insert, secs, written};

    #[test]
    fn a_run_that_gives_up_before_its_second_write_leaves_the_old_side_serving() {
        for entered in [3, 4] {
            let mut observation = clean();
            observation.phases.retain(|mark| mark.phase <= entered);
            let released = observation.phases.last().expect("it has phases").at;
            observation.phases.push(PhaseMark {
                at: released + std::time::Duration::from_secs(1),
                phase: 11,
                reverse: false,
            });
            for entry in &mut observation.ledgers.gateway {
                entry.member = Some(OLD);
            }
            assert!(!crate::judge(&observation).violates(Invariant::S(4)));
        }
    }

    #[test]
    fn what_somebody_else_listed_is_theirs() {
        for (caller, violated) in [(FOREIGN, false), (US, true)] {
            let mut observation = clean();
            insert(&mut observation, secs(185), written(caller, 9, &[OLD]));
            let late = at(&observation, secs(190));
            let entry = &mut observation.ledgers.gateway[late];
            (entry.member, entry.generation) = (Some(OLD), 9);
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(4)), violated, "{caller}");
        }
    }

    #[test]
    fn each_phase_allows_its_sides_and_no_other() {
        let cases = [
            (119, true, false),
            (121, true, true),
            (171, true, true),
            (181, false, true),
        ];
        for (second, old, new) in cases {
            for (member, allowed) in [(OLD, old), (NEW, new)] {
                let mut observation = clean();
                let index = at(&observation, secs(second));
                observation.ledgers.gateway[index].member = Some(member);
                let violated = crate::judge(&observation).violates(Invariant::S(4));
                assert_eq!(violated, !allowed, "{member} at {second} s");
            }
        }
    }

    #[test]
    fn releasing_after_a_failed_gate_removes_no_side() {
        let mut observation = clean();
        observation
            .phases
            .retain(|mark| mark.phase < 4 || mark.phase == 11);
        let index = at(&observation, secs(196));
        observation.ledgers.gateway.truncate(index + 1);
        observation.ledgers.gateway[index].member = Some(OLD);
        let verdict = crate::judge(&observation);
        let named = verdict
            .violations
            .iter()
            .filter(|found| found.invariant == Invariant::S(4));
        let id = observation.ledgers.gateway[index].id;
        assert!(named.into_iter().all(|found| found.request != Some(id)));
    }

    #[test]
    fn on_the_way_back_the_old_side_is_allowed_again() {
        let mut observation = clean();
        observation.phases.retain(|mark| mark.phase < 9);
        for (at, phase) in [(172, 4), (180, 7), (185, 9)] {
            observation.phases.push(PhaseMark {
                at: secs(at),
                phase,
                reverse: true,
            });
        }
        let last = at(&observation, secs(190));
        observation.ledgers.gateway.truncate(last);
        observation.ledgers.gateway[last - 1].member = Some(OLD);
        let verdict = crate::judge(&observation);
        let named = verdict
            .violations
            .iter()
            .find(|violation| violation.invariant == Invariant::S(4));
        let named = named.expect("the new side is not allowed after P9 of the way back");
        assert!(named.at >= secs(185), "{named:?}");
    }
}
