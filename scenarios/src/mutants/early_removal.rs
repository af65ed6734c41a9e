//! Mutants that take capacity away too early, or from the wrong side.

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{Request, Response};
use serde_json::Value;
use turquoise_emulator::faults::{Fault, FaultKind};
use turquoise_emulator::ledger::{ConnectionClass, RequestClass};

use super::Mutant;
use super::interference::{ArmAnswer, Call, Interference, Seam, pass, without_if_match};
use crate::invariant::Invariant;
use crate::scenario::Scenario;
use crate::script::{ScriptError, set_pool};

/// F33: `Succeeded` is taken for effective; one gateway instance still has the old configuration.
pub(super) const PROPAGATION_REMOVE: Mutant = Mutant {
    id: "propagation-remove",
    catalogue: "F33",
    wrong: "deletes the old side when the second write has succeeded, not when it is effective",
    oracles: &[Invariant::S(13), Invariant::S(2)],
    expose: |scenario| {
        // The gateway asks the other side again for what may be repeated; these may not.
        scenario
            .traffic
            .with_much(RequestClass::Write, ConnectionClass::New);
        scenario.faults = (0..scenario.topology.gateway_instances)
            .map(|instance| Fault {
                at_ms: 0,
                kind: FaultKind::LateActivation {
                    instance,
                    extra_ms: 60_000,
                    count: 10,
                },
            })
            .collect();
    },
    configure: |_| {},
    make: || Box::new(Removes::new(When::OldSucceeded)),
    ..Mutant::HARMLESS
};

/// F37: the old side goes by timer, with requests in flight.
pub(super) const KILL_INFLIGHT: Mutant = Mutant {
    id: "kill-inflight",
    catalogue: "F37",
    wrong: "deletes the old side as soon as the second write is accepted",
    oracles: &[Invariant::S(6), Invariant::S(13), Invariant::S(1)],
    expose: with_long_requests,
    configure: |_| {},
    make: || Box::new(Removes::new(When::OldAccepted)),
    ..Mutant::HARMLESS
};

/// F86: an error on the way cleans up members already in rotation.
pub(super) const CLEANUP_LIVE: Mutant = Mutant {
    id: "cleanup-live",
    catalogue: "F86",
    wrong: "cleans the new side up after an error although it is in rotation",
    oracles: &[Invariant::S(13), Invariant::S(2)],
    expose: |_| {},
    configure: |_| {},
    make: || Box::new(Removes::new(When::NewAdded)),
    ..Mutant::HARMLESS
};

/// F87: old and new are mixed up at the end.
pub(super) const WRONG_SIDE: Mutant = Mutant {
    id: "wrong-side",
    catalogue: "F87",
    wrong: "deletes the new side instead of the old one after the second write",
    oracles: &[Invariant::S(13), Invariant::S(11), Invariant::S(2)],
    expose: |_| {},
    configure: |_| {},
    make: || Box::new(Removes::new(When::NewSucceeded)),
    ..Mutant::HARMLESS
};

/// F55: remove before add.
pub(super) const EMPTY_POOL: Mutant = Mutant {
    id: "empty-pool",
    catalogue: "F55",
    wrong: "empties the pool before it adds both members",
    oracles: &[Invariant::S(11)],
    expose: |_| {},
    configure: |_| {},
    make: || Box::new(EmptiesFirst::default()),
    ..Mutant::HARMLESS
};

fn with_long_requests(scenario: &mut Scenario) {
    let longest_ms = u64::from(scenario.topology.drain_s) * 500;
    scenario.traffic.with_much_long_work(longest_ms);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// The old side, when its removal is accepted.
    OldAccepted,
    /// The old side, when its removal has succeeded.
    OldSucceeded,
    /// The old side, five minutes after that.
    OldLongAgo,
    /// The new side, when it has been added.
    NewAdded,
    /// The new side, when the old one's removal has succeeded.
    NewSucceeded,
    /// The new side, when the way back has removed it.
    NewRemoved,
}

/// How long a fixed wait is that nobody measures (F53).
const LONG_AGO: Duration = Duration::from_secs(300);

/// Deletes a side at a wrong moment.
#[derive(Debug)]
pub(super) struct Removes {
    when: When,
    done: Cell<bool>,
}

impl Removes {
    pub(super) const fn new(when: When) -> Self {
        Self {
            when,
            done: Cell::new(false),
        }
    }

    async fn after_write(
        &self,
        seam: &Seam<'_>,
        answer: &Response<Bytes>,
    ) -> Result<(), ScriptError> {
        self.done.set(true);
        if !matches!(self.when, When::OldAccepted | When::NewRemoved) {
            seam.finish(answer).await?;
        }
        let side = match self.when {
            When::OldAccepted | When::OldSucceeded | When::OldLongAgo => &seam.target.old,
            When::NewAdded | When::NewSucceeded | When::NewRemoved => &seam.target.new,
        };
        // Switched off before the deletion, which alone would take its minutes.
        let script = seam.script();
        if self.when == When::OldLongAgo {
            script.sleep(LONG_AGO).await;
        }
        script.power_off(&side.scale_set).await?;
        script.begin_delete(&side.scale_set).await.map(drop)
    }
}

impl Interference for Removes {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let call = seam.call(&request);
            let its_write = match self.when {
                When::NewAdded => call.adds_new(seam.target),
                When::NewRemoved => call.removes_new(seam.target),
                _ => call.removes_old(seam.target),
            };
            let answer = pass(&seam, request).await?;
            if its_write && !self.done.get() && answer.status().is_success() {
                // A refusal leaves the machines alone; then the mutant survives, and that shows.
                let _refused = self.after_write(&seam, &answer).await;
            }
            Ok(answer)
        })
    }
}

#[derive(Debug, Default)]
struct EmptiesFirst(Cell<bool>);

impl Interference for EmptiesFirst {
    fn arm<'a>(
        &'a self,
        seam: Seam<'a>,
        mut request: Request<Bytes>,
    ) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if matches!(seam.call(&request), Call::WriteGateway(_)) && !self.0.replace(true) {
                let _refused = empty(&seam, &request).await;
                request = without_if_match(request);
            }
            pass(&seam, request).await
        })
    }
}

async fn empty(seam: &Seam<'_>, request: &Request<Bytes>) -> Result<(), ScriptError> {
    let mut gateway: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    set_pool(&mut gateway, &seam.target.pool, &[]);
    seam.script().put(&seam.target.gateway, &gateway).await
}
