//! What a swap is about, as names and addresses: all that a script or a mutant needs to know.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use turquoise_arm::ResourceId;

/// One gateway, one pool, two sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Scheme, host and port of Azure Resource Manager, without a final slash.
    pub endpoint: String,
    /// The gateway.
    pub gateway: ResourceId,
    /// The name of the pool that the swap edits.
    pub pool: String,
    /// The side that serves now.
    pub old: TargetSide,
    /// The side that is to serve.
    pub new: TargetSide,
    /// The answer header that names the build, in lower case.
    pub build_header: String,
    /// A bearer token, where the endpoint wants one.
    pub token: Option<String>,
}

/// One side of a [`Target`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSide {
    /// `green` or `blue`.
    pub name: String,
    /// The private frontend address of its load balancer: its pool member.
    pub address: Ipv4Addr,
    /// Its scale set.
    pub scale_set: ResourceId,
    /// The build its answers name.
    pub build: String,
}
