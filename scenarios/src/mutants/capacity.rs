//! Mutants that leave a side without the machines it needs.

use std::cell::RefCell;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{Request, Response};

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
        scenario.traffic.requests_per_s = 400;
        scenario.traffic.long_percent = 0;
        scenario.traffic.upload_percent = 0;
    },
    configure: |config| config.capacity.ratio = 0.0,
    make: || Box::new(Passes),
};

/// F22: the old side's load halves, and its autoscaler takes the rollback target away.
pub(super) const SCALE_IN_OLD: Mutant = Mutant {
    id: "scalein-old",
    catalogue: "F22",
    wrong: "does not pin the autoscale minimum during the swap",
    oracles: &[Invariant::S(12), Invariant::S(6)],
    expose: |scenario| {
        scenario.topology.autoscale = true;
        scenario.topology.old_instances = 3;
        scenario.topology.new_instances = 3;
    },
    configure: |config| {
        use turquoise_orchestrator::config::Span;
        config.phases.bake = Span::minutes(20);
    },
    make: || Box::new(SwallowsPins::from_write(0)),
};

/// F93: what was pinned stays pinned.
pub(super) const PIN_LEAK: Mutant = Mutant {
    id: "pin-leak",
    catalogue: "F93",
    wrong: "does not restore the autoscale minimum it pinned",
    oracles: &[Invariant::S(22)],
    expose: |scenario| scenario.topology.autoscale = true,
    configure: |_| {},
    make: || Box::new(SwallowsPins::from_write(1)),
};

/// Answers autoscale writes itself, from the n-th of each setting on.
#[derive(Debug)]
struct SwallowsPins {
    from: u32,
    seen: RefCell<std::collections::BTreeMap<String, u32>>,
}

impl SwallowsPins {
    fn from_write(from: u32) -> Self {
        Self {
            from,
            seen: RefCell::default(),
        }
    }

    fn swallows(&self, path: &str) -> bool {
        let mut seen = self.seen.borrow_mut();
        let count = seen.entry(path.to_owned()).or_default();
        *count += 1;
        *count > self.from
    }
}

impl Interference for SwallowsPins {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if let Call::WriteAutoscale(path) = seam.call(&request)
                && self.swallows(&path)
            {
                return Ok(Response::new(request.into_body()));
            }
            pass(&seam, request).await
        })
    }
}
