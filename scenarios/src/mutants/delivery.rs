//! Mutants whose writes reach Azure in another order than they were decided.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::Request;
use serde_json::Value;

use super::Mutant;
use super::interference::{ArmAnswer, Call, Interference, Seam, pass, without_if_match};
use crate::invariant::Invariant;
use crate::observation::Sessions;
use crate::script::{ScriptError, set_pool};

/// F79: a writer that was paused past its lease wakes up and sends what it had decided.
pub(super) const ZOMBIE_WRITER: Mutant = Mutant {
    id: "zombie-writer",
    catalogue: "F79",
    wrong: "a paused run wakes after the second write and sends the first one again",
    oracles: &[
        Invariant::S(4),
        Invariant::S(8),
        Invariant::S(14),
        Invariant::S(24),
    ],
    expose: |_| {},
    configure: |_| {},
    make: || Box::new(Zombie::default()),
    ..Mutant::HARMLESS
};

/// F113: the pool goes there, back and there again.
pub(super) const FLIP_FLOP: Mutant = Mutant {
    id: "flip-flop",
    catalogue: "F113",
    wrong: "undoes the second write and repeats it",
    oracles: &[Invariant::S(4), Invariant::S(7), Invariant::S(24)],
    // With cookies a right swap keeps the promise that nobody goes back.
    expose: |scenario| {
        scenario.topology.affinity = true;
        scenario.traffic.sessions = Sessions::Monotone;
    },
    configure: |_| {},
    make: || Box::new(FlipFlop::default()),
    ..Mutant::HARMLESS
};

#[derive(Debug, Default)]
struct Zombie {
    first: RefCell<Option<Request<Bytes>>>,
    reads_left: Cell<Option<u32>>,
}

/// The paused run wakes at the second look after the second write.
const READS_UNTIL_WAKING: u32 = 2;

impl Interference for Zombie {
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

impl Zombie {
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
struct FlipFlop(Cell<bool>);

impl Interference for FlipFlop {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let removes = seam.call(&request).removes_old(seam.target);
            let answer = pass(&seam, request).await?;
            if removes && answer.status().is_success() && !self.0.replace(true) {
                let _refused = there_and_back(&seam, &answer).await;
            }
            Ok(answer)
        })
    }
}

async fn there_and_back(
    seam: &Seam<'_>,
    answer: &http::Response<Bytes>,
) -> Result<(), ScriptError> {
    seam.finish(answer).await?;
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
