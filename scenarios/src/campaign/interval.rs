//! What a count of failures says about their rate.

use serde::{Deserialize, Serialize};

/// The standard normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// A rate and the Wilson score interval around it, at 95 %.
///
/// Wilson rather than the normal approximation, because a campaign's usual count is zero: there the
/// latter is the point 0, and Wilson's upper bound is about 3.84 / n.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// What was counted, divided by all.
    pub rate: f64,
    /// The rate is not below this.
    pub lower: f64,
    /// The rate is not above this.
    pub upper: f64,
}

impl Interval {
    /// The interval of `hits` among `trials`; from 0 to 1 where nothing was tried.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate for people; counts stay far below 2^53"
    )]
    #[must_use]
    pub fn wilson(hits: u64, trials: u64) -> Self {
        if trials == 0 {
            return Self {
                rate: 0.0,
                lower: 0.0,
                upper: 1.0,
            };
        }
        let n = trials as f64;
        let rate = hits as f64 / n;
        let square = Z * Z;
        let centre = rate + square / (2.0 * n);
        let half = Z * (rate * (1.0 - rate) / n + square / (4.0 * n * n)).sqrt();
        let scale = 1.0 + square / n;
        Self {
            rate,
            lower: ((centre - half) / scale).max(0.0),
            upper: ((centre + half) / scale).min(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checked against `statsmodels.stats.proportion.proportion_confint(…, method="wilson")`.
    #[test]
    fn bounds_are_those_of_the_literature() {
        for (hits, trials, lower, upper) in [
            (0, 1000, 0.0, 0.003_826_758),
            (1, 10, 0.017_876_213, 0.404_150_0),
            (10, 10, 0.722_467_2, 1.0),
            (50, 100, 0.403_831_5, 0.596_168_5),
        ] {
            let found = Interval::wilson(hits, trials);
            assert!((found.lower - lower).abs() < 1e-6, "{found:?}");
            assert!((found.upper - upper).abs() < 1e-6, "{found:?}");
        }
    }

    #[test]
    fn nothing_tried_says_nothing() {
        let found = Interval::wilson(0, 0);
        assert_eq!((found.lower, found.upper), (0.0, 1.0));
    }
}
