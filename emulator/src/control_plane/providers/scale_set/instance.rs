//! What the store keeps of an instance: its network interface, so that what it uses is protected
//! and listed, and its address is taken.

use serde_json::{Value, json};
use turquoise_arm::{ResourceId, json as wire};

use crate::control_plane::addresses::Claim;
use crate::control_plane::fleet::{Fleet, Instance};
use crate::control_plane::resolve::reference;
use crate::control_plane::resolve::scale_set::primary;

/// Names in a profile that ids of instances are made from.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// The primary network interface.
    pub(super) interface: String,
    /// Its primary IP configuration.
    pub(super) configuration: String,
    /// The subnet that is in.
    pub(super) subnet: Option<ResourceId>,
}

impl Names {
    /// Reads a `virtualMachineProfile`.
    pub(super) fn read(profile: &Value) -> Self {
        let interface = primary(profile, "networkProfile.networkInterfaceConfigurations");
        let configuration = primary(interface, "properties.ipConfigurations");
        let name = |value| wire::text(value, "name").unwrap_or("primary").to_owned();
        Self {
            interface: name(interface),
            configuration: name(configuration),
            subnet: reference(configuration, "properties.subnet"),
        }
    }

    /// The id of an instance's primary network interface.
    pub(super) fn network_interface(&self, scale_set: &ResourceId, number: u32) -> ResourceId {
        id(scale_set, number).child("networkInterfaces", &self.interface)
    }

    /// The id of an instance's primary IP configuration.
    pub(super) fn ip_configuration(&self, scale_set: &ResourceId, number: u32) -> ResourceId {
        let interface = self.network_interface(scale_set, number);
        interface.child("ipConfigurations", &self.configuration)
    }
}

/// The id of an instance.
pub(super) fn id(scale_set: &ResourceId, number: u32) -> ResourceId {
    scale_set.child("virtualMachines", &number.to_string())
}

/// The address an instance has.
pub(super) fn claim(scale_set: &ResourceId, instance: &Instance) -> Option<Claim> {
    let names = Names::read(&instance.version.profile);
    Some(Claim {
        owner: names.ip_configuration(scale_set, instance.number),
        address: instance.address,
        subnet: names.subnet?,
    })
}

/// The addresses all instances have, those on their way out included.
pub(super) fn claims(scale_set: &ResourceId, fleet: &Fleet) -> Vec<Claim> {
    let instances = fleet.instances();
    instances.filter_map(|i| claim(scale_set, i)).collect()
}

/// The stored document of an instance.
pub(super) fn document(instance: &Instance) -> Value {
    let profile = &instance.version.profile;
    let names = Names::read(profile);
    let interface = primary(profile, "networkProfile.networkInterfaceConfigurations");
    let configuration = primary(interface, "properties.ipConfigurations");
    let mut properties = json!({
        "privateIPAddress": instance.address.to_string(),
        "privateIPAllocationMethod": "Dynamic",
        "primary": true,
        "privateIPAddressVersion": "IPv4",
    });
    for member in [
        "subnet",
        "loadBalancerBackendAddressPools",
        "loadBalancerInboundNatPools",
        "applicationGatewayBackendAddressPools",
    ] {
        if let Some(value) =
            wire::at(configuration, "properties").and_then(|p| wire::get(p, member))
        {
            properties[member] = value.clone();
        }
    }
    let mut outer =
        json!({"ipConfigurations": [{"name": names.configuration, "properties": properties}]});
    if let Some(group) = wire::at(interface, "properties.networkSecurityGroup") {
        outer["networkSecurityGroup"] = group.clone();
    }
    json!({"properties": {"networkInterfaces": [{"name": names.interface, "properties": outer}]}})
}
