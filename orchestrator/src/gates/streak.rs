//! Several good looks in a row, spanning some time: one lucky look proves nothing (F12).

use std::time::Duration;

use super::verdict::Verdict;
use crate::environment::Instant;

/// Counts good looks since the last one that was not.
#[derive(Clone, Debug)]
pub(crate) struct Streak {
    needed: u32,
    span: Duration,
    good: u32,
    began: Instant,
}

impl Streak {
    /// A streak of `needed` good looks that span at least `span`.
    pub(crate) fn new(needed: u32, span: Duration) -> Self {
        Self {
            needed,
            span,
            good: 0,
            began: Instant::default(),
        }
    }

    /// One look at `now`; passes once the streak is long enough.
    pub(crate) fn look(&mut self, now: Instant, verdict: Verdict) -> Verdict {
        let Verdict::Pass(mut proofs) = verdict else {
            self.good = 0;
            return verdict;
        };
        if self.good == 0 {
            self.began = now;
        }
        self.good += 1;
        let spanned = now.since(self.began);
        if self.good >= self.needed && spanned >= self.span {
            proofs.push(format!(
                "{} good looks over {} s",
                self.good,
                spanned.as_secs()
            ));
            return Verdict::Pass(proofs);
        }
        Verdict::unknown(format!(
            "{} of {} good looks in a row, over {} of {} s",
            self.good,
            self.needed,
            spanned.as_secs(),
            self.span.as_secs()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at these seconds, good or not, and tells at which one the gate passes.
    fn passes_at(looks: &[(u64, bool)]) -> Option<u64> {
        let mut streak = Streak::new(3, Duration::from_secs(20));
        looks.iter().find_map(|(second, good)| {
            let verdict = match good {
                true => Verdict::pass("seen"),
                false => Verdict::unknown("not seen"),
            };
            let now = Instant(second * 1_000);
            streak.look(now, verdict).is_pass().then_some(*second)
        })
    }

    #[test]
    fn a_streak_needs_both_the_number_and_the_span() {
        for (looks, passes) in [
            (&[(0, true), (5, true), (10, true), (15, true)][..], None),
            (&[(0, true), (10, true), (20, true)], Some(20)),
            (&[(0, true), (10, true), (19, true)], None),
            (&[(0, true), (30, true)], None),
        ] {
            assert_eq!(passes_at(looks), passes, "{looks:?}");
        }
    }

    #[test]
    fn one_bad_look_begins_anew() {
        let flapping = [
            (0, true),
            (10, true),
            (15, false),
            (20, true),
            (30, true),
            (40, true),
        ];
        assert_eq!(passes_at(&flapping), Some(40));
    }
}
