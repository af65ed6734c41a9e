//! How long operations take: distributions from azure-facts.md §8, drawn in whole milliseconds.

use super::config::Profile;
use crate::seed::Seed;

/// A distribution of operation times, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Duration {
    /// Ends with the request itself.
    Instant,
    /// Anything from the first to the second, evenly.
    Uniform(u64, u64),
    /// Lognormal by median and 90th percentile, with rare outliers.
    LogNormal {
        /// Half take less.
        median: u64,
        /// Nine in ten take less.
        p90: u64,
        /// One in how many is an outlier; 0 for never.
        outlier_one_in: u64,
        /// Outliers take anything between these, evenly.
        outlier: (u64, u64),
    },
}

/// The 90th percentile of the standard normal distribution.
const Z90: f64 = 1.281_551_565_545;

impl Duration {
    /// One draw, by the node of the seed tree that stands for this operation.
    pub(crate) fn draw(self, profile: Profile, scale: f64, seed: Seed) -> u64 {
        let base = match (self, profile) {
            (Self::Instant, _) => return 0,
            (_, Profile::Nice) => self.median(),
            (_, Profile::Calibrated) => self.sample(seed, 1),
            (_, Profile::Pessimistic) => self.sample(seed, 10) * 1.5,
        };
        whole(base * scale).max(1)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "hours in milliseconds fit a double"
    )]
    fn median(self) -> f64 {
        match self {
            Self::Instant => 0.0,
            Self::Uniform(least, most) => (least + most) as f64 / 2.0,
            Self::LogNormal { median, .. } => median as f64,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "hours in milliseconds fit a double"
    )]
    fn sample(self, seed: Seed, outlier_factor: u64) -> f64 {
        match self {
            Self::Instant => 0.0,
            Self::Uniform(least, most) => between(least, most, seed.at(0)),
            Self::LogNormal {
                median,
                p90,
                outlier_one_in,
                outlier,
            } => {
                let odds = outlier_one_in / outlier_factor;
                if odds > 0 && seed.at(1).below(odds) == 0 {
                    return between(outlier.0, outlier.1, seed.at(2));
                }
                let sigma = (p90 as f64 / median as f64).ln() / Z90;
                median as f64 * (sigma * standard_normal(seed)).exp()
            }
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "hours in milliseconds fit a double"
)]
fn between(least: u64, most: u64, seed: Seed) -> f64 {
    least as f64 + seed.unit() * (most - least) as f64
}

/// Box and Muller, from two draws; clipped at three sigma, so that no draw is absurd.
fn standard_normal(seed: Seed) -> f64 {
    let radius = (-2.0 * (1.0 - seed.at(3).unit()).ln()).sqrt();
    let angle = std::f64::consts::TAU * seed.at(4).unit();
    (radius * angle.cos()).clamp(-3.0, 3.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a day beforehand"
)]
fn whole(millis: f64) -> u64 {
    millis.round().clamp(0.0, 86_400_000.0) as u64
}

/// Times of the three writes of a type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Durations {
    /// A PUT that creates.
    pub(crate) create: Duration,
    /// A PUT or PATCH of something that exists.
    pub(crate) update: Duration,
    /// A DELETE.
    pub(crate) delete: Duration,
}

impl Durations {
    /// Virtual networks, security groups, public IPs, NICs: 3 to 10 s.
    pub(crate) const SMALL_NETWORK: Self = Self {
        create: Duration::Uniform(3_000, 10_000),
        update: Duration::Uniform(3_000, 10_000),
        delete: Duration::Uniform(3_000, 10_000),
    };

    /// Everything ends with the request.
    pub(crate) const INSTANT: Self = Self {
        create: Duration::Instant,
        update: Duration::Instant,
        delete: Duration::Instant,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY_UPDATE: Duration = Duration::LogNormal {
        median: 20_000,
        p90: 60_000,
        outlier_one_in: 200,
        outlier: (600_000, 2_700_000),
    };

    fn sorted(profile: Profile) -> Vec<u64> {
        let draw = |index| GATEWAY_UPDATE.draw(profile, 1.0, Seed::new(3).at(index));
        let mut all: Vec<u64> = (0..10_000).map(draw).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn calibrated_draws_have_the_median_and_tail_they_were_asked_for() {
        let all = sorted(Profile::Calibrated);
        assert!((18_000..22_000).contains(&all[5_000]), "{}", all[5_000]);
        assert!((54_000..66_000).contains(&all[9_000]), "{}", all[9_000]);
        let outliers = all.iter().filter(|ms| **ms >= 600_000).count();
        assert!((25..100).contains(&outliers), "{outliers}");
    }

    #[test]
    fn pessimistic_is_slower_and_nice_is_the_median() {
        assert!(sorted(Profile::Pessimistic)[5_000] > 27_000);
        assert_eq!(sorted(Profile::Nice)[0], 20_000);
        assert_eq!(sorted(Profile::Nice)[9_999], 20_000);
    }

    #[test]
    fn only_instant_takes_no_time() {
        let seed = Seed::new(1);
        assert_eq!(Duration::Instant.draw(Profile::Calibrated, 1.0, seed), 0);
        assert_eq!(Duration::Uniform(0, 0).draw(Profile::Nice, 1.0, seed), 1);
    }
}
