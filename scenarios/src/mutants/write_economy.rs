//! Mutants that write the gateway more often than a swap needs: every write cuts what is older than
//! the drain time-out, of every pool (azure-facts.md §5.4).

use std::cell::Cell;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::Request;
use serde_json::{Value, json};
use turquoise_orchestrator::{Instant, Observer, Phase, Progress};

use super::Mutant;
use super::interference::{ArmAnswer, Call, Interference, Seam, pass};
use crate::invariant::Invariant;
use crate::script::ScriptError;

/// F36: a tag with the phase is written to the gateway after each step.
pub(super) const PUT_CUTS_STREAMS: Mutant = Mutant {
    id: "put-cuts-streams",
    catalogue: "F36",
    wrong: "writes a tag to the gateway as each phase begins",
    oracles: &[Invariant::S(24), Invariant::S(21), Invariant::Q(7)],
    expose: |scenario| scenario.traffic.with_open_streams(200),
    make: || Box::new(TagsPhases::default()),
    ..Mutant::HARMLESS
};

/// F98: each gateway write is repeated once it has taken, as a resume that does not look would.
pub(super) const NOOP_PUT: Mutant = Mutant {
    id: "noop-put",
    catalogue: "F98",
    wrong: "repeats each gateway write after it has taken",
    oracles: &[Invariant::S(24)],
    make: || Box::new(WritesAgain),
    ..Mutant::HARMLESS
};

/// Tags the gateway with each phase that begins after its first write.
#[derive(Debug, Default)]
struct TagsPhases {
    due: Cell<Option<Phase>>,
}

impl Interference for TagsPhases {
    fn tell(&self, at: Instant, progress: &Progress, observer: &dyn Observer) {
        if let Progress::Entered { phase, .. } = progress {
            self.due.set((*phase > Phase::P4).then_some(*phase));
        }
        observer.on(at, progress);
    }

    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if let Some(phase) = self.due.take() {
                // A refusal of the extra write is nothing to the orchestrator.
                let _refused = write_gateway(&seam, |gateway| set_tag(gateway, phase)).await;
            }
            pass(&seam, request).await
        })
    }
}

/// Writes once more what was just written.
#[derive(Debug)]
struct WritesAgain;

impl Interference for WritesAgain {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let is_write = matches!(seam.call(&request), Call::WriteGateway(_));
            let answer = pass(&seam, request).await?;
            if is_write && answer.status().is_success() && seam.finish(&answer).await.is_ok() {
                let _refused = write_gateway(&seam, |_| {}).await;
            }
            Ok(answer)
        })
    }
}

async fn write_gateway(seam: &Seam<'_>, edit: impl FnOnce(&mut Value)) -> Result<(), ScriptError> {
    let script = seam.script();
    let mut gateway = script.get(&seam.target.gateway).await?;
    edit(&mut gateway);
    script.put(&seam.target.gateway, &gateway).await
}

fn set_tag(gateway: &mut Value, phase: Phase) {
    if let Some(members) = gateway.as_object_mut() {
        members.insert("tags".to_owned(), json!({"phase": phase.name()}));
    }
}
