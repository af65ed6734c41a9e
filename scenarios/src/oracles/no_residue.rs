//! S22: pins, locks and leases are restored or listed once a terminal state is reached.

use std::collections::BTreeMap;

use turquoise_emulator::Event;

use crate::Observation;
use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(22),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let observation = case.observation;
    if !observation.end.is_some_and(|end| end.outcome.is_terminal()) {
        return;
    }
    let (residue, at) = (&observation.residue, observation.window.swap_end);
    let listed =
        |name: &String| residue.listed.contains(name) || is_somebody_elses(observation, name);
    let (before, after) = (
        &residue.before.autoscale_minimum,
        &residue.after.autoscale_minimum,
    );
    for (name, from, to) in changed(before, after).filter(|(name, ..)| !listed(name)) {
        findings.report(at, &["F93", "F103"], || {
            format!("the autoscale minimum of `{name}` was {from} and is now {to}")
        });
    }
    let left = residue
        .after
        .locks
        .iter()
        .filter(|lock| !residue.before.locks.contains(lock));
    for lock in left.filter(|lock| !listed(lock)) {
        findings.report(at, &["F80", "F93"], || format!("`{lock}` is still held"));
    }
}

/// Whether somebody else changed an autoscale setting while we swapped: what it is then is theirs to
/// say (F23).
fn is_somebody_elses(observation: &Observation, name: &str) -> bool {
    let setting = format!("/autoscalesettings/{}", name.to_ascii_lowercase());
    observation.events.iter().any(|timed| {
        timed.at >= observation.window.swap_start
            && matches!(&timed.event, Event::Arm { method, target, caller, applied: true, .. }
                if method == "PUT"
                    && !observation.declared.is_ours(caller)
                    && target.to_ascii_lowercase().contains(&setting))
    })
}

/// Settings present before whose value is another now; a deleted setting is nobody's pin.
fn changed<'a>(
    before: &'a BTreeMap<String, u32>,
    after: &'a BTreeMap<String, u32>,
) -> impl Iterator<Item = (&'a String, u32, u32)> {
    before.iter().filter_map(|(name, from)| {
        let to = after.get(name)?;
        (from != to).then_some((name, *from, *to))
    })
}

#[cfg(test)]
pub(super) fn broken() -> Observation {
    let mut observation = crate::sample::clean();
    observation
        .residue
        .after
        .autoscale_minimum
        .insert("blue".to_owned(), 6);
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{End, Outcome};

    #[test]
    fn what_somebody_else_set_meanwhile_is_theirs() {
        for (caller, ours) in [(crate::sample::FOREIGN, false), (crate::sample::US, true)] {
            let mut observation = broken();
            let at = observation.window.swap_start;
            let event = Event::Arm {
                method: "PUT".to_owned(),
                target: "/x/providers/Microsoft.Insights/autoscaleSettings/blue?x=y".to_owned(),
                caller: caller.to_owned(),
                status: 200,
                code: None,
                applied: true,
            };
            observation
                .events
                .push(turquoise_emulator::Timed { at, event });
            let judged = crate::judge(&observation);
            assert_eq!(judged.violates(Invariant::S(22)), ours, "{caller}");
        }
    }

    #[test]
    fn what_is_listed_or_not_yet_ended_is_no_residue() {
        let mut listed = broken();
        listed.residue.listed.push("blue".to_owned());
        assert!(!crate::judge(&listed).violates(Invariant::S(22)));

        let mut interrupted = broken();
        interrupted.end = Some(End {
            exit_code: 130,
            outcome: Outcome::Interrupted,
        });
        assert!(!crate::judge(&interrupted).violates(Invariant::S(22)));
    }

    #[test]
    fn a_lock_taken_and_not_released_is_residue() {
        let mut observation = crate::sample::clean();
        observation.residue.after.locks.push("lease".to_owned());
        assert!(crate::judge(&observation).violates(Invariant::S(22)));
    }
}
