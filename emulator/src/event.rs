//! What happened in the cloud, typed, for oracles, timelines and traces.
//!
//! What matters to an oracle is an event here, never a log line. Events carry cloud time, so that
//! two runs of one seed yield the same bytes.

use std::net::Ipv4Addr;

use serde::Serialize;
use turquoise_arm::ResourceId;

use crate::desired::InstanceKey;
use crate::time::Instant;

/// An event and when it happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timed {
    /// When.
    pub at: Instant,
    /// What.
    pub event: Event,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Event {
    /// An ARM request was answered.
    Arm {
        /// The HTTP method.
        method: String,
        /// Path and query.
        target: String,
        /// The caller's name for itself: its `x-ms-client-request-id`, else its user agent.
        caller: String,
        /// The answer's status; 0 when the reply was lost or the connection reset.
        status: u16,
        /// The error code of a refusal.
        code: Option<String>,
        /// Whether the request changed stored state, also when the reply was lost.
        applied: bool,
    },
    /// A gateway write was accepted: what it changed.
    GatewayWritten {
        /// The gateway.
        gateway: ResourceId,
        /// The generation this write made.
        generation: u64,
        /// The caller, as in [`Event::Arm`].
        caller: String,
        /// The request's `If-Match`, where it sent one.
        if_match: Option<String>,
        /// Every pool's addresses after the write.
        pools: Vec<(ResourceId, Vec<String>)>,
        /// JSON pointers of the members that changed, canonical casing; empty for a no-op write.
        changed: Vec<String>,
    },
    /// A long-running operation ended.
    OperationEnded {
        /// What it worked on.
        resource: ResourceId,
        /// `PUT`, `PATCH`, `DELETE` or an action's name.
        verb: String,
        /// `Succeeded`, `Failed` or `Canceled`.
        status: String,
    },
    /// A gateway instance took a configuration into use.
    GatewayApplied {
        /// The gateway.
        gateway: ResourceId,
        /// Which of its instances.
        instance: u16,
        /// The generation now in use.
        generation: u64,
        /// Every pool's members now dispatched to.
        pools: Vec<(ResourceId, Vec<Ipv4Addr>)>,
    },
    /// A gateway instance changed its mind about a member.
    MemberHealth {
        /// The gateway.
        gateway: ResourceId,
        /// Which of its instances.
        instance: u16,
        /// The pool.
        pool: ResourceId,
        /// The member.
        address: Ipv4Addr,
        /// Whether it now gets traffic.
        healthy: bool,
    },
    /// A load balancer's probe changed its mind about an instance.
    BackendHealth {
        /// The load balancer.
        load_balancer: ResourceId,
        /// The rule.
        rule: String,
        /// The instance's address.
        address: Ipv4Addr,
        /// Whether new flows reach it.
        healthy: bool,
    },
    /// An instance's application began to listen.
    InstanceServing {
        /// The instance.
        instance: InstanceKey,
        /// Its address.
        address: Ipv4Addr,
        /// The build it runs.
        build: String,
    },
    /// An instance's application began or ceased to do its work, for whatever reason; nothing is said
    /// when its machine stops.
    InstanceHealth {
        /// The instance.
        instance: InstanceKey,
        /// Its address.
        address: Ipv4Addr,
        /// Whether health checks of the machine itself pass.
        passes_probes: bool,
        /// Whether requests are answered well.
        serves: bool,
    },
    /// An instance stopped or vanished.
    InstanceStopped {
        /// The instance.
        instance: InstanceKey,
        /// Its address.
        address: Ipv4Addr,
        /// Requests it was serving: cut.
        in_flight: u64,
    },
    /// A drain time-out passed and the gateway cut what was left.
    DrainCut {
        /// The gateway.
        gateway: ResourceId,
        /// Which of its instances.
        instance: u16,
        /// The removed member.
        address: Ipv4Addr,
        /// Requests cut.
        cut: u64,
    },
    /// A scale set's capacity changed.
    Scaled {
        /// The scale set.
        scale_set: ResourceId,
        /// Instances before.
        from: u32,
        /// Instances after.
        to: u32,
        /// Who asked: `autoscale` or the caller as in [`Event::Arm`].
        by: String,
    },
    /// An injected fault took effect.
    FaultHit {
        /// The fault's index in its schedule.
        fault: usize,
        /// Its name.
        name: String,
    },
}
