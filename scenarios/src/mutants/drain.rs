//! Mutants that drain too little or without end.

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::Request;
use serde_json::json;
use turquoise_orchestrator::environment::ProbeRequest;
use turquoise_orchestrator::{Environment, Instant, Observer, Phase, Progress};

use super::Mutant;
use super::interference::{
    ArmAnswer, Call, Interference, ProbeResult, Seam, edit_backend_settings, pass,
};
use crate::invariant::Invariant;

/// F35: the drain time-out is shorter than the requests it is for.
pub(super) const DRAIN_SHORT: Mutant = Mutant {
    id: "drain-short",
    catalogue: "F35",
    wrong: "sets the drain time-out to one second to be done sooner",
    oracles: &[
        Invariant::S(1),
        Invariant::S(2),
        Invariant::S(6),
        Invariant::S(15),
    ],
    expose: |scenario| scenario.traffic.with_much_long_work(15_000),
    configure: |_| {},
    make: || Box::new(ShortensDrain),
    ..Mutant::HARMLESS
};

/// F95: the wait for the drain has no deadline.
pub(super) const DRAIN_FOREVER: Mutant = Mutant {
    id: "drain-forever",
    catalogue: "F95",
    wrong: "waits for the last connection to the old side without a deadline",
    oracles: &[Invariant::L(1), Invariant::L(5)],
    expose: |_| {},
    configure: |_| {},
    make: || Box::new(NeverDone::default()),
    ..Mutant::HARMLESS
};

/// Longer than any run.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// Sets the drain time-out to a second in every gateway write.
#[derive(Debug)]
pub(super) struct ShortensDrain;

impl Interference for ShortensDrain {
    fn arm<'a>(
        &'a self,
        seam: Seam<'a>,
        mut request: Request<Bytes>,
    ) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if matches!(seam.call(&request), Call::WriteGateway(_)) {
                shorten(&mut request);
            }
            pass(&seam, request).await
        })
    }
}

fn shorten(request: &mut Request<Bytes>) {
    edit_backend_settings(request, |members| {
        let draining = json!({"enabled": true, "drainTimeoutInSec": 1});
        members.insert("connectionDraining".to_owned(), draining);
    });
}

/// Sees work on the old side for ever once it drains.
#[derive(Debug, Default)]
struct NeverDone(Cell<bool>);

impl Interference for NeverDone {
    fn tell(&self, at: Instant, progress: &Progress, observer: &dyn Observer) {
        if let Progress::Entered { phase, .. } = progress {
            self.0.set(*phase == Phase::P8);
        }
        observer.on(at, progress);
    }

    fn probe<'a>(
        &'a self,
        seam: Seam<'a>,
        request: ProbeRequest,
    ) -> LocalBoxFuture<'a, ProbeResult> {
        Box::pin(async move {
            if self.0.get() {
                seam.sleep_until(seam.now() + FOR_EVER).await;
            }
            seam.probe(request).await
        })
    }
}
