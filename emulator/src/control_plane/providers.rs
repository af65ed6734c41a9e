//! The resource types of this cloud, one file each.

mod application_gateway;
mod application_security_group;
mod autoscale;
mod availability_set;
mod back_references;
mod disk;
mod image;
mod load_balancer;
mod nat_gateway;
mod network_interface;
mod network_security_group;
mod os_profile;
mod private_dns;
mod public_ip_address;
mod public_ip_prefix;
mod route_table;
mod scale_set;
mod virtual_machine;
mod virtual_network;

use super::provider::Provider;

pub(super) use scale_set::cores;

/// Every type, in the order metadata lists them.
pub(super) fn all() -> Vec<Box<dyn Provider>> {
    let mut all: Vec<Box<dyn Provider>> = vec![
        Box::new(virtual_network::VirtualNetworks),
        Box::new(network_security_group::NetworkSecurityGroups),
        Box::new(public_ip_address::PublicIpAddresses),
        Box::new(network_interface::NetworkInterfaces),
        Box::new(load_balancer::LoadBalancers::default()),
        Box::new(application_gateway::ApplicationGateways::default()),
        Box::new(image::Images),
        Box::new(scale_set::ScaleSets::default()),
        Box::new(autoscale::AutoscaleSettings::default()),
        Box::new(route_table::RouteTables),
        Box::new(nat_gateway::NatGateways),
        Box::new(public_ip_prefix::PublicIpPrefixes),
        Box::new(application_security_group::ApplicationSecurityGroups),
        Box::new(private_dns::zone::Zones),
        Box::new(private_dns::link::Links),
        Box::new(availability_set::AvailabilitySets),
        Box::new(disk::Disks),
        Box::new(virtual_machine::VirtualMachines::default()),
        Box::new(virtual_machine::extension::Extensions),
    ];
    all.extend(private_dns::records::all().map(|sets| Box::new(sets) as Box<dyn Provider>));
    all
}
