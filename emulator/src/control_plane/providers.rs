//! The resource types of this cloud, one file each.

mod image;
mod network_interface;
mod network_security_group;
mod public_ip_address;
mod virtual_network;

use super::provider::Provider;

/// Every type, in the order metadata lists them.
pub(super) fn all() -> Vec<Box<dyn Provider>> {
    vec![
        Box::new(virtual_network::VirtualNetworks),
        Box::new(network_security_group::NetworkSecurityGroups),
        Box::new(public_ip_address::PublicIpAddresses),
        Box::new(network_interface::NetworkInterfaces),
        Box::new(image::Images),
    ]
}
