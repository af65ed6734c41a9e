//! Mutants that write the gateway more often than a swap needs: every write cuts what is older than
//! the drain time-out, of every pool (azure-facts.md §5.4).

use std::cell::Cell;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::Request;
use serde_json::{Value, json};

use super::Mutant;
use super::interference::{ArmAnswer, Call, Interference, Seam};
use crate::invariant::Invariant;
use crate::script::ScriptError;

/// F36: a tag with the phase is written to the gateway after each step.
pub(super) const PUT_CUTS_STREAMS: Mutant = Mutant {
    id: "put-cuts-streams",
    catalogue: "F36",
    wrong: "writes a tag to the gateway after each step",
    oracles: &[Invariant::S(24), Invariant::Q(7)],
    // Every generated mix may have streams; more of them would be a load of their own (S10).
    expose: |_| {},
    configure: |_| {},
    make: || {
        Box::new(WritesAgain {
            tag: true,
            written: Cell::new(0),
        })
    },
    ..Mutant::HARMLESS
};

/// F98: each gateway write is repeated once it has taken, as a resume that does not look would.
pub(super) const NOOP_PUT: Mutant = Mutant {
    id: "noop-put",
    catalogue: "F98",
    wrong: "repeats each gateway write after it has taken",
    oracles: &[Invariant::S(24)],
    expose: |_| {},
    configure: |_| {},
    make: || {
        Box::new(WritesAgain {
            tag: false,
            written: Cell::new(0),
        })
    },
    ..Mutant::HARMLESS
};

#[derive(Debug)]
struct WritesAgain {
    tag: bool,
    written: Cell<u32>,
}

impl Interference for WritesAgain {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let is_write = matches!(seam.call(&request), Call::WriteGateway(_));
            let answer = super::interference::pass(&seam, request).await?;
            if is_write && answer.status().is_success() && seam.finish(&answer).await.is_ok() {
                self.written.set(self.written.get() + 1);
                // A refusal of the extra write is nothing to the orchestrator.
                let _refused = self.write_again(&seam).await;
            }
            Ok(answer)
        })
    }
}

impl WritesAgain {
    async fn write_again(&self, seam: &Seam<'_>) -> Result<(), ScriptError> {
        let script = seam.script();
        let mut gateway = script.get(&seam.target.gateway).await?;
        if self.tag {
            set_tag(&mut gateway, self.written.get());
        }
        script.put(&seam.target.gateway, &gateway).await
    }
}

fn set_tag(gateway: &mut Value, step: u32) {
    if let Some(members) = gateway.as_object_mut() {
        members.insert("tags".to_owned(), json!({"step": step.to_string()}));
    }
}
