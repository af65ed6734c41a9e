//! Mutants that leave a side with less than its load needs (failure-catalogue.md C.2).

use std::cell::{Cell, RefCell};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{Request, Response};
use serde_json::{Value, json};
use turquoise_emulator::faults::{Fault, FaultKind};

use super::Mutant;
use super::evidence::Stage;
use super::gates::{after_write, fleets};
use super::interference::{ArmAnswer, Call, Interference, Seam, pass, without_if_match};
use super::trust::{Answers, Machines, Trust, Trusting};
use crate::invariant::Invariant;
use crate::observation::Role;
use crate::scenario::{Act, Actor, Scenario};
use crate::script::{ScriptError, set_pool};
use crate::world::names;

/// F16: the gates have passed, and then somebody takes ten minutes to approve.
pub(super) const TOCTOU_GATE: Mutant = Mutant {
    id: "toctou-gate",
    catalogue: "F16",
    wrong: "waits ten minutes for an approval between its gates and its write",
    oracles: &[Invariant::S(16), Invariant::S(20)],
    expose: |scenario| fleets(scenario, 3, 3),
    world: |scenario| {
        let scale_set = names::NEW_SCALE_SET.to_owned();
        scenario.faults = vec![Fault {
            at_ms: 300_000,
            kind: FaultKind::Kill {
                scale_set,
                count: 2,
            },
        }];
    },
    make: || Box::new(Approves::default()),
    ..Mutant::HARMLESS
};

/// F21: half of the load was no trouble, so all of it will be none.
pub(super) const COLD_CAPACITY: Mutant = Mutant {
    id: "cold-capacity",
    catalogue: "F21",
    wrong: "sizes the new side for half of the load",
    oracles: &[Invariant::S(10), Invariant::Q(3), Invariant::L(4)],
    expose: |scenario| busy(scenario, (4, 2), 230.0),
    configure: |config| config.capacity.ratio = 0.5,
    ..Mutant::HARMLESS
};

/// F22: the old side's load is gone, and so its autoscaler takes its machines.
pub(super) const SCALEIN_OLD: Mutant = Mutant {
    id: "scalein-old",
    catalogue: "F22",
    wrong: "does not pin the old side while the new one takes its load",
    oracles: &[Invariant::S(12), Invariant::S(19)],
    expose: |scenario| {
        fleets(scenario, 3, 3);
        scenario.topology.autoscale = true;
        scenario.traffic.without_long_work();
    },
    world: |scenario| {
        let act = Act::AutoscaleEdit {
            side: Role::Old,
            minimum: 1,
            maximum: 10,
        };
        scenario.actors = vec![Actor { at_ms: 0, act }];
    },
    make: || Box::new(NeverPins),
    ..Mutant::HARMLESS
};

/// F23: the idle side is scaled in while somebody approves, because it was not pinned.
pub(super) const SCALEIN_NEW: Mutant = Mutant {
    id: "scalein-new",
    catalogue: "F23",
    wrong: "gives the new side's pin back while somebody approves for ten minutes",
    oracles: &[Invariant::S(10), Invariant::S(16)],
    expose: |scenario| {
        busy(scenario, (3, 1), 170.0);
        scenario.topology.autoscale = true;
    },
    make: || {
        Box::new(Approves {
            unpins: true,
            ..Approves::default()
        })
    },
    ..Mutant::HARMLESS
};

/// F26: beyond the knee queues grow until probes time out, and then nobody is left.
pub(super) const SATURATE_REMAINING: Mutant = Mutant {
    id: "saturate-remaining",
    catalogue: "F26",
    wrong: "leaves a side alone that is two fifths of the other one",
    oracles: &[Invariant::S(10), Invariant::S(11)],
    expose: |scenario| busy(scenario, (5, 2), 270.0),
    configure: |config| config.capacity.ratio = 0.4,
    ..Mutant::HARMLESS
};

/// F27: what fails is asked again at once, three times, and so a full side never empties.
pub(super) const RETRY_STORM: Mutant = Mutant {
    id: "retry-storm",
    catalogue: "F27",
    wrong: "leaves no room for the retries of clients on the side that is to serve alone",
    oracles: &[Invariant::L(1), Invariant::Q(2), Invariant::S(10)],
    expose: |scenario| {
        busy(scenario, (4, 2), 205.0);
        let profile = &mut scenario.traffic.profile;
        profile.patience_ms = 2_000;
        profile.retry.tries = 3;
    },
    configure: |config| config.capacity.ratio = 0.5,
    ..Mutant::HARMLESS
};

/// F28: both sides share a dependency that bears the machines of one and a half.
pub(super) const DEP_DOUBLE: Mutant = Mutant {
    id: "dep-double",
    catalogue: "F28",
    wrong: "does not look at the old side while it warms the new one",
    oracles: &[Invariant::S(20), Invariant::S(9), Invariant::S(10)],
    expose: |scenario| {
        fleets(scenario, 3, 1);
        // Each gateway instance is one more to have no good answer for a while.
        scenario.topology.gateway_instances = 1;
        // While every other machine fails, a good answer is still never far (Q1).
        scenario.traffic.without_long_work();
        scenario.traffic.profile.rate = 300.0;
        scenario.traffic.profile.arrivals = crate::clients::profile::Shape::Steady;
        scenario.faults = vec![Fault {
            at_ms: 0,
            kind: FaultKind::SharedDependency {
                machines: 5,
                for_ms: 100_000_000,
            },
        }];
    },
    make: || {
        Box::new(Trusting::new(Trust {
            stages: &[Stage::OldAlone],
            answers: Answers::GoodIfNamed,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F29: the region has no more machines, and the operation succeeds.
pub(super) const ALLOC_FAIL: Mutant = Mutant {
    id: "alloc-fail",
    catalogue: "F29",
    wrong: "counts the machines it ordered",
    oracles: &[Invariant::S(20), Invariant::S(10), Invariant::S(23)],
    expose: |scenario| {
        busy(scenario, (4, 1), 230.0);
        scenario.faults = vec![Fault {
            at_ms: 0,
            kind: FaultKind::PartialGrant {
                scale_set: names::NEW_SCALE_SET.to_owned(),
                percent: 60,
                count: 1,
            },
        }];
    },
    make: || {
        Box::new(Trusting::new(Trust {
            machines: Machines::AsOrdered,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F30: half of the new side vanishes once it serves alone.
pub(super) const ZONE_LOSS: Mutant = Mutant {
    id: "zone-loss",
    catalogue: "F30",
    wrong: "does not look at machines any more once they serve alone",
    oracles: &[Invariant::S(10), Invariant::L(4)],
    expose: |scenario| busy(scenario, (4, 4), 230.0),
    world: |scenario| {
        let zone = FaultKind::Kill {
            scale_set: names::NEW_SCALE_SET.to_owned(),
            count: 2,
        };
        scenario.faults = vec![after_write(2, 150_000, zone)];
    },
    make: || {
        Box::new(Trusting::new(Trust {
            stages: &[Stage::NewAlone],
            machines: Machines::AsOrdered,
            answers: Answers::Good,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F32: the way back leads to a side that has been scaled down.
pub(super) const ROLLBACK_SMALL: Mutant = Mutant {
    id: "rollback-small",
    catalogue: "F32",
    wrong: "scales the old side to one machine and then rolls back to it with one write",
    oracles: &[
        Invariant::S(12),
        Invariant::S(10),
        Invariant::S(19),
        Invariant::S(20),
    ],
    expose: |scenario| busy(scenario, (3, 3), 170.0),
    make: || Box::new(RollsBackBlindly::default()),
    ..Mutant::HARMLESS
};

/// Load that one machine of 100 requests a second could not bear, in short requests only.
fn busy(scenario: &mut Scenario, (old, new): (u32, u32), rate: f64) {
    fleets(scenario, old, new);
    scenario.traffic.without_long_work();
    scenario.topology.workers = 2;
    scenario.topology.service_ms = 20;
    scenario.traffic.profile.rate = rate;
    scenario.traffic.profile.arrivals = crate::clients::profile::Shape::Poisson;
}

/// How long somebody takes to approve.
const APPROVAL: Duration = Duration::from_secs(600);

/// Waits right before the first write, perhaps without the new side's pin.
#[derive(Debug, Default)]
struct Approves {
    unpins: bool,
    pin: RefCell<Option<Request<Bytes>>>,
    approved: Cell<bool>,
}

impl Interference for Approves {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let call = seam.call(&request);
            if matches!(&call, Call::WriteAutoscale(path) if path.contains(names::NEW_SIDE)) {
                *self.pin.borrow_mut() = Some(without_if_match(request.clone()));
            }
            if call.adds_new(seam.target) && !self.approved.replace(true) {
                let pin = self.pin.take().filter(|_| self.unpins);
                if let Some(pin) = pin {
                    // A refusal leaves the pin; then the mutant survives, and that shows.
                    let _refused = pass(&seam, given_back(pin)).await;
                }
                seam.script().sleep(APPROVAL).await;
            }
            pass(&seam, request).await
        })
    }
}

/// The pin's setting with room down to one machine.
fn given_back(mut pin: Request<Bytes>) -> Request<Bytes> {
    let mut setting: Value = serde_json::from_slice(pin.body()).unwrap_or_default();
    let profiles = setting.pointer_mut("/properties/profiles");
    for profile in profiles.and_then(Value::as_array_mut).into_iter().flatten() {
        profile["capacity"]["minimum"] = "1".into();
        profile["capacity"]["default"] = "1".into();
    }
    *pin.body_mut() = Bytes::from(setting.to_string());
    pin
}

/// Answers every autoscale write itself.
#[derive(Debug)]
struct NeverPins;

impl Interference for NeverPins {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if matches!(seam.call(&request), Call::WriteAutoscale(_)) {
                return Ok(Response::new(request.into_body()));
            }
            pass(&seam, request).await
        })
    }
}

/// Begins to take the old side in, meets a reason to go back, and goes.
#[derive(Debug, Default)]
struct RollsBackBlindly(Cell<bool>);

impl Interference for RollsBackBlindly {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let removes = seam.call(&request).removes_old(seam.target);
            let answer = pass(&seam, request).await?;
            if removes && answer.status().is_success() && !self.0.replace(true) {
                // A refusal leaves the pool alone; then the mutant survives, and that shows.
                let _refused = roll_back(&seam, &answer).await;
            }
            Ok(answer)
        })
    }
}

async fn roll_back(seam: &Seam<'_>, answer: &Response<Bytes>) -> Result<(), ScriptError> {
    seam.finish(answer).await?;
    let (script, target) = (seam.script(), seam.target);
    let one = json!({"sku": {"capacity": 1}});
    let scaled = script.begin_patch(&target.old.scale_set, &one).await?;
    script.finish(scaled).await?;
    let mut gateway: Value = script.get(&target.gateway).await?;
    set_pool(
        &mut gateway,
        &target.pool,
        &[target.old.address.to_string()],
    );
    script.put(&target.gateway, &gateway).await
}
