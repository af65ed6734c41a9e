//! From a request's body to a whole model.

use serde_json::Value;
use turquoise_arm::{ArmError, ErrorBody, ResourceId, json as tree};

use super::provider::{Kind, Located, Protocol};
use super::schema::{Mode, Problem, carry, merge, normalise};
use super::{ControlPlane, locations};

impl ControlPlane {
    /// Reads a body into a whole model.
    ///
    /// # Errors
    /// What the schema refuses, and the location.
    pub(super) fn read_body(
        &self,
        kind: &Kind,
        id: &ResourceId,
        body: &Value,
        mode: Mode,
        previous: Option<&Value>,
    ) -> Result<Value, ArmError> {
        let refuse = |problem| problem_error(kind, problem);
        let part = normalise(kind.schema, body, mode).map_err(refuse)?;
        let mut model = match (mode, previous) {
            (Mode::Part | Mode::Patch, Some(previous)) => {
                let mut merged = previous.clone();
                merge(&mut merged, part);
                normalise(kind.schema, &merged, Mode::Full).map_err(refuse)?
            }
            _ => part,
        };
        if let Some(previous) = previous {
            carry(kind.schema, previous, &mut model);
        }
        self.settle_location(kind, id, &mut model, previous)?;
        Ok(model)
    }

    /// The location in its short form; it may not change.
    fn settle_location(
        &self,
        kind: &Kind,
        id: &ResourceId,
        model: &mut Value,
        previous: Option<&Value>,
    ) -> Result<(), ArmError> {
        if kind.located == Located::Nowhere {
            if let Some(model) = model.as_object_mut() {
                model.shift_remove("location");
            }
            return Ok(());
        }
        let held = previous.and_then(|previous| tree::text(previous, "location"));
        let given = tree::text(model, "location").filter(|given| !given.is_empty());
        let location = match (given, held) {
            (Some(given), _) => locations::of_type(given, kind)?,
            (None, Some(held)) => held.to_owned(),
            (None, None) => {
                return Err(ArmError::bad_request(
                    "LocationRequired",
                    "The location property is required for this definition.",
                ));
            }
        };
        if let Some(held) = held.filter(|held| *held != location) {
            return Err(ArmError::conflict(
                "InvalidResourceLocation",
                format!(
                    "The resource '{}' already exists in location '{held}' in resource group \
                     '{}'. A resource with the same name cannot be created in location \
                     '{location}'. Please select a new resource name.",
                    id.name(),
                    id.group_name().unwrap_or_default()
                ),
            ));
        }
        model["location"] = location.into();
        Ok(())
    }
}

/// The refusal of a body that does not fit its schema, in the words of its resource provider.
pub(super) fn problem_error(kind: &Kind, problem: Problem) -> ArmError {
    let Problem { path, reason } = problem;
    let message = format!("{path}: {reason}");
    match kind.protocol {
        Protocol::Compute => ArmError::bad_request("InvalidParameter", message).with_target(path),
        Protocol::Synchronous => ArmError::bad_request("BadRequest", message).with_target(path),
        Protocol::Network => {
            let code = if reason.contains("reference id") {
                "MissingJsonReferenceId"
            } else {
                "InvalidJson"
            };
            ArmError::bad_request("InvalidRequestFormat", "Cannot parse the request.")
                .with_target(path)
                .with_detail(ErrorBody::new(code, message))
        }
    }
}
