//! What a gateway instance does just now, for displays and for whoever waits for it.

use std::net::Ipv4Addr;

use serde::Serialize;
use turquoise_arm::ResourceId;

/// One gateway instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GatewayView {
    /// The gateway.
    pub gateway: ResourceId,
    /// Which of its instances.
    pub instance: u16,
    /// The configuration's generation.
    pub generation: u64,
    /// Members of every pool it dispatches to, in listed order, then those still draining.
    pub members: Vec<MemberView>,
}

/// One pool member at one gateway instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemberView {
    /// The pool's name.
    pub pool: String,
    /// The member.
    pub address: Ipv4Addr,
    /// Whether it gets new requests.
    pub healthy: bool,
    /// Whether it was removed and finishes what it has.
    pub draining: bool,
    /// Requests with it.
    pub in_flight: u64,
}
