//! `Microsoft.Network/publicIPAddresses` (azure-facts.md §4.8).
//!
//! Addresses come from 20.0.0.0/16, lowest first, so that equal runs get equal addresses.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as tree};

use super::nat_gateway::is_nat_gateway;
use super::public_ip_prefix;
use crate::control_plane::addresses::{Cidr, Wish};
use crate::control_plane::provider::{Context, Kind, Provider, Write, invalid_reference};
use crate::control_plane::references::Reference;
use crate::control_plane::schema::{
    Literal, Schema, Shape, any, choice, integer, list, object, reference, text,
};
use crate::control_plane::store::Resource;

/// Public IP addresses.
#[derive(Clone, Debug)]
pub(crate) struct PublicIpAddresses;

static SCHEMA: Schema = Schema {
    envelope: &[object(
        "sku",
        &[
            choice("name", &["Basic", "Standard", "StandardV2"]).or(Literal::Text("Standard")),
            choice("tier", &["Regional", "Global"]).or(Literal::Text("Regional")),
        ],
    )
    .or(Literal::EmptyObject)],
    properties: &[
        text("ipAddress").read_only(),
        choice("publicIPAddressVersion", &["IPv4", "IPv6"]).or(Literal::Text("IPv4")),
        choice("publicIPAllocationMethod", &["Dynamic", "Static"]),
        integer("idleTimeoutInMinutes", 4, 30).or(Literal::Integer(4)),
        object(
            "dnsSettings",
            &[
                text("domainNameLabel"),
                text("reverseFqdn"),
                text("fqdn").read_only(),
            ],
        ),
        list("ipTags", &Shape::Any).or(Literal::EmptyList),
        reference("publicIPPrefix"),
        any("ipConfiguration").read_only(),
        any("natGateway").read_only(),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Network/publicIPAddresses",
    api_versions: &[
        "2025-09-01",
        "2025-07-01",
        "2025-05-01",
        "2025-01-01",
        "2024-07-01",
        "2022-01-01",
    ],
    schema: &SCHEMA,
    ..Kind::NETWORK
};

impl Provider for PublicIpAddresses {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        check_sku(write)?;
        let version = tree::text(&write.model, "properties.publicIPAddressVersion");
        if version == Some("IPv6") {
            return Err(ArmError::new(
                http::StatusCode::NOT_IMPLEMENTED,
                "NotEmulated",
                "Azure has IPv6 addresses, this emulator does not. Nothing was changed.",
            ));
        }
        let address = address(context, write)?;
        write.model["properties"]["ipAddress"] = address.to_string().into();
        name_in_dns(write);
        Ok(())
    }

    fn in_use(&self, target: &ResourceId, by: &Reference) -> Option<ArmError> {
        Some(ArmError::bad_request(
            "PublicIPAddressCannotBeDeleted",
            format!(
                "Public IP address {target} can not be deleted since it is still allocated to \
                 resource {}. In order to delete the public IP, disassociate/detach the Public IP \
                 address from the resource. To learn how to do this, see aka.ms/deletepublicip.",
                by.from
            ),
        ))
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        if let Some(by) = context.store.referrers(&resource.id).first() {
            let member = if is_nat_gateway(&by.owner) {
                "natGateway"
            } else {
                "ipConfiguration"
            };
            document["properties"][member] = json!({"id": by.from.as_str()});
        }
    }
}

/// The address: from its prefix where it has one, else from the pool.
fn address(context: &Context<'_>, write: &mut Write) -> Result<Ipv4Addr, ArmError> {
    if let Some(text) = tree::text(&write.model, "properties.publicIPPrefix.id") {
        let prefix = ResourceId::parse(text).map_err(|_| invalid_reference(&write.id, text))?;
        return public_ip_prefix::take(context, &prefix, write);
    }
    let pool = pool(&write.id);
    let wish = Wish {
        subnet: &pool,
        range: Cidr::parse("20.0.0.0/16").expect("because the literal is a range"),
        address: None,
        owner: &write.id,
        resource: &write.id,
    };
    context.addresses.plan(wish, &mut write.claims)
}

/// All public addresses are one pool, whatever their subscription's groups.
fn pool(id: &ResourceId) -> ResourceId {
    ResourceId::resource_group(id.subscription(), "(public addresses)")
}

/// Standard addresses are static; Basic ones cannot be had any more (azure-facts.md §0.2 fact 23).
fn check_sku(write: &mut Write) -> Result<(), ArmError> {
    let basic = tree::text(&write.model, "sku.name") == Some("Basic");
    if basic && write.creates() {
        return Err(ArmError::bad_request(
            "BasicSkuPublicIPAddressRetired",
            "Basic SKU public IP addresses were retired on 30 September 2025. Use SKU Standard.",
        ));
    }
    match tree::text(&write.model, "properties.publicIPAllocationMethod") {
        Some("Dynamic") => Err(ArmError::bad_request(
            "PublicIPAddressStandardSkuMustBeStatic",
            format!(
                "Standard SKU public IP address {} must be Static.",
                write.id
            ),
        )),
        Some(_) => Ok(()),
        None => {
            write.model["properties"]["publicIPAllocationMethod"] = "Static".into();
            Ok(())
        }
    }
}

fn name_in_dns(write: &mut Write) {
    let Some(label) = tree::text(&write.model, "properties.dnsSettings.domainNameLabel") else {
        return;
    };
    let fqdn = format!("{label}.{}.cloudapp.azure.com", write.location());
    write.model["properties"]["dnsSettings"]["fqdn"] = fqdn.into();
}
