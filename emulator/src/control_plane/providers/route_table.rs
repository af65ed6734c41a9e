//! `Microsoft.Network/routeTables` with their routes (specification `routeTable.json`).
//!
//! Kept, checked and answered; packets take the ways of this machine, whatever a route says.

use std::net::Ipv4Addr;

use serde_json::Value;
use turquoise_arm::{ArmError, json as tree};

use super::back_references;
use crate::control_plane::addresses::Cidr;
use crate::control_plane::name_rule::NameRule;
use crate::control_plane::provider::{ChildRoute, Context, Kind, Provider, Write};
use crate::control_plane::schema::{
    Collection, Schema, Shape, any, children, choice, collection, flag, member, text,
};
use crate::control_plane::store::Resource;

/// Route tables.
#[derive(Clone, Debug)]
pub(crate) struct RouteTables;

static ROUTES: Collection = collection(
    "routes",
    &[
        text("addressPrefix").required(),
        choice(
            "nextHopType",
            &[
                "VirtualNetworkGateway",
                "VnetLocal",
                "Internet",
                "VirtualAppliance",
                "None",
            ],
        )
        .required(),
        text("nextHopIpAddress"),
        member("hasBgpOverride", Shape::Boolean),
    ],
);

static SCHEMA: Schema = Schema {
    envelope: &[],
    properties: &[
        flag("disableBgpRoutePropagation", false),
        children(&ROUTES),
        any("subnets").read_only(),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Network/routeTables",
    schema: &SCHEMA,
    children: &[ChildRoute {
        collection: "routes",
        writable: true,
    }],
    ..Kind::NETWORK
};

impl Provider for RouteTables {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, _context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        let mut ways: Vec<(&str, &str)> = Vec::new();
        for route in tree::items(&write.model, "properties.routes") {
            let name = tree::text(route, "name").unwrap_or_default();
            NameRule::Network { least: 1, most: 80 }.check(name)?;
            let prefix = tree::text(route, "properties.addressPrefix").unwrap_or_default();
            check_prefix(name, prefix)?;
            check_hop(name, route)?;
            if let Some((other, _)) = ways.iter().find(|(_, held)| *held == prefix) {
                return Err(ArmError::bad_request(
                    "RouteConflict",
                    format!(
                        "Route {name} conflicts with route {other}. Routes cannot have the same \
                         AddressPrefix."
                    ),
                ));
            }
            ways.push((name, prefix));
        }
        Ok(())
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        let users = context.store.referrers(&resource.id);
        back_references::fill_users(document, users, "subnets");
    }
}

/// A range, or the name of a service such as `AzureMonitor.WestEurope`.
fn check_prefix(name: &str, prefix: &str) -> Result<(), ArmError> {
    let named = prefix.starts_with(|c: char| c.is_ascii_alphabetic());
    if named || Cidr::parse(prefix).is_some() {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "InvalidAddressPrefixFormat",
        format!("Address prefix {prefix} of route {name} is not a valid IPv4 CIDR range."),
    ))
}

/// Only an appliance has an address, and it has to have one.
fn check_hop(name: &str, route: &Value) -> Result<(), ArmError> {
    let address = tree::text(route, "properties.nextHopIpAddress").filter(|text| !text.is_empty());
    let appliance = tree::text(route, "properties.nextHopType") == Some("VirtualAppliance");
    let valid = address.is_some_and(|address| address.parse::<Ipv4Addr>().is_ok());
    let (code, reason) = match (appliance, address) {
        (true, _) if valid => return Ok(()),
        (false, None) => return Ok(()),
        (true, _) => (
            "RouteNextHopIpAddressRequired",
            "needs a valid next hop IP address, because its next hop type is VirtualAppliance",
        ),
        (false, Some(_)) => (
            "RouteNextHopIpAddressNotAllowed",
            "cannot have a next hop IP address, because its next hop type is not VirtualAppliance",
        ),
    };
    Err(ArmError::bad_request(
        code,
        format!("Route {name} {reason}."),
    ))
}
