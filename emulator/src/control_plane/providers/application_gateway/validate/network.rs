//! Where a gateway lies and where it is reached: its subnet and its frontends.

use std::net::Ipv4Addr;

use serde_json::Value;
use turquoise_arm::{ArmError, ResourceId, json as wire};

use super::super::TYPE;
use super::{name_of, refuse};
use crate::control_plane::provider::{Context, Write};
use crate::control_plane::resolve::reference;

/// One IP configuration in a subnet that holds gateways alone (azure-facts.md §1.6).
pub(super) fn subnet(context: &Context<'_>, write: &Write, stopped: bool) -> Result<(), ArmError> {
    let at = "properties.gatewayIPConfigurations";
    let configurations: Vec<&Value> = wire::items(&write.model, at).collect();
    let [configuration] = configurations[..] else {
        return Err(refuse(
            "ApplicationGatewayGatewayIpConfigurationsCountInvalid",
            format!(
                "A gateway has exactly one IP configuration, not {}.",
                configurations.len()
            ),
        ));
    };
    let Some(subnet) = reference(configuration, "properties.subnet") else {
        return Ok(());
    };
    let stays = write
        .previous
        .as_deref()
        .and_then(|previous| reference(wire::items(previous, at).next()?, "properties.subnet"));
    if stays.is_some_and(|before| before != subnet) && !stopped {
        return Err(refuse(
            "PropertyChangeNotAllowed",
            format!(
                "The subnet of {} can only change while it is stopped.",
                write.id
            ),
        ));
    }
    dedicated(context, &write.id, &subnet)
}

fn dedicated(context: &Context<'_>, id: &ResourceId, subnet: &ResourceId) -> Result<(), ArmError> {
    let is_gateway = |owner: &ResourceId| {
        owner
            .key()
            .contains(&format!("/{}/", TYPE.to_ascii_lowercase()))
    };
    let stranger = context
        .addresses
        .taken(subnet)
        .map(|(_, owner)| owner)
        .find(|owner| !is_gateway(owner));
    if let Some(stranger) = stranger {
        return Err(refuse(
            "ApplicationGatewaySubnetCannotHaveOtherResources",
            format!(
                "Subnet {subnet} cannot be used for application gateway {id} since it holds {stranger}."
            ),
        ));
    }
    let model = context.store.child_model(subnet);
    let delegations = model.map_or(0, |model| {
        wire::items(model, "properties.delegations").count()
    });
    if delegations > 0 {
        return Err(refuse(
            "ApplicationGatewaySubnetCannotHaveDelegations",
            format!(
                "Subnet {} cannot have delegations configured.",
                subnet.name()
            ),
        ));
    }
    Ok(())
}

/// At most one public and one private frontend; private addresses are claimed and filled in.
pub(super) fn frontends(context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
    let at = "properties.frontendIPConfigurations";
    let frontends: Vec<Value> = wire::items(&write.model, at).cloned().collect();
    let public = frontends
        .iter()
        .filter(|f| reference(f, "properties.publicIPAddress").is_some());
    let public = public.count();
    if frontends.is_empty() || public > 1 || frontends.len() - public > 1 {
        return Err(refuse(
            "ApplicationGatewayFrontendIpConfigurationsCountInvalid",
            "A gateway has one or two frontend IP configurations, at most one of each kind.",
        ));
    }
    for (index, frontend) in frontends.iter().enumerate() {
        let name = name_of(frontend);
        let id = write.id.child("frontendIPConfigurations", name);
        let subnet = reference(frontend, "properties.subnet");
        match (reference(frontend, "properties.publicIPAddress"), subnet) {
            (Some(address), None) => public_address(context, &write.id, &address)?,
            (None, Some(subnet)) => {
                let wished = wire::text(frontend, "properties.privateIPAddress")
                    .and_then(|address| address.parse::<Ipv4Addr>().ok());
                let address = context.claim(write, &id, &subnet, wished)?;
                let properties =
                    &mut write.model["properties"]["frontendIPConfigurations"][index]["properties"];
                properties["privateIPAddress"] = address.to_string().into();
            }
            (None, None) => {
                return Err(refuse(
                    "FrontendIPConfigHasNoSubnetOrPublicIP",
                    format!(
                        "Frontend IP Configuration {id} must reference either a Subnet or a Public IP Address."
                    ),
                ));
            }
            (Some(_), Some(_)) => {
                return Err(refuse(
                    "FrontendIPConfigHasBothSubnetAndPublicIP",
                    format!(
                        "Frontend IP Configuration {id} must not reference both a Subnet and a Public IP Address."
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// A v2 gateway needs a Standard static public address of its own (azure-facts.md §4.8).
fn public_address(
    context: &Context<'_>,
    id: &ResourceId,
    address: &ResourceId,
) -> Result<(), ArmError> {
    let Some(resource) = context.store.get(address) else {
        return Ok(());
    };
    let is = |path: &str, word: &str| {
        wire::text(&resource.model, path).is_some_and(|found| found.eq_ignore_ascii_case(word))
    };
    if !is("sku.name", "Standard") || !is("properties.publicIPAllocationMethod", "Static") {
        return Err(refuse(
            "ApplicationGatewayPublicIPAddressMustBeStandardStatic",
            format!(
                "Public IP address {address} must have SKU Standard and static allocation to be used by {id}."
            ),
        ));
    }
    context.check_public_address_is_free(address, id)
}
