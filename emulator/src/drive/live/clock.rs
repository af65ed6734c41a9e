//! The wall clock times a speed.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::time::{Instant as Wall, Sleep};

use crate::http::Clock;
use crate::time::Instant;

/// Cloud time as a multiple of the wall clock's; clones share it.
///
/// Control plane, probes, drain time-outs and the gateway's request time-outs are spans of cloud
/// time, so at speed 20 a drain of 60 s takes 3 s of wall clock. Service times of applications are
/// spans of wall clock, because real clients wait for them.
///
/// Whoever runs the cloud may pause it, change its speed and let it jump ahead; it never goes back.
/// A pause stops what the cloud does by itself (operations, probes, drains). Requests under way go
/// on, because real clients wait for them: spans keep the speed that the clock had.
#[derive(Clone, Debug)]
pub struct LiveClock(Arc<Ticking>);

#[derive(Debug)]
struct Ticking {
    origin: std::time::Instant,
    pace: ArcSwap<Pace>,
    /// The pace has changed: who sleeps counts anew.
    changed: Notify,
}

/// How cloud time follows from the wall clock's, since the last change.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pace {
    /// Wall clock since the origin, at the last change.
    since: Duration,
    /// Cloud time then.
    from: Instant,
    speed: f64,
    paused: bool,
}

impl Pace {
    fn at(self, wall: Duration) -> Instant {
        let passed = wall.saturating_sub(self.since);
        if self.paused {
            return self.from;
        }
        self.from + passed.mul_f64(self.speed)
    }
}

impl LiveClock {
    /// A clock that starts at [`Instant::ZERO`] and runs `speed` times as fast as the wall clock.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the live drive owns the clock, and this is the place where it reads it"
    )]
    pub fn start(speed: f64) -> Self {
        let pace = Pace {
            since: Duration::ZERO,
            from: Instant::ZERO,
            speed,
            paused: false,
        };
        Self(Arc::new(Ticking {
            origin: std::time::Instant::now(),
            pace: ArcSwap::from_pointee(pace),
            changed: Notify::new(),
        }))
    }

    /// Cloud seconds in one second of wall clock, also while it is paused.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.0.pace.load().speed
    }

    /// Whether it stands still.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.0.pace.load().paused
    }

    /// Stands still, or goes on.
    pub fn set_paused(&self, paused: bool) {
        self.change(|pace| Pace { paused, ..pace });
    }

    /// Goes on at another speed, which must be positive.
    pub fn set_speed(&self, speed: f64) {
        self.change(|pace| Pace { speed, ..pace });
    }

    /// Jumps ahead, paused or not.
    pub fn advance(&self, span: Duration) {
        self.change(|pace| Pace {
            from: pace.from + span,
            ..pace
        });
    }

    /// Wall clock since the clock was started.
    pub(crate) fn uptime(&self) -> Duration {
        self.0.origin.elapsed()
    }

    fn change(&self, change: impl Fn(Pace) -> Pace) {
        self.0.pace.rcu(|pace| {
            let since = self.uptime();
            let from = pace.at(since);
            change(Pace {
                since,
                from,
                ..**pace
            })
        });
        self.0.changed.notify_waiters();
    }

    /// How long a span of cloud time takes on the wall clock.
    #[must_use]
    pub fn wall(&self, span: Duration) -> Duration {
        span.div_f64(self.speed())
    }

    /// How long to wait on the wall clock for an answer that a machine works on.
    ///
    /// The machine this runs on does not get faster with the speed, and at speed 20 a probe's 5 s
    /// would be a quarter of a second: less than a busy machine may pause. So no wait for work that
    /// is really done is shorter than `LEAST_PATIENCE`; silence, which is no work, needs no such
    /// floor.
    #[must_use]
    pub fn patience(&self, span: Duration) -> Duration {
        self.wall(span).max(LEAST_PATIENCE)
    }

    /// How much cloud time passes during a span of wall clock.
    #[must_use]
    pub fn cloud(&self, span: Duration) -> Duration {
        span.mul_f64(self.speed())
    }

    /// Returns once the cloud has reached `at`, however its pace changes meanwhile.
    pub async fn sleep_until(&self, at: Instant) {
        loop {
            // Listened to before the pace is read, so that no change falls in between.
            let changed = self.0.changed.notified();
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            let wait = if self.is_paused() {
                FOREVER
            } else {
                self.wall(left)
            };
            tokio::select! {
                () = pass(wait) => {}
                () = changed => {}
            }
        }
    }

    /// Returns after a span of cloud time.
    pub async fn sleep(&self, span: Duration) {
        self.sleep_until(self.now() + span).await;
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
    fn now(&self) -> Instant {
        self.0.pace.load().at(self.uptime())
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

    #[tokio::test]
    async fn who_sleeps_follows_a_clock_that_is_paused_and_jumps() {
        let clock = LiveClock::start(1.0);
        clock.set_paused(true);
        let at = clock.now() + Duration::from_secs(3_600);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(at).await }
        });
        clock.advance(Duration::from_secs(3_599));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished(), "a second is left");
        clock.advance(Duration::from_secs(1));
        sleeper.await.expect("it reaches the hour");
        assert_eq!(clock.now(), at, "paused, it stands where it jumped to");
        clock.set_speed(1_000_000.0);
        clock.set_paused(false);
        clock.sleep(Duration::from_secs(60)).await;
    }

    #[test]
    fn a_change_of_speed_counts_from_now_on() {
        let pace = Pace {
            since: Duration::from_secs(10),
            from: Instant::from_millis(500),
            speed: 2.0,
            paused: false,
        };
        let wall = Duration::from_secs(11);
        assert_eq!(pace.at(wall), Instant::from_millis(2_500));
        assert_eq!(pace.at(Duration::ZERO), pace.from, "it never goes back");
        let paused = Pace {
            paused: true,
            ..pace
        };
        assert_eq!(paused.at(wall), pace.from);
    }
}
