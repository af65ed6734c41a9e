//! L1: once faults stop, a terminal state is reached within the bound.

use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::L(1),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let window = case.observation.window;
    let bound = case.observation.declared.policy.terminal_within;
    let quiet = case
        .timeline
        .last_fault()
        .map_or(window.swap_start, |hit| hit.max(window.swap_start));
    let took = window.swap_end.since(quiet);
    match case.observation.end {
        Some(end) if end.outcome.is_terminal() && took <= bound => {}
        Some(end) if end.outcome.is_terminal() => {
            findings.report(window.swap_end, &["F95"], || {
                format!("a terminal state took {took:.0?}, more than {bound:.0?}")
            });
        }
        // Whoever stops on the way must be resumed; giving up in time is as good as being late.
        _ => findings.report(
            window.swap_end,
            &["F66", "F70", "F73", "F95", "F99"],
            || format!("no terminal state was reached within {took:.0?}"),
        ),
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    let mut observation = crate::sample::clean();
    observation.end = None;
    observation
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use turquoise_emulator::Event;

    use super::*;
    use crate::sample::{clean, insert, secs};

    #[test]
    fn the_bound_holds_to_the_second_and_counts_from_the_last_fault() {
        let cases = [(100, None, false), (99, None, true), (99, Some(110), false)];
        for (bound, fault, violated) in cases {
            let mut observation = clean();
            observation.declared.policy.terminal_within = Duration::from_secs(bound);
            if let Some(at) = fault {
                let hit = Event::FaultHit {
                    fault: 0,
                    name: "refuse".to_owned(),
                };
                insert(&mut observation, secs(at), hit);
            }
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::L(1)),
                violated,
                "{bound} s, fault {fault:?}"
            );
        }
    }
}
