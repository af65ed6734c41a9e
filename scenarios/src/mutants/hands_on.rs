//! Mutants that do to machines what no swap declares: deploy onto a side at the wrong time, or delete
//! more than one.

use std::cell::Cell;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::Request;
use turquoise_orchestrator::{Instant, Observer, Phase, Progress};

use super::Mutant;
use super::interference::{ArmAnswer, Call, Interference, Seam, pass};
use crate::invariant::Invariant;
use crate::script::ScriptError;

/// F85: what was proven is not what serves.
pub(super) const VERIFY_X_SERVE_Y: Mutant = Mutant {
    id: "verify-x-serve-y",
    catalogue: "F85",
    wrong: "images the new side anew between its proof and the first write",
    oracles: &[
        Invariant::S(11),
        Invariant::S(20),
        Invariant::S(21),
        Invariant::S(2),
    ],
    make: || Box::new(Acts::at(When::FirstWrite, What::ReimageNew)),
    ..Mutant::HARMLESS
};

/// F89: the next build goes onto the side that serves.
pub(super) const SAME_COLOUR_TWICE: Mutant = Mutant {
    id: "same-colour-twice",
    catalogue: "F89",
    wrong: "deploys onto the side that serves, because it is its turn",
    oracles: &[
        Invariant::S(4),
        Invariant::S(6),
        Invariant::S(12),
        Invariant::S(21),
    ],
    make: || Box::new(Acts::at(When::Phase(Phase::P2), What::ReimageOld)),
    ..Mutant::HARMLESS
};

/// F90: the next swap begins while the old side is still the way back.
pub(super) const SWAP_IN_RETENTION: Mutant = Mutant {
    id: "swap-in-retention",
    catalogue: "F90",
    wrong: "deploys the next build onto the old side while that is still retained as the way back",
    oracles: &[Invariant::S(12), Invariant::S(19), Invariant::S(21)],
    make: || Box::new(Acts::at(When::Phase(Phase::P10), What::ReimageOld)),
    ..Mutant::HARMLESS
};

/// F103: the old side's whole group goes, with whatever else is in it.
pub(super) const RG_ORDER: Mutant = Mutant {
    id: "rg-order",
    catalogue: "F103",
    wrong: "deletes the old side's resource group to release the old side",
    oracles: &[Invariant::S(13), Invariant::S(21), Invariant::S(22)],
    make: || Box::new(Acts::at(When::Phase(Phase::P11), What::DeleteOldGroup)),
    ..Mutant::HARMLESS
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Right before the first gateway write.
    FirstWrite,
    /// At the first request of a phase.
    Phase(Phase),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    ReimageNew,
    ReimageOld,
    DeleteOldGroup,
}

/// Does one thing, once.
#[derive(Debug)]
struct Acts {
    when: When,
    what: What,
    phase: Cell<Option<Phase>>,
    done: Cell<bool>,
}

impl Acts {
    const fn at(when: When, what: What) -> Self {
        Self {
            when,
            what,
            phase: Cell::new(None),
            done: Cell::new(false),
        }
    }

    fn is_time(&self, call: &Call) -> bool {
        match self.when {
            When::FirstWrite => matches!(call, Call::WriteGateway(_)),
            When::Phase(phase) => self.phase.get() == Some(phase),
        }
    }

    async fn act(&self, seam: &Seam<'_>) -> Result<(), ScriptError> {
        let (script, target) = (seam.script(), seam.target);
        match self.what {
            What::ReimageNew => script.reimage(&target.new.scale_set).await.map(drop),
            What::ReimageOld => script.reimage(&target.old.scale_set).await.map(drop),
            What::DeleteOldGroup => {
                let scale_set = &target.old.scale_set;
                let group = scale_set.group().unwrap_or_else(|| scale_set.clone());
                script.begin_delete(&group).await.map(drop)
            }
        }
    }
}

impl Interference for Acts {
    fn tell(&self, at: Instant, progress: &Progress, observer: &dyn Observer) {
        if let Progress::Entered { phase, .. } = progress {
            self.phase.set(Some(*phase));
        }
        observer.on(at, progress);
    }

    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if self.is_time(&seam.call(&request)) && !self.done.replace(true) {
                // A refusal leaves the machines alone; then the mutant survives, and that shows.
                let _refused = self.act(&seam).await;
            }
            pass(&seam, request).await
        })
    }
}
