//! Names in every simulated world, as the rehearsal configuration gives them.

use std::net::Ipv4Addr;

/// The live side when a scenario begins.
pub const OLD_SIDE: &str = "green";
/// The idle side.
pub const NEW_SIDE: &str = "blue";
/// The live side's scale set.
pub const OLD_SCALE_SET: &str = "green-vmss";
/// The idle side's scale set.
pub const NEW_SCALE_SET: &str = "blue-vmss";
/// The live side's pool member.
pub const OLD_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
/// The idle side's pool member.
pub const NEW_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 6);
/// Where Azure Resource Manager answers in a simulated world; nothing resolves it.
pub const ENDPOINT: &str = "http://management.turquoise.test";
/// The bearer token of everyone in a simulated world.
pub const TOKEN: &str = "simulated";
/// The name under which the world itself reads; nobody's orchestrator.
pub(crate) const OBSERVER: &str = "world";
