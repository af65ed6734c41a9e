//! `Microsoft.Network/natGateways` (specification `natGateway.json`).
//!
//! Kept, checked and answered; nothing leaves through them.

use serde_json::Value;
use turquoise_arm::{ArmError, ResourceId, json as tree};

use super::back_references;
use crate::control_plane::provider::{Context, Kind, Provider, Write, invalid_reference};
use crate::control_plane::references::Reference;
use crate::control_plane::schema::{Literal, Schema, any, choice, integer, object, references};
use crate::control_plane::store::Resource;

/// NAT gateways.
#[derive(Clone, Debug)]
pub(crate) struct NatGateways;

static SCHEMA: Schema = Schema {
    envelope: &[object(
        "sku",
        &[choice("name", &["Standard", "StandardV2"]).or(Literal::Text("Standard"))],
    )
    .or(Literal::EmptyObject)],
    properties: &[
        integer("idleTimeoutInMinutes", 4, 120).or(Literal::Integer(4)),
        references("publicIpAddresses"),
        references("publicIpPrefixes"),
        any("subnets").read_only(),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Network/natGateways",
    schema: &SCHEMA,
    ..Kind::NETWORK
};

impl Provider for NatGateways {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        for address in tree::items(&write.model, "properties.publicIpAddresses") {
            let text = tree::text(address, "id").unwrap_or_default();
            let id = ResourceId::parse(text).map_err(|_| invalid_reference(&write.id, text))?;
            context.check_public_address_is_free(&id, &write.id)?;
        }
        let zones = tree::items(&write.model, "zones").count();
        if zones > 1 {
            return Err(ArmError::bad_request(
                "NatGatewayCannotHaveMultipleZones",
                format!("NAT gateway {} can be in one zone at most.", write.id),
            ));
        }
        Ok(())
    }

    fn in_use(&self, target: &ResourceId, by: &Reference) -> Option<ArmError> {
        Some(ArmError::bad_request(
            "InUseNatGatewayCannotBeDeleted",
            format!(
                "NAT gateway {target} is in use by {} and cannot be deleted. Remove it from the \
                 subnet first.",
                by.from
            ),
        ))
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        let users = context.store.referrers(&resource.id);
        back_references::fill_users(document, users, "subnets");
    }
}

/// Whether an id is a NAT gateway's.
pub(super) fn is_nat_gateway(id: &ResourceId) -> bool {
    id.resource_type()
        .is_some_and(|found| found.is(KIND.resource_type))
}
