//! L5: draining has a finite deadline.
//!
//! The time in P8, forward or back, up to the next phase or the end of the run. A drain that was
//! cut short by a crash counts up to the crash's next phase, which is more than it took.

use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::L(5),
    judge,
};

/// The phase that drains.
const DRAIN: u8 = 8;

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let observation = case.observation;
    let bound = observation.declared.policy.drain_within;
    for (index, mark) in observation.phases.iter().enumerate() {
        if mark.phase != DRAIN {
            continue;
        }
        let next = observation.phases.get(index + 1).map(|next| next.at);
        let left = next.unwrap_or(observation.window.swap_end);
        let lasted = left.since(mark.at);
        if lasted > bound {
            findings.report(left, &["F44", "F51", "F95"], || {
                format!("a drain lasted {lasted:.0?}, its deadline is {bound:.0?}")
            });
        }
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    let mut observation = crate::sample::clean();
    observation.declared.policy.drain_within = std::time::Duration::from_secs(5);
    observation
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sample::{clean, secs};

    #[test]
    fn a_drain_may_last_just_as_long_as_its_deadline() {
        for (bound, violated) in [(10, false), (9, true)] {
            let mut observation = clean();
            observation.declared.policy.drain_within = Duration::from_secs(bound);
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::L(5)), violated, "{bound} s");
        }
    }

    #[test]
    fn a_drain_that_is_never_left_counts_to_the_end() {
        let mut observation = clean();
        observation.phases.retain(|mark| mark.phase <= DRAIN);
        observation.window.swap_end = secs(100_000);
        observation.end = None;
        assert!(crate::judge(&observation).violates(Invariant::L(5)));
    }
}
