//! `Microsoft.Compute/availabilitySets` (specification `compute.json`).
//!
//! Kept, checked and answered; nothing is spread over racks here.

use http::StatusCode;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId};

use super::virtual_machine::is_machine;
use crate::control_plane::durations::Durations;
use crate::control_plane::provider::{Context, Kind, Protocol, Provider};
use crate::control_plane::references::Reference;
use crate::control_plane::schema::{
    Literal, Schema, any, choice, integer, object, reference, text,
};
use crate::control_plane::store::Resource;

/// Availability sets.
#[derive(Clone, Debug)]
pub(crate) struct AvailabilitySets;

static SCHEMA: Schema = Schema {
    envelope: &[object(
        "sku",
        &[
            choice("name", &["Classic", "Aligned"]).or(Literal::Text("Classic")),
            text("tier"),
        ],
    )
    .or(Literal::EmptyObject)],
    properties: &[
        integer("platformUpdateDomainCount", 1, 20).or(Literal::Integer(5)),
        integer("platformFaultDomainCount", 1, 3).or(Literal::Integer(3)),
        reference("proximityPlacementGroup"),
        any("virtualMachines").read_only(),
        any("statuses").read_only(),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Compute/availabilitySets",
    schema: &SCHEMA,
    protocol: Protocol::Synchronous,
    created: StatusCode::OK,
    durations: Durations::INSTANT,
    ..Kind::COMPUTE
};

impl Provider for AvailabilitySets {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn in_use(&self, target: &ResourceId, _by: &Reference) -> Option<ArmError> {
        Some(ArmError::conflict(
            "OperationNotAllowed",
            format!(
                "Availability Set '{}' cannot be deleted. Before deleting an Availability Set please \
                 ensure that it does not contain any VM.",
                target.name()
            ),
        ))
    }

    /// Proximity placement groups are not emulated.
    fn trusts(&self, _reference: &Reference) -> bool {
        true
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        let members = context.store.referrers(&resource.id).iter();
        let members = members.filter(|by| is_machine(&by.owner));
        let members: Vec<Value> = members.map(|by| json!({"id": by.owner.as_str()})).collect();
        document["properties"]["virtualMachines"] = members.into();
    }
}
