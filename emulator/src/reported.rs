//! What the data plane reports back: the truth that views of the control plane show.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turquoise_arm::ResourceId;

use crate::desired::InstanceKey;
use crate::time::Instant;

/// The data plane as the control plane sees it: read-only, at one instant.
pub trait Reported {
    /// A gateway's members per pool and settings in use, health merged over its instances.
    fn backend_health(&self, gateway: &ResourceId) -> Vec<MemberHealth>;

    /// What the load balancer's probe says of each instance behind a rule.
    fn rule_health(&self, load_balancer: &ResourceId, rule: &str) -> Vec<(Ipv4Addr, bool)>;

    /// One instance's state; `None` when the data plane does not know it.
    fn instance(&self, key: &InstanceKey) -> Option<InstanceReport>;

    /// Mean share of busy capacity of a scale set's running instances over the trailing `window`,
    /// in percent: what the host metric `Percentage CPU` stands for here. `None` without samples.
    fn utilisation(&self, now: Instant, scale_set: &ResourceId, window: Duration) -> Option<f64>;
}

/// The health of one pool member under one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberHealth {
    /// The pool.
    pub pool: ResourceId,
    /// The backend settings whose probe was used.
    pub settings: ResourceId,
    /// The member.
    pub address: Ipv4Addr,
    /// The verdict over all gateway instances.
    pub health: Health,
    /// The last probe's story, for `healthProbeLog`.
    pub log: String,
}

/// Azure's words for a member's health (azure-facts.md §4.11.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    /// Not probed yet.
    Unknown,
    /// Healthy on every gateway instance.
    Up,
    /// Unhealthy on every gateway instance.
    Down,
    /// Gateway instances disagree.
    Partial,
    /// Removed, finishing what it has.
    Draining,
}

/// One scale set instance as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceReport {
    /// Where its machine stands.
    pub power: Power,
    /// Whether boot and extensions are done.
    pub provisioned: bool,
    /// What the application health extension last saw; `None` without the extension.
    pub application_health: Option<bool>,
}

/// A machine's power state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Power {
    /// Booting.
    Starting,
    /// Running.
    Running,
    /// Stopped or deallocated.
    Stopped,
}
