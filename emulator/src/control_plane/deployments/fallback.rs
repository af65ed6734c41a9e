//! `onErrorDeployment`: an earlier deployment is carried out again when this one fails
//! (documentation "rollback on error to successful deployment").
//!
//! It runs with its own parameters and in complete mode, under its own name, which is in the answer.

use std::sync::Arc;

use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId};
use turquoise_template::Plan;
use turquoise_template::node::Node;
use turquoise_template::plan::Mode;

use super::accept::Begin;
use super::{Deployment, End, Phase};
use crate::control_plane::ControlPlane;
use crate::time::Instant;

/// What is deployed again when a deployment fails.
#[derive(Clone, Debug)]
pub(super) struct Fallback {
    /// `LastSuccessful` or `SpecificDeployment`.
    kind: &'static str,
    /// The earlier deployment.
    id: ResourceId,
    /// Its plan, whatever becomes of it meanwhile.
    plan: Arc<Plan>,
    /// Whether it has begun.
    begun: bool,
}

impl ControlPlane {
    /// Reads `onErrorDeployment` and finds the deployment it means.
    ///
    /// # Errors
    /// When there is none, or when it did not end well.
    pub(super) fn fallback_of(
        &self,
        scope: &str,
        id: &ResourceId,
        properties: &Node,
    ) -> Result<Option<Fallback>, ArmError> {
        let Some(asked) = properties.get("onErrorDeployment") else {
            return Ok(None);
        };
        let text = |name: &str| asked.get(name).and_then(Node::text);
        let named = text("deploymentName");
        let kind = text("type").unwrap_or_default();
        let succeeded = |held: &&Deployment| {
            held.id != *id && matches!(held.phase, Phase::Ended(_, End::Succeeded))
        };
        let mut all = self.deployments.of_scope(scope).filter(succeeded);
        let (kind, found) = if kind.eq_ignore_ascii_case("LastSuccessful") {
            ("LastSuccessful", all.max_by_key(|held| held.started))
        } else if kind.eq_ignore_ascii_case("SpecificDeployment") {
            let wanted = named.ok_or_else(|| refuse("a 'deploymentName' is expected"))?;
            let found = all.find(|held| held.id.name().eq_ignore_ascii_case(wanted));
            ("SpecificDeployment", found)
        } else {
            return Err(refuse(
                "the 'type' is expected to be 'LastSuccessful' or 'SpecificDeployment'",
            ));
        };
        let found = found.ok_or_else(|| {
            refuse("there is no other deployment here that it means and that succeeded")
        })?;
        Ok(Some(Fallback {
            kind,
            id: found.id.clone(),
            plan: found.plan.clone(),
            begun: false,
        }))
    }

    /// A deployment has failed: begins what it falls back to.
    pub(super) fn fall_back(&mut self, now: Instant, deployment: &mut Deployment) {
        let Some(fallback) = &mut deployment.fallback else {
            return;
        };
        let held = self.deployments.get(&fallback.id);
        if held.is_some_and(Deployment::is_active) {
            return;
        }
        fallback.begun = true;
        let begin = Begin {
            id: fallback.id.clone(),
            plan: (*fallback.plan).clone(),
            mode: Mode::Complete,
            location: held.and_then(|held| held.location.clone()),
            tags: held.map_or(Value::Null, |held| held.tags.clone()),
            caller: deployment.caller.clone(),
            correlation: Some(deployment.correlation.clone()),
            fallback: None,
        };
        self.begin_deployment(now, begin);
    }

    /// How the fallback stands, as the failed deployment shows it.
    pub(super) fn fallback_document(&self, fallback: &Fallback) -> Value {
        let held = self
            .deployments
            .get(&fallback.id)
            .filter(|_| fallback.begun);
        json!({
            "type": fallback.kind,
            "deploymentName": fallback.id.name(),
            "provisioningState": held.map_or("NotSpecified", |held| held.phase.word()),
        })
    }
}

fn refuse(reason: &str) -> ArmError {
    ArmError::bad_request(
        "InvalidOnErrorDeployment",
        format!("The 'onErrorDeployment' of the deployment is not valid: {reason}."),
    )
}
