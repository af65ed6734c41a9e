//! The resource types of this cloud, one file each.

mod application_gateway;
mod autoscale;
mod back_references;
mod image;
mod load_balancer;
mod network_interface;
mod network_security_group;
mod public_ip_address;
mod scale_set;
mod virtual_network;

use super::provider::Provider;

pub(super) use scale_set::cores;

/// Every type, in the order metadata lists them.
pub(super) fn all() -> Vec<Box<dyn Provider>> {
    vec![
        Box::new(virtual_network::VirtualNetworks),
        Box::new(network_security_group::NetworkSecurityGroups),
        Box::new(public_ip_address::PublicIpAddresses),
        Box::new(network_interface::NetworkInterfaces),
        Box::new(load_balancer::LoadBalancers::default()),
        Box::new(application_gateway::ApplicationGateways::default()),
        Box::new(image::Images),
        Box::new(scale_set::ScaleSets::default()),
        Box::new(autoscale::AutoscaleSettings::default()),
    ]
}
