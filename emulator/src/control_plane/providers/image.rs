//! `Microsoft.Compute/images`: what scale sets boot (azure-facts.md §4.13).

use serde_json::Value;
use turquoise_arm::{ArmError, ResourceId, json as tree};

use crate::control_plane::durations::{Duration, Durations};
use crate::control_plane::name_rule::NameRule;
use crate::control_plane::provider::{Context, Kind, Provider, Write, missing_parameter};
use crate::control_plane::references::Reference;
use crate::control_plane::schema::{
    Literal, Schema, Shape, choice, flag, integer, list, object, open_choice, reference, text,
};

/// Managed images.
#[derive(Clone, Debug)]
pub(crate) struct Images;

static SCHEMA: Schema = Schema {
    envelope: &[],
    properties: &[
        reference("sourceVirtualMachine"),
        object(
            "storageProfile",
            &[
                object(
                    "osDisk",
                    &[
                        choice("osType", &["Linux", "Windows"]).required(),
                        choice("osState", &["Generalized", "Specialized"]).required(),
                        reference("managedDisk"),
                        reference("snapshot"),
                        text("blobUri"),
                        open_choice("caching", &["None", "ReadOnly", "ReadWrite"]),
                        open_choice(
                            "storageAccountType",
                            &["Standard_LRS", "Premium_LRS", "StandardSSD_LRS"],
                        ),
                        integer("diskSizeGB", 1, 4095),
                    ],
                ),
                list("dataDisks", &Shape::Any).or(Literal::EmptyList),
                flag("zoneResilient", false),
            ],
        ),
        choice("hyperVGeneration", &["V1", "V2"]).or(Literal::Text("V1")),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Compute/images",
    schema: &SCHEMA,
    name_rule: NameRule::Network { least: 1, most: 80 },
    durations: Durations {
        create: Duration::Uniform(10_000, 30_000),
        update: Duration::Uniform(2_000, 5_000),
        delete: Duration::Uniform(5_000, 15_000),
    },
    ..Kind::COMPUTE
};

impl Provider for Images {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, _context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        let machine = tree::at(&write.model, "properties.sourceVirtualMachine");
        let disk = tree::at(&write.model, "properties.storageProfile.osDisk");
        match (machine, disk) {
            (None, None) => Err(missing_parameter("storageProfile")),
            (None, Some(disk)) => check_source(disk),
            (Some(_), _) => Ok(()),
        }
    }

    /// An image in use may go: existing machines run on, new ones fail.
    fn in_use(&self, _target: &ResourceId, _by: &Reference) -> Option<ArmError> {
        None
    }

    /// Machines, disks and snapshots that images are made of are not emulated.
    fn trusts(&self, _reference: &Reference) -> bool {
        true
    }
}

/// A disk comes from exactly one place.
fn check_source(disk: &Value) -> Result<(), ArmError> {
    let sources = ["managedDisk", "snapshot", "blobUri"];
    let given = sources.iter().filter(|source| disk.get(**source).is_some());
    if given.count() == 1 {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "InvalidParameter",
        "Exactly one of managedDisk, snapshot and blobUri must be given.",
    )
    .with_target("storageProfile.osDisk"))
}
