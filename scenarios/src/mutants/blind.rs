//! Mutants that see no trouble: their evidence is machines and health, never what the application
//! answers.

use std::cell::Cell;

use futures_util::future::LocalBoxFuture;
use turquoise_orchestrator::environment::ProbeRequest;
use turquoise_orchestrator::{Environment, Instant, Observer, Phase, Progress};

use super::Mutant;
use super::interference::{Interference, ProbeResult, Seam};
use super::occasions::ScenarioExt;
use super::way_back::{FINAL_BAKE_MS, MINUTES_20};
use crate::invariant::Invariant;

/// F104: the new side is healthy and cannot reach what it depends on.
pub(super) const NO_OUTBOUND: Mutant = Mutant {
    id: "no-outbound",
    catalogue: "F104",
    wrong: "asks for health only, so that a side without its dependencies passes",
    oracles: &[Invariant::S(9), Invariant::S(20), Invariant::L(4)],
    // The reference would see it and go back, at the price of some of its answers.
    world: |scenario| scenario.with_new_side_failing_at(0),
    // A few minutes of it, so that going on is a decision.
    configure: |config| config.phases.final_bake = MINUTES_20,
    make: || Box::new(Blind::from(Phase::P0)),
    ..Mutant::HARMLESS
};

/// F106: where there is no signal there is no trouble.
pub(super) const MONITOR_BLIND: Mutant = Mutant {
    id: "monitor-blind",
    catalogue: "F106",
    wrong: "takes missing answers of the new side for good ones once it serves alone",
    oracles: &[Invariant::S(20), Invariant::L(4)],
    world: |scenario| scenario.with_new_side_failing_at(FINAL_BAKE_MS),
    configure: |config| config.phases.final_bake = MINUTES_20,
    make: || Box::new(Blind::from(Phase::P9)),
    ..Mutant::HARMLESS
};

/// Takes every answer for a good one, from a phase on.
#[derive(Debug)]
struct Blind {
    from: Phase,
    phase: Cell<Phase>,
}

impl Blind {
    const fn from(from: Phase) -> Self {
        Self {
            from,
            phase: Cell::new(Phase::P0),
        }
    }
}

impl Interference for Blind {
    fn tell(&self, at: Instant, progress: &Progress, observer: &dyn Observer) {
        if let Progress::Entered { phase, .. } = progress {
            self.phase.set(*phase);
        }
        observer.on(at, progress);
    }

    fn probe<'a>(
        &'a self,
        seam: Seam<'a>,
        request: ProbeRequest,
    ) -> LocalBoxFuture<'a, ProbeResult> {
        Box::pin(async move {
            let mut answer = seam.probe(request).await;
            if let Ok(answer) = &mut answer
                && self.phase.get() >= self.from
            {
                answer.status = 200;
            }
            answer
        })
    }
}
