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
    /// How long a client waits for the whole answer, in milliseconds; for a download or a stream
    /// on top of its own time.
    pub patience_ms: u64,
    /// The exponent of a Pareto tail from the shortest long request to the longest; absent, they
    /// spread evenly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_tail: Option<f64>,
    /// Shortest and longest time that a download's body takes to come, in milliseconds.
    #[serde(default = "Profile::usual_download_ms")]
    pub download_ms: (u64, u64),
    /// Shortest and longest life of a stream, in milliseconds.
    #[serde(default = "Profile::usual_stream_ms")]
    pub stream_ms: (u64, u64),
    /// What clients do about a failure.
    #[serde(default, skip_serializing_if = "Retry::is_never")]
    pub retry: Retry,
}

/// What a client does when a request that may be repeated fails (F27).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How often it tries again; each try is a request of its own in the ledgers.
    pub tries: u8,
    /// How long it waits before, in milliseconds.
    pub pause_ms: u64,
    /// Whether it draws the pause from half to one and a half of that; without, everybody comes
    /// back at once.
    pub jitter: bool,
}

impl Retry {
    fn is_never(&self) -> bool {
        self.tries == 0
    }
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
    /// Exponential gaps at a rate that rises and falls evenly, as over a day.
    Diurnal {
        /// From one peak to the next, in milliseconds.
        period_ms: u64,
        /// How far peak and trough are from the profile's rate, as a share of it, below 1.
        swing: f64,
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
            long_tail: None,
            download_ms: Self::usual_download_ms(),
            stream_ms: Self::usual_stream_ms(),
            retry: Retry::default(),
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

    /// Clients of every class at `rate` requests a second (failure-catalogue.md D.7 point 4), the
    /// new ones with small weights: a stream stays open for minutes, so few begin. Whoever bypasses
    /// the gateway is left out: no swap can hold what it cannot see (F53).
    #[must_use]
    pub fn full_mix(rate: f64) -> Self {
        use ConnectionClass::{Direct, Multiplexed, New, Reused};
        use RequestClass::{
            Download, EventStream, Expect, Job, Page, Session, Short, WebSocket, Write,
        };
        let mut profile = Self {
            long_tail: Some(1.5),
            ..Self::simulated(rate)
        };
        let more = [
            (Short, Multiplexed, 60),
            (Write, Multiplexed, 20),
            (Download, New, 5),
            (Download, Reused, 5),
            (Expect, New, 3),
            (Expect, Reused, 3),
            (WebSocket, New, 3),
            (EventStream, New, 3),
            (Page, Reused, 30),
            (Page, New, 20),
            (Session, Reused, 40),
            (Session, New, 20),
            (Job, Direct, 10),
        ];
        profile
            .mix
            .extend(more.map(|(class, connection, weight)| Share {
                class,
                connection,
                weight,
            }));
        profile
    }

    /// The longest that a request other than a stream asks for by itself.
    #[must_use]
    pub fn longest_work(&self) -> Duration {
        let own = |share: &Share| match share.class {
            RequestClass::Long => self.long_ms.1,
            RequestClass::Download => self.download_ms.1,
            class if class.is_upload() => self.upload_ms.1,
            _ => 0,
        };
        Duration::from_millis(self.mix.iter().map(own).max().unwrap_or_default())
    }

    /// The longest life of a stream; none without streams.
    #[must_use]
    pub fn longest_stream(&self) -> Duration {
        let streams = self.mix.iter().any(|share| share.class.is_stream());
        Duration::from_millis(if streams { self.stream_ms.1 } else { 0 })
    }

    /// How many streams are open at a time and stay so for another `span`, on average: the rate at
    /// which they begin times the mean of what each lives beyond it (Little's law).
    #[must_use]
    pub fn streams_outliving(&self, span: Duration) -> f64 {
        let weight = |share: &Share| f64::from(share.weight);
        let total: f64 = self.mix.iter().map(weight).sum();
        let streams = self.mix.iter().filter(|share| share.class.is_stream());
        let rate = self.rate * streams.map(weight).sum::<f64>() / total.max(1.0);
        let seconds = |ms| Duration::from_millis(ms).as_secs_f64();
        let (shortest, longest) = (seconds(self.stream_ms.0), seconds(self.stream_ms.1));
        let beyond = (longest - span.as_secs_f64()).max(0.0);
        let reached = (longest - shortest.max(span.as_secs_f64())).max(0.0);
        let below = beyond - reached;
        let mean = if longest > shortest {
            // The lives are spread evenly: integrate what is beyond over those that reach it.
            reached * (below + beyond) / 2.0 / (longest - shortest)
        } else {
            beyond
        };
        rate * mean
    }

    /// How many more requests one may lead to: a page to its file, a failure to further tries.
    #[must_use]
    pub fn follows(&self) -> u8 {
        let pages = self
            .mix
            .iter()
            .any(|share| share.class == RequestClass::Page);
        self.retry.tries.saturating_add(u8::from(pages))
    }

    /// A stream of today's applications: up to the five minutes after which most reconnect.
    const fn usual_stream_ms() -> (u64, u64) {
        (10_000, 300_000)
    }

    /// 5 MB over a connection of 20 to 200 Mbit/s.
    const fn usual_download_ms() -> (u64, u64) {
        (200, 2_000)
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

/// Weights that are looked up instead of counted off.
const LONGEST_TABLE: u64 = 4_096;

/// Turns a profile into requests.
#[derive(Clone, Debug)]
pub struct Planner {
    profile: Profile,
    total_weight: u64,
    /// Index into the mix by what is drawn of its weight.
    shares: Vec<u16>,
    gaps: Seed,
    kinds: Seed,
    clients: Seed,
    work: Seed,
    pauses: Seed,
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
            shares: shares(&profile.mix),
            profile,
            gaps: seed.child("gaps"),
            kinds: seed.child("kinds"),
            clients: seed.child("clients"),
            work: seed.child("work"),
            pauses: seed.child("pauses"),
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
        Planned {
            class: share.class,
            connection: share.connection,
            client: self.client(id, share.connection),
            work: Duration::from_millis(self.work_ms(id, share.class)),
        }
    }

    /// Clients of HTTP/2 come after the others, so that none has two kept connections.
    fn client(&self, id: RequestId, connection: ConnectionClass) -> u32 {
        let clients = self.profile.reused_clients.max(1);
        let drawn = u32::try_from(self.clients.at(id).below(u64::from(clients)))
            .expect("because it is below a `u32`");
        match connection {
            ConnectionClass::Multiplexed => clients + drawn,
            _ => drawn,
        }
    }

    fn work_ms(&self, id: RequestId, class: RequestClass) -> u64 {
        let (shortest, longest) = match class {
            RequestClass::Long => self.profile.long_ms,
            RequestClass::Upload | RequestClass::Expect => self.profile.upload_ms,
            RequestClass::Download => self.profile.download_ms,
            RequestClass::WebSocket | RequestClass::EventStream => self.profile.stream_ms,
            _ => (0, 0),
        };
        if shortest == longest {
            return shortest;
        }
        let draw = self.work.at(id);
        match self
            .profile
            .long_tail
            .filter(|_| class == RequestClass::Long)
        {
            Some(alpha) => pareto_ms(shortest, longest, alpha, draw.unit()),
            None => shortest + draw.below(longest.saturating_sub(shortest) + 1),
        }
    }

    /// How long a client waits before it tries the request `id` again.
    #[must_use]
    pub fn pause_before(&self, id: RequestId) -> Duration {
        let Retry {
            pause_ms, jitter, ..
        } = self.profile.retry;
        let pause = Duration::from_millis(pause_ms);
        if jitter {
            pause.mul_f64(0.5 + self.pauses.at(id).unit())
        } else {
            pause
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
            Shape::Poisson | Shape::Bursts { .. } | Shape::Diurnal { .. } => {
                -(1.0 - self.gaps.at(id).unit()).ln()
            }
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
            Shape::Diurnal { period_ms, swing } => {
                self.profile.rate * (1.0 + swing * triangle(elapsed, period_ms))
            }
            _ => self.profile.rate,
        }
    }

    fn share(&self, id: RequestId) -> Share {
        let drawn = self.kinds.at(id).below(self.total_weight);
        let known = usize::try_from(drawn)
            .ok()
            .and_then(|drawn| self.shares.get(drawn));
        if let Some(index) = known {
            return self.profile.mix[usize::from(*index)];
        }
        self.search(drawn)
    }

    /// The share that a draw meets, in a mix whose weights are too many for a table.
    fn search(&self, mut drawn: u64) -> Share {
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

/// The table of a mix; empty where it would be long.
fn shares(mix: &[Share]) -> Vec<u16> {
    let total: u64 = mix.iter().map(|share| u64::from(share.weight)).sum();
    if total > LONGEST_TABLE {
        return Vec::new();
    }
    let of = |(share, index): (&Share, u16)| {
        let weight = usize::try_from(share.weight).unwrap_or_default();
        std::iter::repeat_n(index, weight)
    };
    mix.iter().zip(0..).flat_map(of).collect()
}

/// One draw of a Pareto distribution from `shortest` on, cut at `longest`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped between two numbers of milliseconds"
)]
fn pareto_ms(shortest: u64, longest: u64, alpha: f64, unit: f64) -> u64 {
    let drawn = shortest as f64 * (1.0 - unit).powf(-alpha.recip());
    (drawn as u64).clamp(shortest, longest.max(shortest))
}

/// A wave between -1 and 1 that begins in its trough; straight lines, because a sine differs from
/// machine to machine in its last bit.
fn triangle(elapsed: Duration, period_ms: u64) -> f64 {
    let period = Duration::from_millis(period_ms.max(1));
    let turn = elapsed.div_duration_f64(period).fract();
    1.0 - 4.0 * (turn - 0.5).abs()
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
    fn a_day_has_its_trough_at_both_ends_and_its_peak_between() {
        let planner = planner(Shape::Diurnal {
            period_ms: 1000,
            swing: 0.5,
        });
        let cases = [
            (0, 50.0),
            (250, 100.0),
            (500, 150.0),
            (750, 100.0),
            (1000, 50.0),
        ];
        for (millis, expected) in cases {
            let rate = planner.rate_at(Duration::from_millis(millis));
            assert!((rate - expected).abs() < 0.001, "{rate} at {millis} ms");
        }
    }

    #[test]
    fn a_tail_is_heavy_and_ends_at_the_longest() {
        let profile = Profile {
            long_tail: Some(1.5),
            long_ms: (2_000, 120_000),
            mix: vec![Share {
                class: RequestClass::Long,
                connection: ConnectionClass::New,
                weight: 1,
            }],
            ..Profile::simulated(10.0)
        };
        let planner = Planner::new(profile, Seed::new(7));
        let work: Vec<u128> = (1..20_000)
            .map(|id| planner.plan(id).work.as_millis())
            .collect();
        assert!(work.iter().all(|ms| (2_000..=120_000).contains(ms)));
        let share_above = |limit| {
            let above = work.iter().filter(|ms| **ms > limit).count();
            above * 1000 / work.len()
        };
        // (2/20)^1.5 is 3.2 %, (2/60)^1.5 is 0.6 %.
        assert!(
            (28..36).contains(&share_above(20_000)),
            "{}",
            share_above(20_000)
        );
        assert!(
            (4..9).contains(&share_above(60_000)),
            "{}",
            share_above(60_000)
        );
    }

    #[test]
    fn the_full_mix_has_every_class_but_those_who_bypass_the_gateway() {
        let profile = Profile::full_mix(100.0);
        for class in RequestClass::ALL {
            let planned = profile.mix.iter().any(|share| share.class == class);
            assert_eq!(planned, class != RequestClass::Asset, "{class:?}");
        }
        let past = |share: &&Share| share.connection == ConnectionClass::Direct;
        assert!(
            profile
                .mix
                .iter()
                .filter(past)
                .all(|share| share.class == RequestClass::Job)
        );
        assert_eq!(profile.follows(), 1);
    }

    #[test]
    fn streams_that_outlive_a_span_are_counted_by_what_they_live_beyond_it() {
        let profile = Profile {
            mix: vec![Share {
                class: RequestClass::WebSocket,
                connection: ConnectionClass::New,
                weight: 1,
            }],
            stream_ms: (10_000, 110_000),
            ..Profile::simulated(2.0)
        };
        // 2/s, alive for 60 s on average; beyond 60 s: half of them, 25 s each; none beyond 110 s.
        for (span, expected) in [(0, 120.0), (10, 100.0), (60, 25.0), (110, 0.0), (200, 0.0)] {
            let found = profile.streams_outliving(Duration::from_secs(span));
            assert!((found - expected).abs() < 1e-6, "{found} outlive {span} s");
        }
        let none = Profile::rehearsal(100.0);
        assert!(none.streams_outliving(Duration::ZERO).abs() < f64::EPSILON);
    }

    #[test]
    fn a_pause_without_jitter_is_the_same_for_everybody() {
        let paused = |jitter| {
            let profile = Profile {
                retry: Retry {
                    tries: 1,
                    pause_ms: 100,
                    jitter,
                },
                ..Profile::simulated(10.0)
            };
            let planner = Planner::new(profile, Seed::new(7));
            (1..100)
                .map(|id| planner.pause_before(id))
                .collect::<Vec<_>>()
        };
        let even = Duration::from_millis(100);
        assert!(paused(false).iter().all(|pause| *pause == even));
        assert!(paused(true).iter().any(|pause| *pause < even.mul_f64(0.7)));
        assert!(
            paused(true)
                .iter()
                .all(|pause| (even / 2..even * 3 / 2).contains(pause))
        );
    }

    #[test]
    fn a_profile_survives_json() {
        let profile = Profile::full_mix(20.0);
        let text = serde_json::to_string(&profile).expect("a profile is plain data");
        assert_eq!(
            serde_json::from_str::<Profile>(&text).expect("own text"),
            profile
        );
    }
}
