//! The resource types of this cloud, one file each.

mod virtual_network;

use super::provider::Provider;

/// Every type, in the order metadata lists them.
pub(super) fn all() -> Vec<Box<dyn Provider>> {
    vec![Box::new(virtual_network::VirtualNetworks)]
}
