//! From a request to a deployment.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId};
use turquoise_template::node::Node;
use turquoise_template::plan::Mode;
use turquoise_template::{Facts, Limits, Plan, Template, TemplateError, json as lenient};

use super::cloud_runtime::CloudRuntime;
use super::{Deployment, Fallback, HISTORY, Phase, Step, StepState};
use crate::control_plane::answer::Answer;
use crate::control_plane::durations::Duration;
use crate::control_plane::{ControlPlane, Turn, clock, locations};
use crate::time::Instant;

/// Between the acceptance of a deployment and its first write. With [`ENDING`] this makes the 5 to
/// 20 s that the engine takes beside its resources (azure-facts.md §8).
const BEGINNING: Duration = Duration::Uniform(1_000, 4_000);
/// Between the last write and the end.
pub(super) const ENDING: Duration = Duration::Uniform(4_000, 16_000);

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) plan: Plan,
    pub(super) mode: Mode,
    location: Option<String>,
    tags: Value,
    fallback: Option<Fallback>,
}

/// A new deployment's particulars.
pub(super) struct Begin {
    pub(super) id: ResourceId,
    pub(super) plan: Plan,
    pub(super) mode: Mode,
    pub(super) location: Option<String>,
    pub(super) tags: Value,
    pub(super) caller: String,
    pub(super) correlation: Option<String>,
    pub(super) fallback: Option<Fallback>,
}

/// A template's error as an answer.
pub(super) fn refusal(error: &TemplateError) -> ArmError {
    ArmError::bad_request(&error.code, error.message.clone())
}

impl ControlPlane {
    /// Reads and plans the body of PUT, validate and whatIf.
    pub(super) fn asked(
        &self,
        turn: Turn<'_>,
        scope: &str,
        id: &ResourceId,
    ) -> Result<Asked, ArmError> {
        let body = lenient::parse(turn.request.text()?).map_err(|e| refusal(&e.into()))?;
        let properties = body
            .get("properties")
            .ok_or_else(|| invalid("the deployment is expected to have 'properties'"))?;
        for (member, instead) in [
            (
                "templateLink",
                "Send the template itself: this emulator reaches no other host.",
            ),
            (
                "parametersLink",
                "Send the parameters themselves: this emulator reaches no other host.",
            ),
        ] {
            if properties.get(member).is_some() {
                return Err(ArmError::new(
                    StatusCode::NOT_IMPLEMENTED,
                    "NotEmulated",
                    format!("The member '{member}' of a deployment is not emulated. {instead}"),
                ));
            }
        }
        let mode = properties.get("mode").and_then(Node::text);
        let mode = Mode::read(mode)
            .ok_or_else(|| invalid("the 'mode' is expected to be 'Incremental' or 'Complete'"))?;
        let location = self.location_of(&body, id)?;
        if mode == Mode::Complete && location.is_some() {
            return Err(invalid(
                "a deployment to a subscription is expected to be 'Incremental'",
            ));
        }
        let fallback = self.fallback_of(scope, id, properties)?;
        let template = match properties.get("template") {
            Some(template) => Template::read(template).map_err(|e| refusal(&e))?,
            None => return Err(invalid("the deployment is expected to have a 'template'")),
        };
        let mut facts = self.facts(turn.now, scope, id, mode, &template)?;
        if let Some(location) = &location {
            facts.deployment["location"] = location.as_str().into();
        }
        let runtime = CloudRuntime {
            plane: self,
            before: true,
        };
        let parameters = properties.get("parameters");
        let plan = Plan::new(
            Arc::new(template),
            parameters,
            facts,
            Limits::default(),
            &runtime,
        );
        Ok(Asked {
            plan: plan.map_err(|e| refusal(&e))?,
            mode,
            location,
            tags: body.get("tags").map(Node::to_value).unwrap_or_default(),
            fallback,
        })
    }

    /// Deployments to a subscription say where they are kept.
    fn location_of(&self, body: &Node, id: &ResourceId) -> Result<Option<String>, ArmError> {
        if id.group_name().is_some() {
            return Ok(None);
        }
        let given = body.get("location").and_then(Node::text).ok_or_else(|| {
            ArmError::bad_request(
                "LocationRequired",
                format!(
                    "The 'location' property must be specified for '{}'.",
                    id.name()
                ),
            )
        })?;
        let location = locations::short_name(given, super::TYPE)?;
        match self
            .deployments
            .get(id)
            .and_then(|held| held.location.as_ref())
        {
            Some(held) if *held != location => Err(ArmError::conflict(
                "InvalidDeploymentLocation",
                format!(
                    "Invalid deployment location '{location}'. The deployment '{}' already exists \
                     in location '{held}'.",
                    id.name()
                ),
            )),
            _ => Ok(Some(location)),
        }
    }

    /// Where and when a deployment to `scope` takes place.
    pub(super) fn facts(
        &self,
        now: Instant,
        scope: &str,
        id: &ResourceId,
        mode: Mode,
        template: &Template,
    ) -> Result<Facts, ArmError> {
        let group = ResourceId::parse(scope)
            .ok()
            .filter(|id| id.group_name().is_some());
        let group = match group {
            None => None,
            Some(group) => {
                self.check_group_is_not_going(&group)?;
                let found = self.group_document_of(&group);
                Some(found.ok_or_else(|| super::super::read::group_not_found(group.name()))?)
            }
        };
        let mut subscription = self.subscription_document();
        subscription["tenantId"] = self.config.tenant.as_str().into();
        let seed = self
            .seed
            .child("deployments")
            .child(id.key())
            .at(now.as_millis());
        Ok(Facts {
            scope: scope.to_owned(),
            subscription,
            resource_group: group,
            deployment: json!({
                "name": id.name(),
                "properties": {
                    "template": template.to_value(),
                    "templateHash": template.hash(),
                    "mode": mode.word(),
                    "provisioningState": "Accepted",
                },
            }),
            environment: self.environment(),
            tenant: json!({
                "tenantId": self.config.tenant,
                "displayName": "Turquoise",
                "countryCode": "DE",
            }),
            now: self.clock.timestamp(now),
            seed: clock::guid(seed),
        })
    }

    /// What `environment()` says: the public cloud's names, which templates join to host names.
    fn environment(&self) -> Value {
        json!({
            "name": "AzureCloud",
            "gallery": "https://gallery.azure.com/",
            "graph": "https://graph.windows.net/",
            "portal": "https://portal.azure.com",
            "resourceManager": "https://management.azure.com/",
            "authentication": {
                "loginEndpoint": self.config.login,
                "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "suffixes": {
                "acrLoginServer": ".azurecr.io",
                "keyvaultDns": ".vault.azure.net",
                "sqlServerHostname": ".database.windows.net",
                "storage": "core.windows.net",
            },
        })
    }

    pub(super) fn put_deployment(
        &mut self,
        turn: Turn<'_>,
        scope: &str,
        id: &ResourceId,
    ) -> Result<Answer, ArmError> {
        let held = self.deployments.get(id);
        if held.is_some_and(Deployment::is_active) {
            return Err(ArmError::conflict(
                "DeploymentActiveAndUneditable",
                format!(
                    "Unable to edit or replace deployment '{}': previous deployment is still active. \
                     Please see https://aka.ms/arm-deploy for usage details.",
                    id.name()
                ),
            ));
        }
        let created = held.is_none();
        // What a lock keeps from being deleted keeps its history too, and that fills up.
        let key = scope.to_ascii_lowercase();
        let locked = self.locks.keys().any(|(held, _)| key.starts_with(held));
        if created && !locked {
            self.deployments.trim(scope);
        }
        if created && self.deployments.of_scope(scope).count() >= HISTORY {
            return Err(ArmError::conflict(
                "DeploymentQuotaExceeded",
                format!(
                    "Creating the deployment '{}' would exceed the quota of '{HISTORY}'. The current \
                     deployment count is '{HISTORY}'. Please delete some deployments before creating \
                     a new one, or see https://aka.ms/800LimitFix.",
                    id.name()
                ),
            ));
        }
        let asked = self.asked(turn, scope, id)?;
        self.preflight(id, &asked.plan)?;
        let begin = Begin {
            id: id.clone(),
            plan: asked.plan,
            mode: asked.mode,
            location: asked.location,
            tags: asked.tags,
            fallback: asked.fallback,
            caller: turn.request.caller().to_owned(),
            correlation: turn
                .request
                .header("x-ms-correlation-request-id")
                .map(str::to_owned),
        };
        self.begin_deployment(turn.now, begin);
        let deployment = self
            .deployments
            .get(id)
            .ok_or_else(|| super::history::not_found(id))?;
        let status = if created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let version = turn.request.parameter("api-version").unwrap_or_default();
        let path = format!(
            "{id}/operationStatuses/{}?api-version={version}",
            deployment.operation
        );
        Ok(Answer::json(status, &self.deployment_document(deployment))
            .applied()
            .with_operation(self.url(turn.request, &path))
            .with_retry_after(self.config.retry_after))
    }

    /// Takes a deployment in; it moves on in `run`.
    pub(super) fn begin_deployment(&mut self, now: Instant, begin: Begin) {
        let seed = self.seed.child("deployments").child(begin.id.key());
        let seed = seed.at(now.as_millis());
        let starts = self.ending(now, BEGINNING, seed.child("beginning"), 0);
        let number = |name: &str, index: u64| {
            let digits = seed.child(name).at(index).value() % 10_u64.pow(16);
            format!("0858{digits:016}")
        };
        let step = |index: usize| Step {
            state: StepState::Waiting,
            started: None,
            ended: None,
            operation: number("step", index as u64),
            status: String::new(),
            error: None,
        };
        self.deployments.put(Deployment {
            steps: (0..begin.plan.resources().len()).map(step).collect(),
            correlation: begin
                .correlation
                .unwrap_or_else(|| clock::guid(seed.child("correlation"))),
            operation: number("operation", 0),
            started: now,
            phase: Phase::Accepted(starts),
            outputs: Vec::new(),
            error: None,
            fallback: begin.fallback,
            id: begin.id,
            plan: Arc::new(begin.plan),
            mode: begin.mode,
            location: begin.location,
            tags: begin.tags,
            caller: begin.caller,
        });
    }
}

fn invalid(reason: &str) -> ArmError {
    ArmError::bad_request(
        "InvalidRequestContent",
        format!("The request content was invalid and could not be deserialized: '{reason}'."),
    )
}
