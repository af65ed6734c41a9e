//! Deployments that were: shown, listed, cancelled, exported, forgotten.

use http::StatusCode;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ErrorBody, ResourceId};

use super::{Deployment, End, Phase, StepState};
use crate::control_plane::answer::Answer;
use crate::control_plane::{ControlPlane, Turn};

/// 404 `DeploymentNotFound`.
pub(super) fn not_found(id: &ResourceId) -> ArmError {
    ArmError::not_found(
        "DeploymentNotFound",
        format!("Deployment '{}' could not be found.", id.name()),
    )
}

impl ControlPlane {
    fn deployment(&self, id: &ResourceId) -> Result<&Deployment, ArmError> {
        self.deployments.get(id).ok_or_else(|| not_found(id))
    }

    pub(super) fn show_deployment(&self, id: &ResourceId) -> Result<Answer, ArmError> {
        Ok(Answer::ok(&self.deployment_document(self.deployment(id)?)))
    }

    pub(super) fn head_deployment(&self, id: &ResourceId) -> Answer {
        Answer::empty(match self.deployments.get(id) {
            Some(_) => StatusCode::NO_CONTENT,
            None => StatusCode::NOT_FOUND,
        })
    }

    /// Newest first, as Azure lists them; `$filter=provisioningState eq 'Failed'` and `$top` count.
    pub(super) fn list_deployments(&self, turn: Turn<'_>, scope: &str) -> Answer {
        let wanted = turn.request.parameter("$filter").and_then(|filter| {
            let (name, value) = filter.split_once(" eq ")?;
            let state = name.trim().eq_ignore_ascii_case("provisioningState");
            state.then(|| value.trim().trim_matches('\'').to_owned())
        });
        let most = turn
            .request
            .parameter("$top")
            .and_then(|top| top.parse().ok());
        let mut found: Vec<&Deployment> = self
            .deployments
            .of_scope(scope)
            .filter(|held| {
                wanted
                    .as_ref()
                    .is_none_or(|w| held.phase.word().eq_ignore_ascii_case(w))
            })
            .collect();
        found.sort_by_key(|held| std::cmp::Reverse(held.started));
        let found = found.into_iter().take(most.unwrap_or(usize::MAX));
        let items: Vec<Value> = found.map(|held| self.deployment_document(held)).collect();
        Answer::ok(&json!({"value": items}))
    }

    pub(super) fn export_deployment(&self, id: &ResourceId) -> Result<Answer, ArmError> {
        let template = self.deployment(id)?.plan.template().to_value();
        Ok(Answer::ok(&json!({"template": template})))
    }

    pub(super) fn deployment_operations(&self, id: &ResourceId) -> Result<Answer, ArmError> {
        let items = self.operation_documents(self.deployment(id)?);
        Ok(Answer::ok(&json!({"value": items})))
    }

    pub(super) fn deployment_operation(
        &self,
        id: &ResourceId,
        operation: &str,
    ) -> Result<Answer, ArmError> {
        let items = self.operation_documents(self.deployment(id)?);
        let mut items = items.into_iter();
        let found = items.find(|item| item["operationId"].as_str() == Some(operation));
        found.map(|found| Answer::ok(&found)).ok_or_else(|| {
            ArmError::not_found(
                "DeploymentOperationNotFound",
                format!(
                    "The deployment operation '{operation}' of deployment '{}' could not be found.",
                    id.name()
                ),
            )
        })
    }

    pub(super) fn deployment_status(
        &self,
        turn: Turn<'_>,
        id: &ResourceId,
        operation: &str,
    ) -> Result<Answer, ArmError> {
        let deployment = self.deployment(id)?;
        if deployment.operation != operation {
            return Err(ArmError::not_found(
                "DeploymentOperationNotFound",
                format!("The operation status '{operation}' could not be found."),
            ));
        }
        tracing::trace!(now = %turn.now, id = id.as_str(), "asked how a deployment stands");
        let mut document = json!({"status": deployment.phase.word()});
        if let Some(error) = &deployment.error {
            document["error"] = json!(error);
        }
        let answer = Answer::ok(&document);
        Ok(if deployment.is_active() {
            answer.with_retry_after(self.config.retry_after)
        } else {
            answer
        })
    }

    /// What runs goes on to its end; what waits is not begun.
    pub(super) fn cancel_deployment(
        &mut self,
        turn: Turn<'_>,
        id: &ResourceId,
    ) -> Result<Answer, ArmError> {
        let held = self.deployment(id)?;
        if !held.is_active() {
            return Err(ArmError::conflict(
                "DeploymentCannotBeCancelled",
                format!(
                    "The deployment '{}' cannot be cancelled because its provisioning state is '{}'.",
                    id.name(),
                    held.phase.word()
                ),
            ));
        }
        let mut deployment = held.clone();
        for step in &mut deployment.steps {
            if step.state == StepState::Waiting {
                step.state = StepState::Skipped;
            }
        }
        let error = ErrorBody::new(
            "DeploymentCanceled",
            "The deployment was canceled by user action.",
        );
        self.end_deployment(turn.now, &mut deployment, End::Canceled, Some(error));
        self.deployments.put(deployment);
        Ok(Answer::empty(StatusCode::NO_CONTENT).applied())
    }

    /// Removes a deployment from the history; its resources stay.
    pub(super) fn delete_deployment(
        &mut self,
        turn: Turn<'_>,
        id: &ResourceId,
    ) -> Result<Answer, ArmError> {
        match self.deployments.get(id).map(|held| held.phase) {
            None => return Ok(Answer::empty(StatusCode::NO_CONTENT)),
            Some(Phase::Ended(..)) => {}
            Some(_) => {
                return Err(ArmError::conflict(
                    "DeploymentActive",
                    format!(
                        "Unable to delete the deployment '{}' because it is still active. Cancel it \
                         first.",
                        id.name()
                    ),
                ));
            }
        }
        let operation = self.operations.group_deletion(id, turn.now);
        let path = operation.result_path();
        let ends_at = turn.now + std::time::Duration::from_millis(1);
        self.operations.begin(operation, Some(ends_at));
        self.deployments.remove(id);
        Ok(Answer::empty(StatusCode::ACCEPTED)
            .with_location(self.url(turn.request, &path))
            .with_retry_after(self.config.retry_after)
            .applied())
    }
}
