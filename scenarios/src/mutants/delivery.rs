//! Mutants whose writes reach Azure once more, or there and back.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::Request;
use serde_json::Value;
use turquoise_orchestrator::{Instant, Observer, Phase, Progress};

use super::Mutant;
use super::interference::{ArmAnswer, Call, Interference, Seam, pass, without_if_match};
use crate::invariant::Invariant;
use crate::script::{ScriptError, set_pool};

/// F98: what was sent before is sent once more, when it is no longer true.
pub(super) const LATE_REPEAT: Mutant = Mutant {
    id: "late-repeat",
    catalogue: "F98",
    wrong: "sends its first write again after the second one",
    oracles: &[Invariant::S(24), Invariant::S(4), Invariant::S(8)],
    make: || Box::new(Repeats::default()),
    ..Mutant::HARMLESS
};

/// F113: the pool goes there, back and there again.
pub(super) const FLIP_FLOP: Mutant = Mutant {
    id: "flip-flop",
    catalogue: "F113",
    wrong: "undoes the second write and repeats it once the new side serves alone",
    oracles: &[Invariant::S(4), Invariant::S(7), Invariant::S(24)],
    make: || Box::new(FlipFlop::default()),
    ..Mutant::HARMLESS
};

#[derive(Debug, Default)]
struct Repeats {
    first: RefCell<Option<Request<Bytes>>>,
    reads_left: Cell<Option<u32>>,
}

/// It repeats itself at the second look after the second write.
const READS_UNTIL_WAKING: u32 = 2;

impl Interference for Repeats {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let call = seam.call(&request);
            if call.adds_new(seam.target) {
                *self.first.borrow_mut() = Some(without_if_match(request.clone()));
            }
            if call.removes_old(seam.target) {
                self.reads_left.set(Some(READS_UNTIL_WAKING));
            }
            let answer = pass(&seam, request).await?;
            if call == Call::ReadGateway && self.wakes() {
                self.act(&seam).await;
            }
            Ok(answer)
        })
    }
}

impl Repeats {
    fn wakes(&self) -> bool {
        let left = self.reads_left.get();
        self.reads_left
            .set(left.and_then(|left| left.checked_sub(1)));
        left == Some(1)
    }

    async fn act(&self, seam: &Seam<'_>) {
        let stale = self.first.take();
        if let Some(request) = stale
            && let Ok(answer) = pass(seam, request).await
        {
            let _superseded = seam.finish(&answer).await;
        }
    }
}

#[derive(Debug, Default)]
struct FlipFlop {
    alone: Cell<bool>,
    done: Cell<bool>,
}

impl Interference for FlipFlop {
    fn tell(&self, at: Instant, progress: &Progress, observer: &dyn Observer) {
        if let Progress::Entered { phase, reverse } = progress {
            self.alone.set(*phase == Phase::P9 && !reverse);
        }
        observer.on(at, progress);
    }

    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if self.alone.get() && !self.done.replace(true) {
                let _refused = there_and_back(&seam).await;
            }
            pass(&seam, request).await
        })
    }
}

async fn there_and_back(seam: &Seam<'_>) -> Result<(), ScriptError> {
    let script = seam.script();
    let target = seam.target;
    let (old, new) = (
        target.old.address.to_string(),
        target.new.address.to_string(),
    );
    for members in [vec![old], vec![new]] {
        let mut gateway: Value = script.get(&target.gateway).await?;
        set_pool(&mut gateway, &target.pool, &members);
        script.put(&target.gateway, &gateway).await?;
    }
    Ok(())
}
