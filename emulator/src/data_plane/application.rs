//! The application an image runs: how it starts, how fast it is, how it misbehaves.
//!
//! A value shared by the simulation and by the live demo application: both ask
//! [`InstanceView::respond`](super::InstanceView::respond) what to answer and after how long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::flaws::{Flaws, Mixture};
use crate::faults::Sickness;
use crate::seed::Seed;

/// What an image runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Application {
    /// The build's name, as its answers name it; the image's name when empty.
    pub build: String,
    /// From the machine's boot to the first accepted connection (azure-facts.md §8: 20 s).
    pub startup: Duration,
    /// Added to the start-up, drawn uniformly up to this for each instance.
    pub startup_spread: Duration,
    /// From the first accepted connection until it is ready; 503 until then (F19).
    pub warm_up: Duration,
    /// Requests it works on at the same time.
    pub workers: u32,
    /// Requests that may wait for a worker; more are answered 503 at once.
    pub queue: u32,
    /// How long one unit of work takes a worker.
    pub service_time: ServiceTime,
    /// The path of its health check; any other path a probe asks is answered alike.
    pub health_path: String,
    /// How long a health check takes once it has its turn.
    pub health_time: Duration,
    /// Paths answered 404, to requests and probes alike (F10).
    pub missing_paths: Vec<String>,
    /// The port it listens on; `None` answers on every port.
    pub port: Option<u16>,
    /// How long it keeps an unused connection open (F40).
    pub keep_alive: Duration,
    /// How this build misbehaves, always.
    pub sickness: Option<Sickness>,
    /// How this build breaks the application's contract.
    pub flaws: Flaws,
    /// Which of its instances run something else.
    pub mixture: Option<Mixture>,
}

impl Default for Application {
    /// A well-behaved application: 20 s start-up, 32 workers, 20 ms a request.
    fn default() -> Self {
        Self {
            build: String::new(),
            startup: Duration::from_secs(20),
            startup_spread: Duration::from_secs(5),
            warm_up: Duration::ZERO,
            workers: 32,
            queue: 1_024,
            service_time: ServiceTime::default(),
            health_path: "/health".to_owned(),
            health_time: Duration::from_millis(2),
            missing_paths: Vec::new(),
            port: None,
            keep_alive: Duration::from_secs(120),
            sickness: None,
            flaws: Flaws::default(),
            mixture: None,
        }
    }
}

/// How long one unit of work takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceTime {
    /// The mean; of the uncapped distribution for Pareto.
    pub mean: Duration,
    /// How single requests spread around it.
    pub shape: Shape,
}

impl Default for ServiceTime {
    fn default() -> Self {
        Self {
            mean: Duration::from_millis(20),
            shape: Shape::Exponential,
        }
    }
}

/// The distribution of service times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case")]
pub enum Shape {
    /// Always the mean.
    Constant,
    /// Memoryless.
    Exponential,
    /// Heavy-tailed.
    Pareto {
        /// The tail's exponent, above 1; lower is heavier.
        alpha: f64,
        /// No request takes longer.
        cap: Duration,
    },
}

impl ServiceTime {
    /// The time of one request of `work` units, from that request's own draw.
    #[must_use]
    pub fn draw(&self, seed: Seed, work: f64) -> Duration {
        let mean = self.mean.as_secs_f64();
        let seconds = match self.shape {
            Shape::Constant => mean,
            Shape::Exponential => -(1.0 - seed.unit()).ln() * mean,
            Shape::Pareto { alpha, cap } => {
                let scale = mean * (alpha - 1.0) / alpha;
                (scale * (1.0 - seed.unit()).powf(-alpha.recip())).min(cap.as_secs_f64())
            }
        };
        seconds_to_duration(seconds * work)
    }
}

/// A duration from seconds; what is not a time counts as none, what is too long as a day.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=one day in nanoseconds, which a u64 holds"
)]
fn seconds_to_duration(seconds: f64) -> Duration {
    const DAY_NANOS: f64 = 86_400e9;
    Duration::from_nanos((seconds * 1e9).clamp(0.0, DAY_NANOS) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_of(shape: Shape) -> f64 {
        let time = ServiceTime {
            mean: Duration::from_millis(10),
            shape,
        };
        let total: Duration = (0..200_000)
            .map(|index| time.draw(Seed::new(3).at(index), 1.0))
            .sum();
        total.as_secs_f64() / 200_000.0
    }

    #[test]
    fn every_shape_has_the_mean_it_was_given() {
        let cap = Duration::from_secs(60);
        for shape in [
            Shape::Constant,
            Shape::Exponential,
            Shape::Pareto { alpha: 3.0, cap },
        ] {
            let mean = mean_of(shape);
            assert!((mean - 0.010).abs() < 0.000_2, "{shape:?} has mean {mean}");
        }
    }

    #[test]
    fn work_scales_and_the_cap_holds() {
        let time = ServiceTime {
            mean: Duration::from_millis(10),
            shape: Shape::Constant,
        };
        assert_eq!(time.draw(Seed::new(1), 4.0), Duration::from_millis(40));
        let cap = Duration::from_millis(50);
        let heavy = ServiceTime {
            shape: Shape::Pareto { alpha: 1.1, cap },
            ..time
        };
        assert!((0..10_000).all(|i| heavy.draw(Seed::new(1).at(i), 1.0) <= cap));
    }
}
