//! Where a process dies or stands still, and who notices.
//!
//! The seams count effects; at the point that the scenario names they tell the [`Lifeline`] and
//! wait. Whoever polls the process looks at the lifeline after each poll: it drops the process, which
//! is the crash, or leaves it unpolled for a while, which is the freeze.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use turquoise_orchestrator::Instant;

use super::level::Level;
use crate::scenario::{Crash, Effect, Pause, Point};

/// One process's points of death and rest.
#[derive(Debug, Default)]
pub(super) struct Lifeline {
    crash: Option<Point>,
    pause: Option<(Point, Duration)>,
    counts: RefCell<BTreeMap<Effect, u32>>,
    fate: Cell<Option<Fate>>,
    /// Wakes the effect that waits for the end of a freeze.
    frozen: RefCell<Option<Waker>>,
}

/// What happens to a process at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Dies(Point),
    Freezes(Duration),
}

/// What came of a process.
#[derive(Debug)]
pub(super) enum Life<T> {
    /// It ended by itself.
    Ended(T),
    /// It was killed there.
    Crashed(Point),
}

impl Lifeline {
    pub(super) fn new(crash: Option<&Crash>, pause: Option<&Pause>) -> Self {
        Self {
            crash: crash.map(|crash| crash.at),
            pause: pause.map(|pause| (pause.at, Duration::from_millis(pause.for_ms))),
            ..Self::default()
        }
    }

    /// Whether the process lives undisturbed: then nothing is counted.
    fn is_carefree(&self) -> bool {
        self.crash.is_none() && self.pause.is_none()
    }

    /// The process is at an effect; returns once it may go on, never if it dies here.
    pub(super) async fn reach(&self, effect: Effect) {
        if self.is_carefree() {
            return;
        }
        let ordinal = self.count(effect);
        let is_here = |point: Point| point == Point::Effect { effect, ordinal };
        if let Some(point) = self.crash.filter(|point| is_here(*point)) {
            self.strike(Fate::Dies(point));
            pending::<()>().await;
        }
        if let Some((_, rest)) = self.pause.filter(|(point, _)| is_here(*point)) {
            self.strike(Fate::Freezes(rest));
            self.thaw().await;
        }
    }

    /// Several effects may be reached in one poll; whoever dies in it does not freeze.
    fn strike(&self, fate: Fate) {
        if !matches!(self.fate.get(), Some(Fate::Dies(_))) {
            self.fate.set(Some(fate));
        }
    }

    /// Ends at the second poll: whoever polls a frozen process has ended the freeze.
    async fn thaw(&self) {
        let mut waited = false;
        poll_fn(|context| {
            if waited {
                return Poll::Ready(());
            }
            waited = true;
            *self.frozen.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn count(&self, effect: Effect) -> u32 {
        let mut counts = self.counts.borrow_mut();
        let count = counts.entry(effect).or_default();
        *count += 1;
        *count
    }

    /// The instants at which fate strikes by the clock.
    fn by_the_clock(&self, swap_start: Instant) -> Vec<(Instant, Fate)> {
        let at = |point: Point| match point {
            Point::Time { at_ms } => Some(swap_start + Duration::from_millis(at_ms)),
            Point::Effect { .. } => None,
        };
        let dies = self.crash.and_then(|p| Some((at(p)?, Fate::Dies(p))));
        let rests = self
            .pause
            .and_then(|(p, rest)| Some((at(p)?, Fate::Freezes(rest))));
        dies.into_iter().chain(rests).collect()
    }

    /// Lets a process live on a level until it ends or dies; `told` hears of a freeze.
    pub(super) async fn live<L: Level, T>(
        &self,
        level: &L,
        swap_start: Instant,
        process: impl Future<Output = T>,
        told: impl Fn(),
    ) -> Life<T> {
        if self.is_carefree() {
            return Life::Ended(process.await);
        }
        let mut process = pin!(process);
        let mut clocked = self.by_the_clock(swap_start);
        clocked.retain(|(at, _)| *at >= level.now());
        clocked.sort_by_key(|(at, _)| *at);
        let mut clocked = clocked.into_iter().peekable();
        loop {
            let next = clocked.peek().copied();
            let mut bell = pin!(async {
                match next {
                    Some((at, _)) => level.sleep_until(at).await,
                    None => pending().await,
                }
            });
            let fate = poll_fn(|context| {
                if bell.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Err(None));
                }
                match process.as_mut().poll(context) {
                    Poll::Ready(value) => Poll::Ready(Ok(value)),
                    Poll::Pending => match self.fate.take() {
                        Some(fate) => Poll::Ready(Err(Some(fate))),
                        None => Poll::Pending,
                    },
                }
            })
            .await;
            let fate = match fate {
                Ok(value) => return Life::Ended(value),
                Err(Some(fate)) => fate,
                Err(None) => match clocked.next() {
                    Some((_, fate)) => fate,
                    None => continue,
                },
            };
            match fate {
                Fate::Dies(point) => return Life::Crashed(point),
                Fate::Freezes(rest) => {
                    told();
                    level.sleep_until(level.now() + rest).await;
                    if let Some(waker) = self.frozen.take() {
                        waker.wake();
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use turquoise_emulator::{Cloud, CloudConfig, Seed};

    use super::super::core::Core;
    use super::super::level::SharedCloud;
    use super::*;
    use crate::executor::Executor;

    const FOREVER: Instant = Instant(u64::MAX);

    /// Sleeps three times for a second, each behind its effect; how it ended, when, and how often
    /// it woke.
    fn run(crash: Option<Point>, pause: Option<Point>) -> (bool, u64, u32) {
        let executor = Executor::new(Seed::new(1));
        let level = Core {
            handle: executor.handle(),
            cloud: SharedCloud::new(Cloud::new(&CloudConfig::default())),
        };
        let crash = crash.map(|at| Crash {
            orchestrator: 0,
            at,
            down_ms: 0,
            then: None,
        });
        let pause = pause.map(|at| Pause {
            orchestrator: 0,
            at,
            for_ms: 60_000,
        });
        let ended = executor.block_on(FOREVER, async move {
            let lifeline = Lifeline::new(crash.as_ref(), pause.as_ref());
            let woken = Rc::new(Cell::new(0));
            let process = async {
                for _ in 0..3 {
                    lifeline.reach(Effect::Sleep).await;
                    level
                        .sleep_until(level.now() + Duration::from_secs(1))
                        .await;
                    woken.set(woken.get() + 1);
                }
            };
            let life = lifeline.live(&level, Instant(0), process, || {}).await;
            let ended = matches!(life, Life::Ended(()));
            (ended, level.now().0, woken.get())
        });
        ended.expect("nothing waits for ever")
    }

    fn sleep(ordinal: u32) -> Point {
        Point::Effect {
            effect: Effect::Sleep,
            ordinal,
        }
    }

    #[test]
    fn a_process_dies_where_it_is_told_and_nowhere_else() {
        let at = |at_ms| Point::Time { at_ms };
        for (crash, expected) in [
            (None, (true, 3_000, 3)),
            (Some(sleep(1)), (false, 0, 0)),
            (Some(sleep(3)), (false, 2_000, 2)),
            (Some(sleep(4)), (true, 3_000, 3)),
            (Some(at(1_500)), (false, 1_500, 1)),
            (Some(at(9_000)), (true, 3_000, 3)),
        ] {
            assert_eq!(run(crash, None), expected, "{crash:?}");
        }
    }

    #[test]
    fn a_frozen_process_goes_on_as_if_nothing_had_been() {
        assert_eq!(run(None, Some(sleep(2))), (true, 63_000, 3));
        // Its sleep was over long ago when it is polled again.
        assert_eq!(
            run(None, Some(Point::Time { at_ms: 500 })),
            (true, 62_500, 3)
        );
        assert_eq!(run(Some(sleep(3)), Some(sleep(2))), (false, 62_000, 2));
    }
}
