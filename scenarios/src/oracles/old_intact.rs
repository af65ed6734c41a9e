//! S12: from P4 until its retention ends the old side stays what it was, so that going back is
//! possible.
//!
//! Neither the orchestrator nor an autoscaler that it left unpinned takes machines from it, and the
//! orchestrator sends nothing that changes its machines.

use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(12),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let Some((from, until)) = span(case) else {
        return;
    };
    let declared = &case.observation.declared;
    let path = declared.old.scale_set.as_str().to_ascii_lowercase();
    for timed in &case.observation.events {
        if timed.at < from || timed.at >= until {
            continue;
        }
        match &timed.event {
            Event::Scaled {
                scale_set,
                from,
                to,
                by,
            } if *scale_set == declared.old.scale_set
                && to < from
                && (by == "autoscale" || declared.is_ours(by)) =>
            {
                findings.report(timed.at, &["F22", "F32", "F87"], || {
                    format!(
                        "the old side was scaled from {from} to {to} by {by} before its retention ended"
                    )
                });
            }
            Event::Arm {
                method,
                target,
                caller,
                applied: true,
                ..
            } if method != "GET"
                && declared.is_ours(caller)
                && target.to_ascii_lowercase().starts_with(&path) =>
            {
                findings.report(timed.at, &["F32", "F87", "F101"], || {
                    format!("{caller} sent {method} {target} before the old side's retention ended")
                });
            }
            _ => {}
        }
    }
}

/// From the write that first adds the new side until P11, or until the orchestrator has ended.
fn span(case: &Case<'_>) -> Option<(Instant, Instant)> {
    let declared = &case.observation.declared;
    let mut steps = case.timeline.arm_steps().iter();
    let start = case.observation.window.swap_start;
    let added = |(at, members): &&(Instant, Vec<_>)| {
        *at >= start && members.contains(&declared.new.address)
    };
    let (from, _) = steps.find(added)?;
    let phases = case.observation.phases.iter();
    let released = phases.filter(|mark| mark.phase == 11 && mark.at > *from);
    let until = released.map(|mark| mark.at).min();
    Some((*from, until.unwrap_or(case.observation.window.swap_end)))
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{US, clean, insert, scaled, secs};
    let mut observation = clean();
    insert(&mut observation, secs(150), scaled("green", 3, 1, US));
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{FOREIGN, US, arm, clean, insert, scale_set, scaled, secs};

    #[test]
    fn who_takes_machines_and_when_decides() {
        for (second, by, violated) in [
            (119, "autoscale", false),
            (121, "autoscale", true),
            (194, "autoscale", true),
            (194, US, true),
            (150, FOREIGN, false),
            (196, US, false),
        ] {
            let mut observation = clean();
            insert(&mut observation, secs(second), scaled("green", 3, 2, by));
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::S(12)),
                violated,
                "{by} at {second} s"
            );
        }
    }

    #[test]
    fn a_scale_out_takes_nothing_away() {
        let mut observation = clean();
        insert(&mut observation, secs(150), scaled("green", 3, 4, US));
        assert!(!crate::judge(&observation).violates(Invariant::S(12)));
    }

    #[test]
    fn a_write_on_the_old_scale_set_is_a_breach_and_a_read_is_none() {
        for (method, violated) in [("POST", true), ("PATCH", true), ("GET", false)] {
            let mut observation = clean();
            let event = arm(method, &scale_set("green"), US);
            insert(&mut observation, secs(150), event);
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(12)), violated, "{method}");
        }
    }
}
