//! The data plane: gateways, load balancers, instances and the traffic through them.

mod application;
mod builds;
mod config;
pub mod gateway;
mod instance_view;
mod knobs;
pub mod load_balancer;
mod traffic;

use std::net::Ipv4Addr;
use std::time::Duration;

use turquoise_arm::ResourceId;

use crate::desired::{Desired, InstanceKey};
use crate::event::Timed;
use crate::faults::Fault;
use crate::reported::{InstanceReport, MemberHealth, Reported};
use crate::seed::Seed;
use crate::time::Instant;

pub use application::{Application, ServiceTime, Shape};
pub use builds::Builds;
pub use config::{DataPlaneConfig, ProbeMode};
pub use gateway::retry::{Verdict, retry_rule};
pub use gateway::routing_table::{Routed, RoutingTable, Target, affinity_value};
pub use instance_view::{InstanceState, InstanceView, Response};
pub use knobs::{
    ClientConnections, DrainOn, InitialHealth, Knobs, ProbeConnection, ProbeStateOnConfig,
};
pub use load_balancer::table::{BalancerTable, FiveTuple, RuleTable};
pub use traffic::{Arrival, Arrivals};

/// The data plane.
#[derive(Debug)]
pub struct DataPlane {}

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
