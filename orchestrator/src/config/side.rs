//! One side: an internal load balancer before a scale set made from an image, by our own description
//! or by a template of the user's.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use turquoise_arm::ResourceId;

/// Green or blue: one whole environment. Names of resources follow from the side's name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Its resource group's name.
    pub group: String,
    /// The load balancer's private address: the pool member that stands for this side. A side of a
    /// template may leave it to the template's outputs; it is unspecified until those are read.
    #[serde(
        default = "unspecified",
        skip_serializing_if = "Ipv4Addr::is_unspecified"
    )]
    pub address: Ipv4Addr,
    /// The subnet that address lies in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address_subnet: String,
    /// The subnet of the scale set's instances.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subnet: String,
    /// An ARM template that makes this side instead of our own description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<PathBuf>,
    /// The template's parameter file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<PathBuf>,
    /// What the template's outputs said, once they were read.
    #[serde(skip)]
    pub built: Option<Built>,
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

/// What a side's template says it has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The output `address`.
    pub address: Ipv4Addr,
    /// The output `loadBalancer`.
    pub load_balancer: ResourceId,
    /// The output `scaleSet`.
    pub scale_set: ResourceId,
    /// The output `autoscaleSetting`, where there is one.
    pub autoscale_setting: Option<ResourceId>,
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
        if let Some(built) = &self.built {
            return built.load_balancer.clone();
        }
        self.in_group(
            subscription,
            "Microsoft.Network/loadBalancers",
            LOAD_BALANCER,
        )
    }

    /// The scale set's id.
    #[must_use]
    pub fn scale_set(&self, subscription: &str, side: &str) -> ResourceId {
        if let Some(built) = &self.built {
            return built.scale_set.clone();
        }
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
        if let Some(setting) = self
            .built
            .as_ref()
            .and_then(|b| b.autoscale_setting.clone())
        {
            return setting;
        }
        let name = format!("{side}-autoscale");
        self.in_group(subscription, "Microsoft.Insights/autoscalesettings", &name)
    }

    /// The deployment that carries out the side's template.
    #[must_use]
    pub fn deployment(&self, subscription: &str, side: &str) -> ResourceId {
        let name = format!("turquoise-{side}");
        self.in_group(subscription, "Microsoft.Resources/deployments", &name)
    }

    /// The id of the network interface that joins the load balancer's pool beside the scale set.
    #[must_use]
    pub fn network_interface(&self, subscription: &str, side: &str) -> ResourceId {
        let name = format!("{side}-nic");
        self.in_group(subscription, "Microsoft.Network/networkInterfaces", &name)
    }
}

const fn unspecified() -> Ipv4Addr {
    Ipv4Addr::UNSPECIFIED
}

fn default_size() -> String {
    "Standard_D2s_v5".to_owned()
}

const fn three() -> u32 {
    3
}
