//! F92: durations are measured by the wall clock, which somebody sets.

use std::cell::Cell;

use futures_util::future::LocalBoxFuture;
use turquoise_orchestrator::{Environment, Instant};

use super::Mutant;
use super::interference::{Interference, Seam};
use crate::invariant::Invariant;
use crate::scenario::ClockJump;

/// F92: bakes, drains and retention end when the clock says so.
pub(super) const WALLCLOCK: Mutant = Mutant {
    id: "wallclock",
    catalogue: "F92",
    wrong: "measures every wait by the wall clock, which jumps by two hours",
    oracles: &[
        Invariant::S(6),
        Invariant::S(12),
        Invariant::S(13),
        Invariant::S(14),
        Invariant::S(20),
        Invariant::L(6),
    ],
    expose: |scenario| {
        scenario.traffic.with_much_long_work(15_000);
        scenario.clocks.jumps = (1..=6)
            .map(|number| ClockJump {
                at_ms: number * 60_000,
                by_ms: 7_200_000,
            })
            .collect();
    },
    make: || Box::new(Wall::default()),
    ..Mutant::HARMLESS
};

#[derive(Debug, Default)]
struct Wall {
    /// Where both clocks stood when it first looked: monotonic and wall, in milliseconds.
    began: Cell<Option<(u64, u64)>>,
}

impl Interference for Wall {
    fn now(&self, seam: Seam<'_>) -> Instant {
        let (wall, monotonic) = (seam.unix_millis(), seam.now().0);
        let (from, at) = self.began.get().unwrap_or((wall, monotonic));
        self.began.set(Some((from, at)));
        Instant((at + wall).saturating_sub(from))
    }

    fn sleep_until<'a>(&'a self, seam: Seam<'a>, at: Instant) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            // Asleep nobody notices that the clock was set.
            let span = at.since(self.now(seam));
            seam.sleep_until(seam.now() + span).await;
        })
    }
}
