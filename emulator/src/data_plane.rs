//! The data plane: gateways, load balancers, instances and the traffic through them.

use std::net::Ipv4Addr;
use std::time::Duration;

use turquoise_arm::ResourceId;

use crate::desired::{Desired, InstanceKey};
use crate::event::Timed;
use crate::faults::Fault;
use crate::reported::{InstanceReport, MemberHealth, Reported};
use crate::seed::Seed;
use crate::time::Instant;

/// Applications and knobs.
#[derive(Clone, Debug, Default)]
pub struct DataPlaneConfig {}

/// The data plane.
#[derive(Debug)]
pub struct DataPlane {}

/// Names of builds by their number in the ledgers.
#[derive(Clone, Debug, Default)]
pub struct Builds {}

impl DataPlane {
    pub(crate) fn new(_config: DataPlaneConfig, _seed: Seed, _faults: &[(usize, Fault)]) -> Self {
        Self {}
    }

    pub(crate) fn apply(&mut self, _now: Instant, _desired: Desired) {}

    pub(crate) fn advance_to(&mut self, _now: Instant) {}

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        None
    }

    pub(crate) fn drain_events(&mut self) -> Vec<Timed> {
        Vec::new()
    }
}

impl Reported for DataPlane {
    fn backend_health(&self, _gateway: &ResourceId) -> Vec<MemberHealth> {
        Vec::new()
    }

    fn rule_health(&self, _load_balancer: &ResourceId, _rule: &str) -> Vec<(Ipv4Addr, bool)> {
        Vec::new()
    }

    fn instance(&self, _key: &InstanceKey) -> Option<InstanceReport> {
        None
    }

    fn utilisation(
        &self,
        _now: Instant,
        _scale_set: &ResourceId,
        _window: Duration,
    ) -> Option<f64> {
        None
    }
}
