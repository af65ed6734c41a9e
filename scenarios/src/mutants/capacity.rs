//! Mutants that leave a side without the machines it needs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{Request, Response};
use serde_json::json;

use super::Mutant;
use super::interference::{ArmAnswer, Call, Interference, Passes, Seam, pass};
use crate::invariant::Invariant;

/// F20: the gateway splits by pool member, so a small new side gets half of the load.
pub(super) const SPLIT_5050: Mutant = Mutant {
    id: "split-5050",
    catalogue: "F20",
    wrong: "takes any healthy instance of the new side for enough",
    oracles: &[Invariant::S(10), Invariant::Q(3), Invariant::S(2)],
    expose: |scenario| {
        scenario.topology.old_instances = 3;
        scenario.topology.new_instances = 1;
        scenario.topology.autoscale = false;
        scenario.traffic.without_long_work();
        // One instance can bear 100 requests a second, the live side 300.
        scenario.topology.workers = 2;
        scenario.topology.service_ms = 20;
        scenario.traffic.profile.rate = 180.0;
    },
    configure: |config| config.capacity.ratio = 0.0,
    make: || Box::new(Passes),
    ..Mutant::HARMLESS
};

/// F38: a scale-in takes machines of a side that serves, and nothing drains them.
pub(super) const SCALE_IN: Mutant = Mutant {
    id: "vmss-scalein",
    catalogue: "F38",
    wrong: "scales the old side in as soon as the new one shares its load",
    oracles: &[Invariant::S(6), Invariant::S(13)],
    expose: |scenario| {
        scenario.topology.old_instances = 3;
        scenario.topology.autoscale = false;
        scenario.traffic.with_much_long_work(15_000);
    },
    configure: |_| {},
    make: || Box::new(ScalesIn::default()),
    ..Mutant::HARMLESS
};

/// F93: what was pinned stays pinned.
pub(super) const PIN_LEAK: Mutant = Mutant {
    id: "pin-leak",
    catalogue: "F93",
    wrong: "does not restore the autoscale minimum it pinned",
    oracles: &[Invariant::S(22)],
    expose: |scenario| {
        scenario.topology.autoscale = true;
        scenario.topology.old_instances = 3;
        scenario.topology.new_instances = 1;
        // The restored minimum lets autoscale take machines again; short work survives that.
        scenario.traffic.without_long_work();
    },
    configure: |_| {},
    make: || Box::new(SwallowsRestores::default()),
    ..Mutant::HARMLESS
};

/// Scales the old side to one machine once both sides are in the pool.
#[derive(Debug, Default)]
struct ScalesIn(Cell<bool>);

impl Interference for ScalesIn {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let adds = seam.call(&request).adds_new(seam.target);
            let answer = pass(&seam, request).await?;
            if adds && answer.status().is_success() && !self.0.replace(true) {
                let one = json!({"sku": {"capacity": 1}});
                let scale_set = &seam.target.old.scale_set;
                // A refusal leaves the machines alone; then the mutant survives, and that shows.
                let _refused = seam.script().begin_patch(scale_set, &one).await;
            }
            Ok(answer)
        })
    }
}

/// Answers every autoscale write after the first of each setting itself.
#[derive(Debug, Default)]
struct SwallowsRestores(RefCell<BTreeSet<String>>);

impl Interference for SwallowsRestores {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if let Call::WriteAutoscale(path) = seam.call(&request)
                && !self.0.borrow_mut().insert(path)
            {
                return Ok(Response::new(request.into_body()));
            }
            pass(&seam, request).await
        })
    }
}
