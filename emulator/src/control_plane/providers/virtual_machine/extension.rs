//! `Microsoft.Compute/virtualMachines/extensions` (specification `compute.json`).
//!
//! Kept, checked and answered; no command of one is run.

use turquoise_arm::{ArmError, json as tree};

use super::unchangeable;
use crate::control_plane::durations::{Duration, Durations};
use crate::control_plane::provider::{Context, Kind, Provider, PutMode, Write, missing_parameter};
use crate::control_plane::schema::{Schema, Shape, any, flag, member, text, texts};

/// Extensions of single machines.
#[derive(Clone, Debug)]
pub(crate) struct Extensions;

static SCHEMA: Schema = Schema {
    envelope: &[],
    properties: &[
        text("publisher"),
        text("type"),
        text("typeHandlerVersion"),
        flag("autoUpgradeMinorVersion", false),
        member("enableAutomaticUpgrade", Shape::Boolean),
        text("forceUpdateTag"),
        any("settings"),
        any("protectedSettings").secret(),
        member("suppressFailures", Shape::Boolean),
        texts("provisionAfterExtensions"),
        any("instanceView").read_only(),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Compute/virtualMachines/extensions",
    schema: &SCHEMA,
    put: PutMode::Merge,
    durations: Durations {
        create: Duration::Uniform(20_000, 120_000),
        update: Duration::Uniform(20_000, 120_000),
        delete: Duration::Uniform(10_000, 40_000),
    },
    ..Kind::COMPUTE
};

impl Provider for Extensions {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, _context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        for member in ["publisher", "type", "typeHandlerVersion"] {
            if tree::text(&write.model, &format!("properties.{member}")).is_none() {
                return Err(missing_parameter(member));
            }
        }
        let kind = |model| tree::text(model, "properties.type").map(str::to_lowercase);
        if let Some(previous) = &write.previous
            && kind(previous) != kind(&write.model)
        {
            return Err(unchangeable("type"));
        }
        Ok(())
    }
}
