//! Mutants whose way back is worse than the trouble: too early, in the wrong order, or barred.

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::Request;
use serde_json::Value;
use turquoise_orchestrator::environment::ProbeRequest;
use turquoise_orchestrator::{Environment, Instant, Observer, Phase, Progress};

use super::Mutant;
use super::interference::{ArmAnswer, Call, Interference, ProbeResult, Seam, pass};
use super::occasions::ScenarioExt;
use crate::invariant::Invariant;
use crate::scenario::Want;
use crate::script::set_pool;

/// F82: an abort does not wait for the write that is under way.
pub(super) const ABORT_MIDPUT: Mutant = Mutant {
    id: "abort-midput",
    catalogue: "F82",
    wrong: "answers an abort at once with the reverse write, while its own write still runs",
    oracles: &[Invariant::S(17), Invariant::S(19)],
    expose: |scenario| {
        scenario.with_slow_gateway_writes(120_000);
        scenario.with_order(120_000, Want::Abort);
    },
    make: || Box::new(Reverses::default()),
    ..Mutant::HARMLESS
};

/// F83: the new side goes out before the old one is proven.
pub(super) const ROLLBACK_ORDER: Mutant = Mutant {
    id: "rollback-order",
    catalogue: "F83",
    wrong: "goes back with one write from the new side alone to the old side alone",
    oracles: &[Invariant::S(19), Invariant::S(11)],
    make: || {
        Box::new(Alarmed {
            then: Then::SkipsTheMiddle,
            phase: Cell::new(None),
            alarmed: true,
        })
    },
    ..Mutant::HARMLESS
};

/// F84: what is aborted must be well before it may be aborted.
pub(super) const ABORT_GUARDED: Mutant = Mutant {
    id: "abort-guarded",
    catalogue: "F84",
    wrong: "goes back only once the new side, which it wants to leave, is healthy",
    oracles: &[Invariant::S(19), Invariant::L(4)],
    world: |scenario| scenario.with_new_side_failing_at(FINAL_BAKE_MS),
    // Long enough that the new side dies in P9 and not after it.
    configure: |config| config.phases.final_bake = MINUTES_20,
    make: || {
        Box::new(Alarmed {
            then: Then::WaitsForTheNewSide,
            phase: Cell::new(None),
            alarmed: false,
        })
    },
    ..Mutant::HARMLESS
};

/// A swap that waits for nothing but its own clock is in P9 by then, if that lasts long enough.
pub(super) const FINAL_BAKE_MS: u64 = 900_000;
pub(super) const MINUTES_20: turquoise_orchestrator::config::Span =
    turquoise_orchestrator::config::Span::minutes(20);

/// Sends the reverse write itself, as soon as it hears of an abort.
#[derive(Debug, Default)]
struct Reverses {
    writing: Cell<bool>,
    done: Cell<bool>,
}

impl Interference for Reverses {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if matches!(seam.call(&request), Call::WriteGateway(_)) {
                self.writing.set(true);
            } else if self.writing.get() && seam.interrupted() && !self.done.replace(true) {
                let script = seam.script();
                if let Ok(mut gateway) = script.get(&seam.target.gateway).await {
                    let old = [seam.target.old.address.to_string()];
                    set_pool(&mut gateway, &seam.target.pool, &old);
                    // Refused or not: the run goes on to wait for what it had begun.
                    let _accepted = script.begin_put(&seam.target.gateway, &gateway).await;
                }
            }
            pass(&seam, request).await
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    SkipsTheMiddle,
    WaitsForTheNewSide,
}

/// An orchestrator with an alarm in P9, and what it makes of it.
#[derive(Debug)]
struct Alarmed {
    then: Then,
    phase: Cell<Option<(Phase, bool)>>,
    /// Whether the alarm is false: nothing is wrong but what it makes of it.
    alarmed: bool,
}

impl Alarmed {
    fn is_in(&self, phase: Phase, reverse: bool) -> bool {
        self.phase.get() == Some((phase, reverse))
    }

    /// Waits until the new side answers well, which is the wrong side to ask.
    async fn wait_for_new(&self, seam: &Seam<'_>) {
        // No longer than any run: the point is made long before.
        for _ in 0..1_000 {
            seam.sleep_until(seam.now() + Duration::from_secs(30)).await;
        }
    }

    fn replaced(seam: &Seam<'_>, request: Request<Bytes>) -> Request<Bytes> {
        let Ok(mut gateway) = serde_json::from_slice::<Value>(request.body()) else {
            return request;
        };
        let old = [seam.target.old.address.to_string()];
        set_pool(&mut gateway, &seam.target.pool, &old);
        request.map(|_| Bytes::from(gateway.to_string()))
    }
}

impl Interference for Alarmed {
    fn tell(&self, at: Instant, progress: &Progress, observer: &dyn Observer) {
        if let Progress::Entered { phase, reverse } = progress {
            self.phase.set(Some((*phase, *reverse)));
        }
        observer.on(at, progress);
    }

    fn arm<'a>(
        &'a self,
        seam: Seam<'a>,
        mut request: Request<Bytes>,
    ) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let writes = matches!(seam.call(&request), Call::WriteGateway(_));
            if writes && self.is_in(Phase::P4, true) {
                match self.then {
                    Then::SkipsTheMiddle => request = Self::replaced(&seam, request),
                    Then::WaitsForTheNewSide => self.wait_for_new(&seam).await,
                }
            }
            pass(&seam, request).await
        })
    }

    fn probe<'a>(
        &'a self,
        seam: Seam<'a>,
        request: ProbeRequest,
    ) -> LocalBoxFuture<'a, ProbeResult> {
        Box::pin(async move {
            let mut answer = seam.probe(request).await;
            let alone = self.is_in(Phase::P9, false) || self.is_in(Phase::P10, false);
            if let Ok(answer) = &mut answer
                && alone
                && self.alarmed
            {
                answer.status = 500;
            }
            answer
        })
    }
}
