//! `Microsoft.Network/virtualNetworks` with their subnets (azure-facts.md §4.6) and peerings.

mod peering;

use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as tree};

use super::scale_set;
use crate::control_plane::addresses::Cidr;
use crate::control_plane::name_rule::NameRule;
use crate::control_plane::provider::{ChildRoute, Context, Kind, Provider, Write, in_use};
use crate::control_plane::references::Reference;
use crate::control_plane::schema::{
    Collection, Literal, Schema, Shape, any, children, choice, collection, flag, list, object,
    reference, text, texts,
};
use crate::control_plane::store::Resource;

/// Virtual networks.
#[derive(Clone, Debug)]
pub(crate) struct VirtualNetworks;

static SUBNETS: Collection = collection(
    "subnets",
    &[
        text("addressPrefix"),
        texts("addressPrefixes"),
        reference("networkSecurityGroup"),
        reference("routeTable"),
        reference("natGateway"),
        list("serviceEndpoints", &Shape::Any),
        list("delegations", &Shape::Any).or(Literal::EmptyList),
        choice(
            "privateEndpointNetworkPolicies",
            &[
                "Disabled",
                "Enabled",
                "NetworkSecurityGroupEnabled",
                "RouteTableEnabled",
            ],
        )
        .or(Literal::Text("Disabled")),
        choice(
            "privateLinkServiceNetworkPolicies",
            &["Disabled", "Enabled"],
        )
        .or(Literal::Text("Enabled")),
        any("ipConfigurations").read_only(),
        any("purpose").read_only(),
    ],
);

static SCHEMA: Schema = Schema {
    envelope: &[any("extendedLocation")],
    properties: &[
        object("addressSpace", &[texts("addressPrefixes").required()]).required(),
        object("dhcpOptions", &[texts("dnsServers").or(Literal::EmptyList)]),
        children(&SUBNETS),
        children(&peering::PEERINGS),
        flag("enableDdosProtection", false),
        choice("privateEndpointVNetPolicies", &["Basic", "Disabled"]).or(Literal::Text("Disabled")),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Network/virtualNetworks",
    api_versions: &[
        "2025-07-01",
        "2025-05-01",
        "2025-01-01",
        "2024-07-01",
        "2023-11-01",
        "2022-01-01",
    ],
    schema: &SCHEMA,
    name_rule: NameRule::Network { least: 2, most: 64 },
    children: &[
        ChildRoute {
            collection: "subnets",
            writable: true,
        },
        ChildRoute {
            collection: "virtualNetworkPeerings",
            writable: true,
        },
    ],
    ..Kind::NETWORK
};

impl Provider for VirtualNetworks {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        peering::keep(write);
        let space = address_space(write)?;
        let subnets = subnet_ranges(write)?;
        check_subnets(&write.id, &space, &subnets)?;
        check_held_addresses(context, write, &subnets)?;
        peering::check(context, write, &space)?;
        // Subnets do not claim addresses, their users do; a network's own claims stay empty.
        Ok(())
    }

    fn in_use(&self, target: &ResourceId, by: &Reference) -> Option<ArmError> {
        if peering::is_remote(by) {
            return None;
        }
        if target.parent().is_none() {
            return Some(in_use(target, by));
        }
        Some(ArmError::bad_request(
            "InUseSubnetCannotBeDeleted",
            format!(
                "Subnet {} is in use by {} and cannot be deleted. In order to delete the subnet, \
                 delete all the resources within the subnet. See aka.ms/deletesubnet.",
                target.name(),
                by.from
            ),
        ))
    }

    fn trusts(&self, reference: &Reference) -> bool {
        peering::is_remote(reference)
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        peering::view(context, resource, document);
        let Some(subnets) = document["properties"]["subnets"].as_array_mut() else {
            return;
        };
        for subnet in subnets {
            let id = resource
                .id
                .child("subnets", subnet["name"].as_str().unwrap_or_default());
            let users = context.store.referrers(&id).iter();
            let users: Vec<Value> = users
                .filter(|by| by.member == "subnet" && by.from != by.owner)
                // A scale set's model uses no address, its instances do.
                .filter(|by| !scale_set::is_set(&by.owner))
                .map(|by| json!({"id": by.from.as_str()}))
                .collect();
            if !users.is_empty() {
                subnet["properties"]["ipConfigurations"] = users.into();
            }
        }
    }
}

fn address_space(write: &Write) -> Result<Vec<Cidr>, ArmError> {
    let prefixes = tree::items(&write.model, "properties.addressSpace.addressPrefixes");
    let prefixes: Vec<&str> = prefixes.filter_map(Value::as_str).collect();
    let read: Option<Vec<Cidr>> = prefixes.iter().map(|prefix| Cidr::parse(prefix)).collect();
    read.filter(|space| !space.is_empty()).ok_or_else(|| {
        ArmError::bad_request(
            "InvalidAddressPrefixFormat",
            format!(
                "Address prefixes {} of virtual network {} are not all valid IPv4 CIDR ranges.",
                prefixes.join(", "),
                write.id.name()
            ),
        )
    })
}

/// The ranges of a stored network's address space.
fn prefixes(model: &Value) -> Vec<Cidr> {
    tree::items(model, "properties.addressSpace.addressPrefixes")
        .filter_map(|prefix| Cidr::parse(prefix.as_str()?))
        .collect()
}

/// Each subnet's name and range; Azure takes `addressPrefix` or a list of one.
fn subnet_ranges(write: &Write) -> Result<Vec<(String, Cidr)>, ArmError> {
    let subnets = tree::items(&write.model, "properties.subnets");
    let read = subnets.map(|subnet| {
        let name = tree::text(subnet, "name").unwrap_or_default();
        NameRule::Network { least: 1, most: 80 }.check(name)?;
        let prefix = tree::text(subnet, "properties.addressPrefix").or_else(|| {
            tree::items(subnet, "properties.addressPrefixes")
                .next()?
                .as_str()
        });
        let range = prefix.and_then(Cidr::parse).ok_or_else(|| {
            ArmError::bad_request(
                "InvalidAddressPrefixFormat",
                format!(
                    "Address prefix {} of subnet {name} is not a valid IPv4 CIDR range.",
                    prefix.unwrap_or("(none)")
                ),
            )
        })?;
        Ok((name.to_owned(), range))
    });
    read.collect()
}

fn check_subnets(
    network: &ResourceId,
    space: &[Cidr],
    subnets: &[(String, Cidr)],
) -> Result<(), ArmError> {
    for (index, (name, range)) in subnets.iter().enumerate() {
        let inside = space.iter().any(|space| space.contains(*range));
        if !inside || range.bits() > 29 {
            return Err(ArmError::bad_request(
                "NetcfgInvalidSubnet",
                format!(
                    "Subnet '{name}' is not valid in virtual network '{}'.",
                    network.name()
                ),
            ));
        }
        if subnets[..index]
            .iter()
            .any(|(_, other)| other.overlaps(*range))
        {
            return Err(ArmError::bad_request(
                "NetcfgSubnetRangesOverlap",
                format!(
                    "Subnet '{name}' is not valid because its IP address range overlaps with that \
                     of an existing subnet in virtual network '{}'.",
                    network.name()
                ),
            ));
        }
    }
    Ok(())
}

/// A subnet in use keeps its range.
fn check_held_addresses(
    context: &Context<'_>,
    write: &Write,
    subnets: &[(String, Cidr)],
) -> Result<(), ArmError> {
    for (name, range) in subnets {
        let id = write.id.child("subnets", name);
        let held = context
            .store
            .child_model(&id)
            .and_then(|held| tree::text(held, "properties.addressPrefix").and_then(Cidr::parse));
        let moved = held.is_some_and(|held| held != *range);
        if moved && context.addresses.taken(&id).next().is_some() {
            return Err(ArmError::bad_request(
                "InUsePrefixCannotBeDeleted",
                format!("IpPrefix of subnet {name} is in use and cannot be changed to {range}."),
            ));
        }
    }
    Ok(())
}
