//! One side: an internal load balancer before a scale set made from an image.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use turquoise_arm::ResourceId;

/// Green or blue: one whole environment. Names of resources follow from the side's name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Its resource group's name.
    pub group: String,
    /// The load balancer's private address: the pool member that stands for this side.
    pub address: Ipv4Addr,
    /// The subnet that address lies in.
    pub address_subnet: String,
    /// The subnet of the scale set's instances.
    pub subnet: String,
    /// The image that instances boot.
    pub image: ResourceId,
    /// Where `deploy` makes the image from when it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_blob: Option<String>,
    /// The build that answers name, where it is known beforehand; a gate compares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// The size of the machines.
    #[serde(default = "default_size")]
    pub size: String,
    /// How many instances `deploy` begins with.
    #[serde(default = "three")]
    pub instances: u32,
    /// Autoscale's limits; without them there is no autoscale setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscale: Option<AutoscaleRange>,
}

/// Autoscale's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoscaleRange {
    /// Never fewer instances.
    pub minimum: u32,
    /// Never more instances.
    pub maximum: u32,
}

/// The load balancer's name, as in the published script.
const LOAD_BALANCER: &str = "NRP-LB";

impl Side {
    fn in_group(&self, subscription: &str, resource_type: &str, name: &str) -> ResourceId {
        ResourceId::resource_group(subscription, &self.group).resource(resource_type, name)
    }

    /// The internal load balancer's id.
    #[must_use]
    pub fn load_balancer(&self, subscription: &str) -> ResourceId {
        self.in_group(
            subscription,
            "Microsoft.Network/loadBalancers",
            LOAD_BALANCER,
        )
    }

    /// The scale set's id.
    #[must_use]
    pub fn scale_set(&self, subscription: &str, side: &str) -> ResourceId {
        let name = format!("{side}-vmss");
        self.in_group(
            subscription,
            "Microsoft.Compute/virtualMachineScaleSets",
            &name,
        )
    }

    /// The autoscale setting's id.
    #[must_use]
    pub fn autoscale_setting(&self, subscription: &str, side: &str) -> ResourceId {
        let name = format!("{side}-autoscale");
        self.in_group(subscription, "Microsoft.Insights/autoscalesettings", &name)
    }

    /// The id of the network interface that joins the load balancer's pool beside the scale set.
    #[must_use]
    pub fn network_interface(&self, subscription: &str, side: &str) -> ResourceId {
        let name = format!("{side}-nic");
        self.in_group(subscription, "Microsoft.Network/networkInterfaces", &name)
    }
}

fn default_size() -> String {
    "Standard_D2s_v5".to_owned()
}

const fn three() -> u32 {
    3
}
