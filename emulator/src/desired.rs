//! What the control plane wants of the data plane, as plain values.
//!
//! The control plane publishes [`Desired`]; the data plane makes it so, each gateway instance in
//! its own time; [`Cloud`](crate::Cloud) alone carries one to the other. What the data plane then
//! really does is in [`reported`](crate::reported).

mod rewrite;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turquoise_arm::ResourceId;

use crate::time::Instant;

pub use rewrite::{Condition, Pattern, Rewrite, RewriteRule, UrlRewrite};

/// One change the control plane asks for.
#[derive(Clone, Debug)]
pub enum Desired {
    /// A gateway is to run this configuration; replaces any rollout still under way.
    Gateway(GatewayRollout),
    /// A gateway is gone; its listeners close at once.
    GatewayGone(ResourceId),
    /// A load balancer is to run this configuration from `at` on.
    LoadBalancer {
        /// When it takes effect.
        at: Instant,
        /// What it is to do.
        config: Arc<LoadBalancer>,
    },
    /// A load balancer is gone from `at` on.
    LoadBalancerGone {
        /// When it stops.
        at: Instant,
        /// Which one.
        id: ResourceId,
    },
    /// An instance is to exist, or an existing one is to run another image (a reimage).
    Instance(InstanceSpec),
    /// An instance's memberships changed in place, without a reboot.
    InstancePools {
        /// Which instance.
        key: InstanceKey,
        /// Ids of the load balancer pools it is now in.
        pools: Vec<ResourceId>,
    },
    /// An instance is to run or to be stopped from `at` on.
    InstancePower {
        /// When the machine changes state.
        at: Instant,
        /// Which instance.
        key: InstanceKey,
        /// Whether it is to run.
        running: bool,
    },
    /// An instance is removed at `at`: it vanishes with whatever it was serving.
    InstanceGone {
        /// When the machine is gone.
        at: Instant,
        /// Which instance.
        key: InstanceKey,
    },
}

/// A gateway configuration on its way to the gateway's instances.
#[derive(Clone, Debug)]
pub struct GatewayRollout {
    /// The gateway.
    pub id: ResourceId,
    /// Counts the accepted writes of this gateway, from 1.
    pub generation: u64,
    /// What each instance is to run.
    pub config: Arc<Gateway>,
    /// When each instance applies it; the length is the number of instances.
    pub apply_at: Vec<Instant>,
    /// False while the gateway is stopped: nothing listens.
    pub running: bool,
}

/// An Application Gateway's configuration, resolved: every reference is an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gateway {
    /// Listeners in the order rules are tried: by priority, then by name.
    pub listeners: Vec<Listener>,
    /// Backend address pools.
    pub pools: Vec<Pool>,
    /// Backend HTTP settings.
    pub settings: Vec<BackendSettings>,
    /// Rewrite rule sets.
    pub rewrites: Vec<Rewrite>,
    /// Whether clients may speak HTTP/2 over TLS (`enableHttp2`).
    pub http_2: bool,
}

/// A listener with the rule that hangs on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The listener's name.
    pub name: String,
    /// The frontend's address, public or private.
    pub address: Ipv4Addr,
    /// The frontend port.
    pub port: u16,
    /// The certificate to present; `None` for plain HTTP.
    pub certificate: Option<Arc<Certificate>>,
    /// Host names it answers to, `*` wildcards allowed; empty means every host.
    pub hosts: Vec<String>,
    /// Where its requests go.
    pub route: Route,
}

/// A server certificate as carried by the gateway's `sslCertificates`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The chain, leaf first, each in DER.
    pub chain: Vec<Vec<u8>>,
    /// The private key, PKCS#8 in DER.
    pub key: Vec<u8>,
}

/// Where a rule sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To a pool with settings, both by index into the gateway's arrays.
    Pool {
        /// Index into [`Gateway::pools`].
        pool: usize,
        /// Index into [`Gateway::settings`].
        settings: usize,
    },
    /// By path; the first pattern that matches wins, else the default.
    Paths {
        /// Patterns such as `/api/*` with their targets, in listed order.
        rules: Vec<(String, Self)>,
        /// Where everything else goes.
        default: Box<Self>,
    },
    /// As another route says, with headers and URLs rewritten.
    Rewritten {
        /// Index into [`Gateway::rewrites`].
        rewrite: usize,
        /// Where it goes.
        route: Box<Self>,
    },
    /// A redirect answered by the gateway itself.
    Redirect {
        /// 301, 302, 303 or 307.
        status: u16,
        /// Scheme, host and port to redirect to.
        target: String,
        /// Whether the request's path is appended.
        include_path: bool,
        /// Whether the request's query is appended.
        include_query: bool,
    },
}

/// A backend pool: what the swap edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The pool's id.
    pub id: ResourceId,
    /// Members in listed order; duplicates are kept as Azure keeps them.
    pub members: Vec<Ipv4Addr>,
}

/// Backend HTTP settings, with the probe they use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendSettings {
    /// The settings' id.
    pub id: ResourceId,
    /// The port members are called on.
    pub port: u16,
    /// How long a member may take to answer.
    pub request_timeout: Duration,
    /// How long a removed member may finish what it has; Azure drains 30 s even when draining is
    /// not enabled (azure-facts.md §5.5).
    pub drain_timeout: Duration,
    /// The affinity cookie's name where affinity is on.
    pub affinity_cookie: Option<String>,
    /// The `Host` sent to members; `None` forwards the client's.
    pub host: Option<String>,
    /// A path prefix that replaces the request's, where set.
    pub path: Option<String>,
    /// How members are probed.
    pub probe: Probe,
}

/// A gateway probe or a load balancer probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What a probe asks; `None` only completes the TCP handshake.
    pub http: Option<ProbeRequest>,
    /// The port probed.
    pub port: u16,
    /// Pause between the end of one probe and the start of the next (gateway), or between starts
    /// (load balancer).
    pub interval: Duration,
    /// How long a probe may take.
    pub timeout: Duration,
    /// Consecutive failures that mark a member down.
    pub unhealthy_threshold: u32,
    /// Consecutive successes that mark it up again; 1 for gateways.
    pub healthy_threshold: u32,
}

/// What an HTTP probe sends and accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeRequest {
    /// The `Host` header.
    pub host: String,
    /// The path, with its leading slash.
    pub path: String,
    /// Accepted status ranges, ends included.
    pub statuses: Vec<(u16, u16)>,
    /// Text the first 4,090 characters of the body must contain.
    pub body: Option<String>,
}

/// An internal load balancer's configuration, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    /// The load balancer.
    pub id: ResourceId,
    /// Its rules.
    pub rules: Vec<BalancerRule>,
    /// Ports of single instances, reached through the frontend.
    pub nat_rules: Vec<NatRule>,
}

/// A load balancing rule: frontend to pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalancerRule {
    /// The rule's name.
    pub name: String,
    /// The frontend's private address.
    pub address: Ipv4Addr,
    /// The frontend port; 0 means every port (HA ports).
    pub frontend_port: u16,
    /// The port on the instances.
    pub backend_port: u16,
    /// Ids of the pools whose instances serve it.
    pub pools: Vec<ResourceId>,
    /// How instances are probed; without a probe all count as healthy.
    pub probe: Option<Probe>,
    /// What a flow is hashed by.
    pub distribution: Distribution,
    /// Flows idle for longer are dropped.
    pub idle_timeout: Duration,
    /// Whether an idle flow is reset rather than silently dropped.
    pub tcp_reset: bool,
}

/// What a load balancer hashes flows by (azure-facts.md §5.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Source and destination address and port, and protocol.
    #[default]
    FiveTuple,
    /// Source and destination address.
    SourceAddress,
    /// Source and destination address and protocol.
    SourceAddressAndProtocol,
}

/// A frontend port that leads to one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatRule {
    /// The rule's name.
    pub name: String,
    /// The frontend's private address.
    pub address: Ipv4Addr,
    /// The frontend port.
    pub frontend_port: u16,
    /// The port on the instance.
    pub backend_port: u16,
    /// The instance's address.
    pub target: Ipv4Addr,
}

/// The identity of a scale set instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceKey {
    /// The scale set.
    pub scale_set: ResourceId,
    /// The instance's number, Azure's `instanceId`.
    pub number: u32,
}

/// A scale set instance as it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceSpec {
    /// Which instance.
    pub key: InstanceKey,
    /// Its private address.
    pub address: Ipv4Addr,
    /// The image it boots: an image resource's id, or `publisher:offer:sku:version`.
    pub image: String,
    /// Ids of the load balancer pools its NIC is in.
    pub pools: Vec<ResourceId>,
    /// When the machine has booted and its extensions have run; the application starts then.
    pub provisioned_at: Instant,
    /// What the application health extension asks, where the model has one.
    pub health_extension: Option<Probe>,
}
