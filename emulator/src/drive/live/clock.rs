//! The wall clock times a speed.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant as Wall, Sleep};

use crate::http::Clock;
use crate::time::Instant;

/// Cloud time as a multiple of the wall clock's; copies share the origin.
///
/// Control plane, probes, drain time-outs and the gateway's request time-outs are spans of cloud
/// time, so at speed 20 a drain of 60 s takes 3 s of wall clock. Service times of applications are
/// spans of wall clock, because real clients wait for them.
#[derive(Clone, Copy, Debug)]
pub struct LiveClock {
    origin: std::time::Instant,
    speed: f64,
}

impl LiveClock {
    /// A clock that starts at [`Instant::ZERO`] and runs `speed` times as fast as the wall clock.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the live drive owns the clock, and this is the place where it reads it"
    )]
    pub fn start(speed: f64) -> Self {
        Self {
            origin: std::time::Instant::now(),
            speed,
        }
    }

    /// Cloud seconds in one second of wall clock.
    #[must_use]
    pub const fn speed(self) -> f64 {
        self.speed
    }

    /// How long a span of cloud time takes on the wall clock.
    #[must_use]
    pub fn wall(self, span: Duration) -> Duration {
        span.div_f64(self.speed)
    }

    /// How long to wait on the wall clock for an answer that a machine works on.
    ///
    /// The machine this runs on does not get faster with the speed, and at speed 20 a probe's 5 s
    /// would be a quarter of a second: less than a busy machine may pause. So no wait for work that
    /// is really done is shorter than `LEAST_PATIENCE`; silence, which is no work, needs no such
    /// floor.
    #[must_use]
    pub fn patience(self, span: Duration) -> Duration {
        self.wall(span).max(LEAST_PATIENCE)
    }

    /// How much cloud time passes during a span of wall clock.
    #[must_use]
    pub fn cloud(self, span: Duration) -> Duration {
        span.mul_f64(self.speed)
    }

    /// Returns once the cloud has reached `at`.
    pub async fn sleep_until(self, at: Instant) {
        self.sleep(at.since(self.now())).await;
    }

    /// Returns after a span of cloud time.
    pub async fn sleep(self, span: Duration) {
        pass(self.wall(span)).await;
    }
}

/// The shortest wait for work, on the wall clock.
pub(crate) const LEAST_PATIENCE: Duration = Duration::from_secs(2);

/// A span that no run outlives, and that survives a division by any sensible speed.
pub(crate) const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Returns after a span of wall clock; never for one too long for the timer.
#[expect(
    clippy::disallowed_methods,
    reason = "modelled delays of the live drive are real delays, and this is where they pass"
)]
pub(crate) async fn pass(span: Duration) {
    if span >= FOREVER {
        return pending().await;
    }
    if span.is_zero() {
        // The timer would round up to its next millisecond.
        return;
    }
    tokio::time::sleep(span).await;
}

/// The wall clock's time, for limits that clients and members are held to.
#[expect(
    clippy::disallowed_methods,
    reason = "the live drive owns the clock, and this is where it looks at the wall"
)]
pub(crate) fn wall_now() -> Wall {
    Wall::now()
}

/// A timer that rings after a span of wall clock and can be set again.
#[expect(
    clippy::disallowed_methods,
    reason = "limits of the live drive are real delays, and this is where they are set"
)]
pub(crate) fn timer(span: Duration) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep(span))
}

impl Clock for LiveClock {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "nanoseconds since the start, non-negative and far below 2^63"
    )]
    fn now(&self) -> Instant {
        let nanos = self.origin.elapsed().as_secs_f64() * self.speed * 1e9;
        Instant::from_nanos(nanos as u64)
    }
}

/// Seconds since 1970 on the wall clock, by which clients judge tokens and certificates.
#[expect(
    clippy::disallowed_methods,
    reason = "the live drive owns the clock, and this is the place where it reads it"
)]
pub(super) fn unix_seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloud_spans_shrink_by_the_speed() {
        let clock = LiveClock::start(20.0);
        assert_eq!(clock.wall(Duration::from_secs(60)), Duration::from_secs(3));
        assert_eq!(clock.cloud(Duration::from_secs(3)), Duration::from_secs(60));
    }

    #[test]
    fn patience_with_work_has_a_floor_of_wall_clock() {
        let clock = LiveClock::start(20.0);
        assert_eq!(clock.patience(Duration::from_secs(30)), LEAST_PATIENCE);
        let minute = Duration::from_secs(60);
        assert_eq!(clock.patience(minute), Duration::from_secs(3));
    }
}
