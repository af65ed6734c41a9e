//! What Azure refuses in a load balancer's document (azure-facts.md §1.6, §4.10).

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use http::StatusCode;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as wire};

use super::super::scale_set;
use super::nat;
use super::schema::{POOL, POOLS};
use crate::control_plane::provider::{Context, Write};
use crate::control_plane::resolve::{reference, referenced_name};

/// Checks and completes a load balancer's model.
pub(super) fn validate(context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
    if wire::text(&write.model, "sku.name") == Some("Basic") {
        return Err(refuse(
            "LoadBalancerBasicSkuRetired",
            "Basic load balancers were retired on 2025-09-30. Use SKU Standard.",
        ));
    }
    pools(&write.model)?;
    nat::forget_made(&mut write.model);
    frontends(context, write)?;
    rules(&mut write.model)?;
    probes(&write.model)?;
    unique_ports(&write.model)?;
    floating_ip_stays(write)?;
    health_probes_stay(context, write)
}

fn refuse(code: &str, message: impl Into<String>) -> ArmError {
    ArmError::bad_request(code, message)
}

fn name_of(child: &Value) -> &str {
    wire::text(child, "name").unwrap_or_default()
}

/// Pools of bare addresses would be accepted and serve nothing.
fn pools(model: &Value) -> Result<(), ArmError> {
    let by_address = wire::items(model, "properties.backendAddressPools").find(|pool| {
        let mut members = wire::items(pool, "properties.loadBalancerBackendAddresses");
        members.any(|member| wire::at(member, "properties.ipAddress").is_some())
    });
    by_address.map_or(Ok(()), |pool| {
        Err(ArmError::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotEmulated",
            format!(
                "Azure has backend pools of addresses, this emulator only of network interfaces: \
                 pool {}. Nothing was changed.",
                name_of(pool)
            ),
        ))
    })
}

fn frontends(context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
    let at = "properties.frontendIPConfigurations";
    let frontends: Vec<Value> = wire::items(&write.model, at).cloned().collect();
    for (index, frontend) in frontends.iter().enumerate() {
        let id = write
            .id
            .child("frontendIPConfigurations", name_of(frontend));
        let public = reference(frontend, "properties.publicIPAddress")
            .or_else(|| reference(frontend, "properties.publicIPPrefix"));
        match (public, reference(frontend, "properties.subnet")) {
            (Some(address), None) => public_address(context, &write.id, &address)?,
            (None, Some(subnet)) => {
                context.check_subnet_is_no_gateways(&subnet, &id)?;
                let address = context.claim(write, &id, &subnet, wished(frontend)?)?;
                let frontend = &mut write.model["properties"]["frontendIPConfigurations"][index];
                frontend["properties"]["privateIPAddress"] = address.to_string().into();
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

/// The address asked for; a dynamic frontend takes what it gets and keeps it.
fn wished(frontend: &Value) -> Result<Option<Ipv4Addr>, ArmError> {
    let method = wire::text(frontend, "properties.privateIPAllocationMethod");
    let given = wire::text(frontend, "properties.privateIPAddress");
    match (method, given) {
        (Some("Static"), Some(address)) => address.parse().map(Some).map_err(|_| {
            refuse(
                "InvalidIPAddress",
                format!("`{address}` is not an IPv4 address."),
            )
        }),
        (Some("Static"), None) => Err(refuse(
            "StaticIPAddressRequired",
            format!(
                "Frontend {} has static allocation and no `privateIPAddress`.",
                name_of(frontend)
            ),
        )),
        _ => Ok(None),
    }
}

fn public_address(
    context: &Context<'_>,
    id: &ResourceId,
    address: &ResourceId,
) -> Result<(), ArmError> {
    let resource = context.store.get(address);
    let sku = resource.and_then(|r| wire::text(&r.model, "sku.name"));
    if sku == Some("Basic") {
        return Err(refuse(
            "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed",
            format!("Standard load balancers cannot use Basic public IP address {address}."),
        ));
    }
    context.check_public_address_is_free(address, id)
}

/// Every rule has a frontend; both ways of naming pools are answered (client-contract.md §6.8).
fn rules(model: &mut Value) -> Result<(), ArmError> {
    let rules = model["properties"].get_mut("loadBalancingRules");
    for rule in rules.and_then(Value::as_array_mut).into_iter().flatten() {
        if wire::at(rule, "properties.frontendIPConfiguration").is_none() {
            return Err(refuse(
                "LoadBalancingRuleMustHaveFrontendIPConfiguration",
                format!(
                    "Rule {} references no frontend IP configuration.",
                    name_of(rule)
                ),
            ));
        }
        name_pools_both_ways(rule);
    }
    Ok(())
}

fn name_pools_both_ways(rule: &mut Value) {
    let properties = &mut rule["properties"];
    let first = properties
        .get(POOLS)
        .and_then(|pools| pools.get(0))
        .cloned();
    match (properties.get(POOL).cloned(), first) {
        // The list wins: it is what current clients write.
        (_, Some(first)) => properties[POOL] = first,
        (Some(pool), None) => properties[POOLS] = json!([pool]),
        (None, None) => {}
    }
}

fn probes(model: &Value) -> Result<(), ArmError> {
    let bare = wire::items(model, "properties.probes").find(|probe| {
        let is_http = wire::text(probe, "properties.protocol") != Some("Tcp");
        let path = wire::text(probe, "properties.requestPath").unwrap_or_default();
        is_http && path.is_empty()
    });
    bare.map_or(Ok(()), |probe| {
        Err(refuse(
            "ProbeRequestPathMissing",
            format!("HTTP probe {} needs a `requestPath`.", name_of(probe)),
        ))
    })
}

/// No two rules may take the same port of a frontend.
fn unique_ports(model: &Value) -> Result<(), ArmError> {
    let mut seen = BTreeSet::new();
    let balancing = wire::items(model, "properties.loadBalancingRules");
    for rule in balancing.chain(wire::items(model, "properties.inboundNatRules")) {
        let Some(port) = wire::integer(rule, "properties.frontendPort") else {
            continue;
        };
        let frontend = referenced_name(rule, "properties.frontendIPConfiguration");
        let protocol = wire::text(rule, "properties.protocol").unwrap_or("Tcp");
        if !seen.insert((frontend, protocol.to_owned(), port)) {
            return Err(refuse(
                "RulesUseSameFrontendPortProtocolAndIPConfig",
                format!(
                    "Rule {} takes port {port}, which another rule has.",
                    name_of(rule)
                ),
            ));
        }
    }
    Ok(())
}

/// `enableFloatingIP` cannot change (azure-facts.md §4.10).
fn floating_ip_stays(write: &Write) -> Result<(), ArmError> {
    let Some(previous) = write.previous.as_deref() else {
        return Ok(());
    };
    let at = "properties.loadBalancingRules";
    let changed = wire::items(&write.model, at).find(|rule| {
        let floats = |rule| wire::boolean(rule, "properties.enableFloatingIP");
        wire::named(previous, at, name_of(rule))
            .is_some_and(|before| floats(before) != floats(rule))
    });
    changed.map_or(Ok(()), |rule| {
        Err(refuse(
            "PropertyChangeNotAllowed",
            format!(
                "`enableFloatingIP` of rule {} cannot change.",
                name_of(rule)
            ),
        ))
    })
}

/// A rule stays while its probe is a scale set's health probe (azure-facts.md §0.2 fact 25).
fn health_probes_stay(context: &Context<'_>, write: &Write) -> Result<(), ArmError> {
    let Some(previous) = write.previous.as_deref() else {
        return Ok(());
    };
    let at = "properties.loadBalancingRules";
    for rule in wire::items(previous, at) {
        let name = name_of(rule);
        if wire::named(&write.model, at, name).is_some() {
            continue;
        }
        let Some(probe) = reference(rule, "properties.probe") else {
            continue;
        };
        let referrers = context.store.referrers(&probe).iter();
        let user = referrers
            .map(|by| &by.owner)
            .find_map(scale_set::of_instance_or_set);
        if let Some(scale_set) = user {
            return Err(refuse(
                "CannotRemoveRuleUsedByProbeUsedByVMSS",
                format!(
                    "Load balancer rule {name} cannot be removed because the rule references the \
                     load balancer probe {} that is used as health probe by VM scale set \
                     {scale_set}. To remove this rule, please update VM scale set to remove the \
                     reference to the probe.",
                    probe.name()
                ),
            ));
        }
    }
    Ok(())
}
