//! A traffic profile as data, and the requests it stands for.
//!
//! Traffic is open loop: requests are due at instants that no answer delays, because a closed loop
//! goes quiet exactly while something is wrong (H01). Both connection classes are in every default
//! mix (H03). Each draw is keyed by the request's id, so that leaving one request out moves no
//! other.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turquoise_emulator::Seed;
use turquoise_emulator::ledger::{ConnectionClass, RequestClass, RequestId};

/// What clients do, all of them together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Requests per second.
    pub rate: f64,
    /// How they are spread over time.
    pub arrivals: Shape,
    /// What they are, by weight.
    pub mix: Vec<Share>,
    /// How many clients keep connections alive.
    pub reused_clients: u32,
    /// Shortest and longest time that a long request asks for, in milliseconds.
    pub long_ms: (u64, u64),
    /// Shortest and longest time that an upload's body takes to send, in milliseconds.
    pub upload_ms: (u64, u64),
    /// Size of an upload's body in bytes.
    pub upload_bytes: u64,
    /// How long a client waits for the whole answer, in milliseconds.
    pub patience_ms: u64,
}

/// How arrivals are spread over time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case")]
pub enum Shape {
    /// Equal gaps: the finest resolution for gaps in the service (H08).
    Steady,
    /// Exponential gaps: independent clients.
    Poisson,
    /// Exponential gaps at a higher rate for a while, again and again.
    Bursts {
        /// From the start of one burst to the start of the next, in milliseconds.
        every_ms: u64,
        /// How long a burst lasts, in milliseconds.
        for_ms: u64,
        /// The rate within a burst, as a multiple of the profile's.
        factor: f64,
    },
}

/// One kind of request in the mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// What kind of work.
    pub class: RequestClass,
    /// How its connection is used.
    pub connection: ConnectionClass,
    /// Its weight among the shares.
    pub weight: u32,
}

impl Profile {
    /// The mix of a rehearsal at `rate` requests a second: mostly short requests, a third of them
    /// on connections of their own, some writes, a few long requests and uploads.
    #[must_use]
    pub fn rehearsal(rate: f64) -> Self {
        use ConnectionClass::{New, Reused};
        use RequestClass::{Long, Short, Upload, Write};
        let share = |class, connection, weight| Share {
            class,
            connection,
            weight,
        };
        Self {
            rate,
            arrivals: Shape::Steady,
            mix: vec![
                share(Short, Reused, 550),
                share(Short, New, 290),
                share(Write, Reused, 80),
                share(Write, New, 60),
                share(Long, Reused, 5),
                share(Long, New, 5),
                share(Upload, Reused, 5),
                share(Upload, New, 5),
            ],
            reused_clients: 32,
            long_ms: (300, 1500),
            upload_ms: (200, 1000),
            upload_bytes: 16 * 1024,
            patience_ms: 10_000,
        }
    }

    /// The mix of a simulated run at `rate` requests a second: as a rehearsal's, with random
    /// arrivals and work that lasts as long as in a real system.
    #[must_use]
    pub fn simulated(rate: f64) -> Self {
        Self {
            arrivals: Shape::Poisson,
            long_ms: (2_000, 20_000),
            upload_ms: (1_000, 10_000),
            patience_ms: 60_000,
            ..Self::rehearsal(rate)
        }
    }

    /// The longest that a request asks for by itself.
    #[must_use]
    pub fn longest_work(&self) -> Duration {
        Duration::from_millis(self.long_ms.1.max(self.upload_ms.1))
    }
}

/// One request as planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// What kind of work.
    pub class: RequestClass,
    /// How its connection is used.
    pub connection: ConnectionClass,
    /// Which of the keep-alive clients sends it; meaningless for new connections.
    pub client: u32,
    /// How long it asks to take by itself: a long request's wait or an upload's sending.
    pub work: Duration,
}

/// Turns a profile into requests.
#[derive(Clone, Debug)]
pub struct Planner {
    profile: Profile,
    total_weight: u64,
    gaps: Seed,
    kinds: Seed,
    clients: Seed,
    work: Seed,
}

impl Planner {
    /// A planner whose draws all come from `seed`.
    #[must_use]
    pub fn new(profile: Profile, seed: Seed) -> Self {
        Self {
            total_weight: profile
                .mix
                .iter()
                .map(|share| u64::from(share.weight))
                .sum(),
            profile,
            gaps: seed.child("gaps"),
            kinds: seed.child("kinds"),
            clients: seed.child("clients"),
            work: seed.child("work"),
        }
    }

    /// The profile it plans.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What a request is.
    #[must_use]
    pub fn plan(&self, id: RequestId) -> Planned {
        let share = self.share(id);
        let (shortest, longest) = match share.class {
            RequestClass::Short | RequestClass::Write => (0, 0),
            RequestClass::Long => self.profile.long_ms,
            RequestClass::Upload => self.profile.upload_ms,
        };
        let spread = longest.saturating_sub(shortest) + 1;
        let clients = u64::from(self.profile.reused_clients.max(1));
        Planned {
            class: share.class,
            connection: share.connection,
            client: u32::try_from(self.clients.at(id).below(clients))
                .expect("because it is below a `u32`"),
            work: Duration::from_millis(shortest + self.work.at(id).below(spread)),
        }
    }

    /// The time from a request to the next one, where `elapsed` is the request's own time since
    /// the traffic began.
    #[must_use]
    pub fn gap_after(&self, id: RequestId, elapsed: Duration) -> Duration {
        let rate = self.rate_at(elapsed).max(f64::MIN_POSITIVE);
        let mean_gaps = match self.profile.arrivals {
            Shape::Steady => 1.0,
            // The inverse of the exponential distribution; `unit` is below one, so its logarithm
            // is finite.
            Shape::Poisson | Shape::Bursts { .. } => -(1.0 - self.gaps.at(id).unit()).ln(),
        };
        Duration::try_from_secs_f64(mean_gaps / rate).unwrap_or(Duration::MAX)
    }

    fn rate_at(&self, elapsed: Duration) -> f64 {
        match self.profile.arrivals {
            Shape::Bursts {
                every_ms,
                for_ms,
                factor,
            } if elapsed.as_millis() % u128::from(every_ms.max(1)) < u128::from(for_ms) => {
                self.profile.rate * factor
            }
            _ => self.profile.rate,
        }
    }

    fn share(&self, id: RequestId) -> Share {
        let mut drawn = self.kinds.at(id).below(self.total_weight);
        for share in &self.profile.mix {
            let weight = u64::from(share.weight);
            if drawn < weight {
                return *share;
            }
            drawn -= weight;
        }
        // A mix without weights: plain short requests.
        Share {
            class: RequestClass::Short,
            connection: ConnectionClass::New,
            weight: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planner(arrivals: Shape) -> Planner {
        let profile = Profile {
            arrivals,
            ..Profile::rehearsal(100.0)
        };
        Planner::new(profile, Seed::new(7))
    }

    #[test]
    fn a_request_is_the_same_whatever_was_planned_before() {
        let (forward, backward) = (planner(Shape::Poisson), planner(Shape::Poisson));
        let ahead: Vec<Planned> = (1..200).map(|id| forward.plan(id)).collect();
        let back: Vec<Planned> = (1..200).rev().map(|id| backward.plan(id)).collect();
        assert!(ahead.iter().eq(back.iter().rev()));
    }

    #[test]
    fn shares_come_by_their_weight() {
        let planner = planner(Shape::Steady);
        let long = (0..100_000)
            .filter(|id| planner.plan(*id).class == RequestClass::Long)
            .count();
        assert!(
            (700..1300).contains(&long),
            "{long} of 100000 are long, 1 % is their weight"
        );
    }

    #[test]
    fn work_stays_within_its_span() {
        let planner = planner(Shape::Steady);
        for id in 0..10_000 {
            let planned = planner.plan(id);
            let millis = u64::try_from(planned.work.as_millis()).expect("short");
            let allowed = match planned.class {
                RequestClass::Long => 300..=1500,
                RequestClass::Upload => 200..=1000,
                _ => 0..=0,
            };
            assert!(allowed.contains(&millis), "{planned:?}");
        }
    }

    #[test]
    fn random_arrivals_keep_the_mean_rate() {
        let planner = planner(Shape::Poisson);
        let total: Duration = (0..100_000)
            .map(|id| planner.gap_after(id, Duration::ZERO))
            .sum();
        assert!(
            (980.0..1020.0).contains(&total.as_secs_f64()),
            "{total:?} for 1000 s of traffic"
        );
    }

    #[test]
    fn a_burst_raises_the_rate_only_while_it_lasts() {
        let shape = Shape::Bursts {
            every_ms: 1000,
            for_ms: 100,
            factor: 10.0,
        };
        let planner = planner(shape);
        let within = planner.gap_after(1, Duration::from_millis(1099));
        let after = planner.gap_after(1, Duration::from_millis(1100));
        assert!((after.as_secs_f64() / within.as_secs_f64() - 10.0).abs() < 0.001);
    }

    #[test]
    fn a_profile_survives_json() {
        let profile = Profile::simulated(20.0);
        let text = serde_json::to_string(&profile).expect("a profile is plain data");
        assert_eq!(
            serde_json::from_str::<Profile>(&text).expect("own text"),
            profile
        );
    }
}
