//! `Microsoft.Compute/disks`: managed disks that machines attach (documentation "disks").
//!
//! Kept, checked and answered; they hold nothing. Disks that a machine makes for itself are part of
//! the machine and no resources.

use serde_json::Value;
use turquoise_arm::{ArmError, ResourceId, json as tree};

use super::virtual_machine::is_machine;
use crate::control_plane::durations::{Duration, Durations};
use crate::control_plane::provider::{Context, Kind, Provider, Write, missing_parameter};
use crate::control_plane::references::Reference;
use crate::control_plane::schema::{Literal, Schema, any, integer, object, open_choice, text};
use crate::control_plane::store::Resource;

/// Managed disks.
#[derive(Clone, Debug)]
pub(crate) struct Disks;

static SCHEMA: Schema = Schema {
    envelope: &[
        object(
            "sku",
            &[open_choice(
                "name",
                &[
                    "Standard_LRS",
                    "StandardSSD_LRS",
                    "StandardSSD_ZRS",
                    "Premium_LRS",
                    "Premium_ZRS",
                    "PremiumV2_LRS",
                    "UltraSSD_LRS",
                ],
            )
            .or(Literal::Text("Standard_LRS"))],
        )
        .or(Literal::EmptyObject),
        text("managedBy").read_only(),
    ],
    properties: &[
        open_choice("osType", &["Linux", "Windows"]),
        open_choice("hyperVGeneration", &["V1", "V2"]),
        object(
            "creationData",
            &[
                open_choice(
                    "createOption",
                    &[
                        "Empty",
                        "Attach",
                        "FromImage",
                        "Import",
                        "Copy",
                        "Restore",
                        "Upload",
                    ],
                )
                .required(),
                text("sourceResourceId"),
                text("sourceUri"),
                any("imageReference"),
            ],
        )
        .required(),
        integer("diskSizeGB", 1, 65_536),
        text("diskState").read_only(),
        text("timeCreated").read_only(),
        text("uniqueId").read_only(),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Compute/disks",
    api_versions: &["2024-03-02", "2023-10-02", "2023-04-02", "2022-07-02"],
    schema: &SCHEMA,
    durations: Durations {
        create: Duration::Uniform(1_000, 4_000),
        update: Duration::Uniform(1_000, 4_000),
        delete: Duration::Uniform(1_000, 4_000),
    },
    ..Kind::COMPUTE
};

impl Provider for Disks {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, _context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        let size = |model: &Value| tree::integer(model, "properties.diskSizeGB");
        let option = tree::text(&write.model, "properties.creationData.createOption");
        let given = size(&write.model);
        if option == Some("Empty") && given.is_none() {
            return Err(missing_parameter("disk.diskSizeGB"));
        }
        let held = write.previous.as_deref().and_then(size);
        if held.is_some_and(|held| given.is_some_and(|given| given < held)) {
            return Err(ArmError::bad_request(
                "OperationNotAllowed",
                format!("Disk {} cannot be made smaller.", write.id.name()),
            ));
        }
        Ok(())
    }

    /// What a disk is made from and the access it is in are not emulated.
    fn trusts(&self, _reference: &Reference) -> bool {
        true
    }

    /// Only a machine holds a disk; an image made from one does not.
    fn in_use(&self, target: &ResourceId, by: &Reference) -> Option<ArmError> {
        is_machine(&by.owner).then(|| {
            ArmError::conflict(
                "OperationNotAllowed",
                format!(
                    "Disk {} is attached to VM {}.",
                    target.name(),
                    by.owner.as_str()
                ),
            )
        })
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        let mut users = context.store.referrers(&resource.id).iter();
        let machine = users.find(|by| is_machine(&by.owner));
        document["properties"]["diskState"] = match machine {
            Some(_) => "Attached".into(),
            None => "Unattached".into(),
        };
        if let Some(by) = machine {
            document["managedBy"] = by.owner.as_str().into();
        }
        document["properties"]["uniqueId"] = resource.guid.as_str().into();
        document["properties"]["timeCreated"] = context.clock.iso(resource.created).into();
    }
}
