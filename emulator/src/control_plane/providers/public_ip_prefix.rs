//! `Microsoft.Network/publicIPPrefixes`: ranges that public addresses are taken from (specification
//! `publicIpPrefix.json`).
//!
//! Ranges come from 20.1.0.0/16, lowest first, so that equal runs get equal ranges.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as tree};

use super::nat_gateway::is_nat_gateway;
use crate::control_plane::addresses::Cidr;
use crate::control_plane::provider::{Context, Kind, Provider, Write};
use crate::control_plane::references::Reference;
use crate::control_plane::schema::{
    Literal, Schema, Shape, any, choice, integer, list, object, reference, text,
};
use crate::control_plane::store::Resource;

/// Public IP prefixes.
#[derive(Clone, Debug)]
pub(crate) struct PublicIpPrefixes;

static SCHEMA: Schema = Schema {
    envelope: &[object(
        "sku",
        &[
            choice("name", &["Standard", "StandardV2"]).or(Literal::Text("Standard")),
            choice("tier", &["Regional", "Global"]).or(Literal::Text("Regional")),
        ],
    )
    .or(Literal::EmptyObject)],
    properties: &[
        choice("publicIPAddressVersion", &["IPv4", "IPv6"]).or(Literal::Text("IPv4")),
        integer("prefixLength", 1, 128).required(),
        text("ipPrefix").read_only(),
        list("ipTags", &Shape::Any).or(Literal::EmptyList),
        reference("customIPPrefix"),
        any("publicIPAddresses").read_only(),
        any("loadBalancerFrontendIpConfiguration").read_only(),
        any("natGateway").read_only(),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Network/publicIPPrefixes",
    schema: &SCHEMA,
    ..Kind::NETWORK
};

impl Provider for PublicIpPrefixes {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        if tree::text(&write.model, "properties.publicIPAddressVersion") == Some("IPv6") {
            return Err(ArmError::new(
                http::StatusCode::NOT_IMPLEMENTED,
                "NotEmulated",
                "Azure has IPv6 prefixes, this emulator does not. Nothing was changed.",
            ));
        }
        let length = |model: &Value| tree::integer(model, "properties.prefixLength");
        let wanted = length(&write.model).unwrap_or_default();
        // 16 addresses by default (azure docs "public IP prefix"); 8 more bits on request.
        if !(21..=31).contains(&wanted) {
            return Err(ArmError::bad_request(
                "InvalidPublicIpPrefixLength",
                format!(
                    "Prefix length {wanted} of public IP prefix {} is not within 21 to 31.",
                    write.id
                ),
            ));
        }
        if let Some(previous) = &write.previous {
            if length(previous) != Some(wanted) {
                return Err(ArmError::bad_request(
                    "PublicIpPrefixLengthCannotBeChanged",
                    format!(
                        "The length of public IP prefix {} cannot be changed.",
                        write.id
                    ),
                ));
            }
            return Ok(());
        }
        let range = lowest_free(context, u32::try_from(wanted).unwrap_or(31))?;
        write.model["properties"]["ipPrefix"] = range.into();
        Ok(())
    }

    fn in_use(&self, target: &ResourceId, by: &Reference) -> Option<ArmError> {
        Some(ArmError::bad_request(
            "InUsePublicIpPrefixCannotBeDeleted",
            format!(
                "Public IP prefix {target} is in use by {} and cannot be deleted.",
                by.from
            ),
        ))
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        let mut addresses = Vec::new();
        for by in context.store.referrers(&resource.id) {
            let user = json!({"id": by.from.as_str()});
            if is_nat_gateway(&by.owner) {
                document["properties"]["natGateway"] = user;
            } else if by.member == "publicIPPrefix" && by.from == by.owner {
                addresses.push(user);
            } else {
                document["properties"]["loadBalancerFrontendIpConfiguration"] = user;
            }
        }
        if !addresses.is_empty() {
            document["properties"]["publicIPAddresses"] = addresses.into();
        }
    }
}

/// The lowest aligned range of this length that no other prefix has.
fn lowest_free(context: &Context<'_>, length: u32) -> Result<String, ArmError> {
    let pool = Cidr::parse("20.1.0.0/16").expect("because the literal is a range");
    let taken: Vec<Cidr> = context
        .store
        .resources()
        .filter_map(|held| tree::text(&held.model, "properties.ipPrefix").and_then(Cidr::parse))
        .collect();
    let step = 1_u32 << (32 - length);
    let mut starts = (pool.first()..=pool.last()).step_by(step as usize);
    let found = starts.find_map(|start| {
        let range = Cidr::parse(&format!("{}/{length}", Ipv4Addr::from_bits(start)))?;
        (!taken.iter().any(|held| held.overlaps(range))).then_some(range)
    });
    found.map(|range| range.to_string()).ok_or_else(|| {
        ArmError::bad_request(
            "PublicIpPrefixOutOfAvailableIps",
            "There are no available public IP prefixes of that length.",
        )
    })
}

/// The lowest address of a prefix that no other public address has; one that `owner` has stays.
pub(super) fn take(
    context: &Context<'_>,
    prefix: &ResourceId,
    owner: &Write,
) -> Result<Ipv4Addr, ArmError> {
    let address = |model: &Value| -> Option<Ipv4Addr> {
        tree::text(model, "properties.ipAddress")?.parse().ok()
    };
    let held = context.store.get(prefix);
    let range = held
        .and_then(|held| tree::text(&held.model, "properties.ipPrefix"))
        .and_then(Cidr::parse)
        .ok_or_else(|| crate::control_plane::provider::invalid_reference(&owner.id, prefix))?;
    let inside = |address: &Ipv4Addr| (range.first()..=range.last()).contains(&address.to_bits());
    let own = owner.previous.as_deref().and_then(address);
    if let Some(own) = own.filter(inside) {
        return Ok(own);
    }
    let users = context.store.referrers(prefix).iter();
    let taken: Vec<Ipv4Addr> = users
        .filter(|by| by.owner != owner.id)
        .filter_map(|by| address(&context.store.get(&by.owner)?.model))
        .collect();
    (range.first()..=range.last())
        .map(Ipv4Addr::from_bits)
        .find(|address| !taken.contains(address))
        .ok_or_else(|| {
            ArmError::bad_request(
                "PublicIpPrefixOutOfAvailableIps",
                format!("Public IP prefix {prefix} has no available addresses."),
            )
        })
}
