//! `POST …/resourceGroups/{group}/exportTemplate`: what a group holds, as a template
//! (azure-facts.md §4.1; specification `ResourceGroups_ExportTemplate`).
//!
//! A request becomes [`Options`] and the resources they name; `generalised` writes each as a template
//! has it. The template is of the moment of the request; the answer's `Location` has it a little
//! later, as on Azure.

mod generalised;
mod parameters;

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as tree};

use self::generalised::Generaliser;
use super::answer::Answer;
use super::lro::Number;
use super::provider::Outcome;
use super::read::not_found;
use super::store::{Resource, State};
use super::{ControlPlane, Turn, method_not_allowed};
use crate::time::Instant;

/// The verb of its operations.
pub(super) const EXPORT: &str = "exportTemplate";

/// What an export takes. Azure's own time is not published; a round number.
const TAKES: Duration = Duration::from_secs(1);

/// What `options` asks for.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    defaults: bool,
    comments: bool,
    plain_names: bool,
    plain: bool,
}

impl Options {
    /// Reads the comma-separated list.
    ///
    /// # Errors
    /// A word that is none of Azure's.
    fn read(text: &str) -> Result<Self, ArmError> {
        let mut options = Self::default();
        let words = text.split(',').map(str::trim).filter(|w| !w.is_empty());
        for word in words {
            match word.to_ascii_lowercase().as_str() {
                "none" => {}
                "includeparameterdefaultvalue" => options.defaults = true,
                "includecomments" => options.comments = true,
                "skipresourcenameparameterization" => options.plain_names = true,
                "skipallparameterization" => options.plain = true,
                _ => {
                    return Err(invalid(format!(
                        "The export option '{word}' is not one of 'None', \
                         'IncludeParameterDefaultValue', 'IncludeComments', \
                         'SkipResourceNameParameterization' and 'SkipAllParameterization'."
                    )));
                }
            }
        }
        Ok(options)
    }
}

impl ControlPlane {
    /// Begins an export of a group that exists.
    pub(super) fn export_group(
        &mut self,
        turn: Turn<'_>,
        group: &ResourceId,
    ) -> Result<Answer, ArmError> {
        if *turn.request.method != Method::POST {
            return Err(method_not_allowed(turn.request));
        }
        let body = turn.request.object()?;
        let options = Options::read(tree::text(&body, "options").unwrap_or_default())?;
        check_format(tree::text(&body, "outputFormat").unwrap_or("Json"))?;
        let chosen = self.chosen(group, &body)?;
        let template = self.template_of(&chosen, options);

        let mut operation = self.operations.group_deletion(group, turn.now);
        EXPORT.clone_into(&mut operation.verb);
        operation.payload = json!({"template": template});
        let path = operation.result_path();
        let takes = TAKES.mul_f64(self.config.duration_scale.max(0.0));
        let ends_at = (turn.now + takes).ceil_millis();
        self.operations.begin(operation, Some(ends_at));
        Ok(Answer::empty(StatusCode::ACCEPTED)
            .with_location(self.url(turn.request, &path))
            .with_retry_after(self.config.retry_after))
    }

    /// The end of an export: its template is what `Location` answers.
    pub(super) fn finish_export(&mut self, now: Instant, number: Number, outcome: Outcome) {
        let template = self.operations.get(number).payload.clone();
        self.operations.end(number, now, outcome, Some(template));
    }

    /// The resources that the body names, `*` being all.
    fn chosen(&self, group: &ResourceId, body: &Value) -> Result<Vec<Resource>, ArmError> {
        let held: Vec<&Resource> = self.store.resources().filter(|r| self.is_own(r)).collect();
        let wanted: Vec<&str> = tree::items(body, "resources")
            .filter_map(Value::as_str)
            .collect();
        let mut ids = Vec::new();
        for text in &wanted {
            if *text == "*" {
                ids.push(group.clone());
                continue;
            }
            let id = ResourceId::parse(text).map_err(|error| invalid(error.to_string()))?;
            if !id.is_within(group) {
                return Err(invalid(format!(
                    "The resource '{id}' is not in the resource group '{}'.",
                    group.name()
                )));
            }
            if !held.iter().any(|resource| resource.id == id) {
                return Err(not_found(&id));
            }
            ids.push(id);
        }
        if ids.is_empty() {
            return Err(invalid(
                "The request names no resources: give their ids, or '*' for all.".to_owned(),
            ));
        }
        let chosen = held
            .into_iter()
            .filter(|resource| ids.iter().any(|id| resource.id.is_within(id)));
        Ok(chosen.cloned().collect())
    }

    /// Whether a resource was written by somebody, and not made by another, such as the machines of
    /// a scale set.
    fn is_own(&self, resource: &Resource) -> bool {
        let own = self.providers[resource.provider].kind().resource_type;
        let found = resource.id.resource_type();
        resource.state != State::Deleting && found.is_some_and(|found| found.is(own))
    }

    fn template_of(&self, chosen: &[Resource], options: Options) -> Value {
        let ids = chosen.iter().map(|resource| resource.id.clone()).collect();
        let mut generaliser = Generaliser::new(ids, options);
        let mut resources = Vec::new();
        for resource in chosen {
            let kind = self.providers[resource.provider].kind();
            resources.extend(generaliser.resource(kind, resource));
        }
        json!({
            "$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "parameters": generaliser.parameters(),
            "variables": {},
            "resources": resources,
        })
    }
}

/// Bicep is compiled by a tool of its own that is not part of this cloud.
fn check_format(format: &str) -> Result<(), ArmError> {
    if format.eq_ignore_ascii_case("Json") {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "NotEmulated",
        format!(
            "The output format '{format}' is not emulated; ask for 'Json' and decompile the template \
             with `az bicep decompile`."
        ),
    ))
}

fn invalid(message: String) -> ArmError {
    ArmError::bad_request("InvalidRequestContent", message)
}
