//! Q5: both versions serve together no longer than planned.
//!
//! From the first gateway instance that dispatches to both sides to the last one that stops doing
//! so. Faults may stretch it: the budget counts from the last of them, as L1's does. A run that is
//! parked or was never gone on with waits for a person, and its mixed pool is the safe state that it
//! waits in.

use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::observation::Outcome;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::Q(5),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let observation = case.observation;
    let waits_for_a_person = observation.end.is_some_and(|end| {
        matches!(
            end.outcome,
            Outcome::Parked | Outcome::Interrupted | Outcome::Failed
        )
    });
    if waits_for_a_person {
        return;
    }
    let bound = observation.declared.policy.mixed_within;
    for (from, to) in mixed_spells(case) {
        let quiet = last_trouble(case, to).map_or(from, |trouble| trouble.max(from));
        let mixed = to.since(quiet);
        if mixed > bound {
            findings.report(to, &["F72", "F73", "F75"], || {
                format!("both sides served together for {mixed:.0?}, planned were {bound:.0?}")
            });
        }
    }
}

/// The spans in which at least one gateway instance dispatched to both sides.
fn mixed_spells(case: &Case<'_>) -> Vec<(Instant, Instant)> {
    let declared = &case.observation.declared;
    let (old, new) = (declared.old.address, declared.new.address);
    let mut edges: Vec<(Instant, u16, bool)> = Vec::new();
    for instance in case.timeline.gateway_instances() {
        let steps = case.timeline.effective_steps(instance).iter();
        edges.extend(steps.map(|(at, members)| {
            let mixed = members.contains(&old) && members.contains(&new);
            (*at, instance, mixed)
        }));
    }
    edges.sort_unstable();
    let mut mixed = std::collections::BTreeSet::new();
    let (mut spells, mut since) = (Vec::new(), None);
    for (at, instance, is_mixed) in edges {
        if is_mixed {
            mixed.insert(instance);
            since.get_or_insert(at);
        } else {
            mixed.remove(&instance);
        }
        if mixed.is_empty()
            && let Some(from) = since.take()
        {
            spells.push((from, at));
        }
    }
    let end = case.observation.window.swap_end;
    spells.extend(since.map(|from| (from, end.max(from))));
    spells
}

/// When the last thing went wrong before an instant: an injected fault, or a write by someone else.
fn last_trouble(case: &Case<'_>, before: Instant) -> Option<Instant> {
    let declared = &case.observation.declared;
    let events = case.observation.events.iter();
    let happened = case.observation.record.happened.iter();
    let happened = happened.map(|(at, _)| *at).filter(|at| *at <= before).max();
    let trouble = events
        .filter(|timed| timed.at <= before)
        .filter(|timed| match &timed.event {
            Event::FaultHit { .. } => true,
            Event::GatewayWritten { caller, .. } => !declared.is_ours(caller),
            _ => false,
        })
        .map(|timed| timed.at);
    trouble.max().max(happened)
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    let mut observation = crate::sample::clean();
    observation.declared.policy.mixed_within = std::time::Duration::from_secs(30);
    observation
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::observation::End;
    use crate::sample::{clean, insert, secs};

    #[test]
    fn the_budget_holds_from_the_first_instance_to_the_last() {
        // Instance 0 begins at 125 s, instance 1 ends at 167 s.
        for (bound, violated) in [(42, false), (41, true)] {
            let mut observation = clean();
            observation.declared.policy.mixed_within = Duration::from_secs(bound);
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::Q(5)), violated, "{bound} s");
        }
    }

    #[test]
    fn the_budget_counts_from_the_last_fault() {
        let mut observation = broken();
        let hit = Event::FaultHit {
            fault: 0,
            name: "slow_operation".to_owned(),
        };
        insert(&mut observation, secs(140), hit);
        assert!(!crate::judge(&observation).violates(Invariant::Q(5)));
    }

    #[test]
    fn who_is_parked_waits_for_a_person() {
        let mut observation = broken();
        observation.end = Some(End {
            exit_code: 7,
            outcome: Outcome::Parked,
        });
        assert!(!crate::judge(&observation).violates(Invariant::Q(5)));
    }
}
