//! A deployment moving on.
//!
//! ```text
//! Accepted --(its delay)--> Writing --> [Cleaning] --> Ending --(its delay)--> Succeeded
//!     |                        |            |             |
//!     +---- cancel: Canceled --+            +-> Failed    +-> Failed (an output has no value)
//!                              +-> Failed (a resource failed, and nothing runs any more)
//! ```

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use turquoise_arm::{ArmError, ErrorBody, ResourceId};
use turquoise_template::plan::Mode;

use super::accept::{Begin, ENDING, refusal};
use super::cloud_runtime::CloudRuntime;
use super::{Deployment, End, Phase, StepState};
use crate::control_plane::provider::Outcome;
use crate::control_plane::request::Request;
use crate::control_plane::route::{Route, route};
use crate::control_plane::{ControlPlane, Turn};
use crate::event::{Event, Timed};
use crate::reported::Reported;
use crate::time::Instant;

impl ControlPlane {
    /// Moves every deployment on, until none moves.
    pub(in crate::control_plane) fn push_deployments(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
    ) {
        loop {
            let mut moved = false;
            let active: Vec<ResourceId> = self.deployments.active.iter().cloned().collect();
            for id in active {
                // Taken out while it moves: nothing it writes looks at it.
                let Some(mut deployment) = self.deployments.remove(&id) else {
                    continue;
                };
                moved |= self.push_deployment(now, reported, &mut deployment);
                self.deployments.put(deployment);
            }
            if !moved {
                return;
            }
        }
    }

    fn push_deployment(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        deployment: &mut Deployment,
    ) -> bool {
        match deployment.phase {
            Phase::Accepted(at) if at <= now => {
                deployment.phase = Phase::Writing;
                self.push_steps(now, reported, deployment);
                true
            }
            Phase::Writing => self.push_steps(now, reported, deployment),
            Phase::Cleaning => self.push_cleaning(now, reported, deployment),
            Phase::Ending(at) if at <= now => {
                self.evaluate_outputs(now, deployment);
                true
            }
            Phase::Accepted(_) | Phase::Ending(_) | Phase::Ended(..) => false,
        }
    }

    fn push_steps(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        deployment: &mut Deployment,
    ) -> bool {
        let mut moved = false;
        for index in 0..deployment.steps.len() {
            moved |= match deployment.steps[index].state.clone() {
                StepState::Waiting => self.push_waiting(now, reported, deployment, index),
                StepState::Writing(number) => {
                    let ended = self.operations.get(number).ended.clone();
                    ended.is_some_and(|(_, outcome)| {
                        settle(now, deployment, index, outcome);
                        true
                    })
                }
                StepState::Nested(id) => self.push_nested(now, deployment, index, &id),
                StepState::Done | StepState::Skipped | StepState::Failed => false,
            };
        }
        let runs =
            |state: &StepState| matches!(state, StepState::Writing(_) | StepState::Nested(_));
        let mut states = deployment.steps.iter().map(|step| &step.state);
        if !moved && !states.any(runs) && !self.is_blocked(deployment) {
            self.end_writing(now, deployment);
            return true;
        }
        moved
    }

    /// Whether a resource only waits because another operation still runs on it.
    fn is_blocked(&self, deployment: &Deployment) -> bool {
        (0..deployment.steps.len()).any(|index| {
            deployment.steps[index].state == StepState::Waiting && is_ready(deployment, index)
        })
    }

    fn push_waiting(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        deployment: &mut Deployment,
        index: usize,
    ) -> bool {
        let plan = deployment.plan.clone();
        let resource = &plan.resources()[index];
        if !resource.is_deployed() {
            deployment.steps[index].state = StepState::Skipped;
            return true;
        }
        if !is_ready(deployment, index) {
            return false;
        }
        let Ok(id) = ResourceId::parse(&resource.id) else {
            let error = ErrorBody::new("InvalidResourceId", format!("`{}` is no id", resource.id));
            fail(now, deployment, index, StatusCode::BAD_REQUEST, error);
            return true;
        };
        // Azure's engine meets `AnotherOperationInProgress` and tries again: one write at a time.
        let holder = self
            .store
            .holder(&id)
            .map_or_else(|| id.clone(), |held| held.id.clone());
        if self.operations.write(&holder).is_some() || self.running_delete(&holder).is_some() {
            return false;
        }
        deployment.steps[index].started = Some(now);
        if resource.is_deployment() {
            self.begin_nested(now, deployment, index, id);
        } else {
            self.write_step(now, reported, deployment, index, &id);
        }
        true
    }

    fn write_step(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        deployment: &mut Deployment,
        index: usize,
        id: &ResourceId,
    ) {
        let plan = deployment.plan.clone();
        let runtime = CloudRuntime {
            plane: self,
            before: false,
        };
        let body = plan.body(index, &runtime).map_err(|error| refusal(&error));
        let version = &plan.resources()[index].api_version;
        let answered = body
            .and_then(|body| self.put_for(now, reported, &deployment.caller, id, version, &body));
        let status = match answered {
            Ok(status) => status,
            Err(error) => return fail(now, deployment, index, error.status, error.body),
        };
        let holder = self
            .store
            .holder(id)
            .map_or_else(|| id.clone(), |held| held.id.clone());
        let step = &mut deployment.steps[index];
        step.status = reason(status);
        match self.operations.write(&holder) {
            Some(number) => step.state = StepState::Writing(number),
            None => {
                step.state = StepState::Done;
                step.ended = Some(now);
            }
        }
    }

    /// A PUT as if it came from outside, by whoever sent the template.
    fn put_for(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        caller: &str,
        id: &ResourceId,
        api_version: &str,
        body: &Value,
    ) -> Result<StatusCode, ArmError> {
        let path: String = id
            .as_str()
            .split('/')
            .map(escape)
            .collect::<Vec<_>>()
            .join("/");
        let request = http::Request::put(format!("{path}?api-version={api_version}"))
            .header("user-agent", caller)
            .body(Bytes::from(body.to_string()));
        let request = request.map_err(|error| {
            ArmError::bad_request("InvalidRequestUri", format!("`{id}` makes no URL: {error}"))
        })?;
        let request = Request::read(&request);
        let turn = Turn {
            now,
            reported,
            request: &request,
        };
        let Route::In(_, below) = route(&request.segments) else {
            return Err(crate::control_plane::not_a_route(&request));
        };
        request.api_version()?;
        let answer = self.dispatch_below(turn, below)?;
        Ok(answer.status)
    }

    fn begin_nested(
        &mut self,
        now: Instant,
        deployment: &mut Deployment,
        index: usize,
        id: ResourceId,
    ) {
        let plan = deployment.plan.clone();
        let planned = plan
            .nested(index)
            .map_err(|error| refusal(&error))
            .and_then(|nested| {
                let scope = scope_of(&id);
                let facts = self.facts(now, &scope, &id, nested.mode(), nested.template())?;
                let runtime = CloudRuntime {
                    plane: self,
                    before: false,
                };
                let inner = plan.plan_nested(index, &nested, facts, &runtime);
                let inner = inner.map_err(|error| refusal(&error))?;
                if self.deployments.get(&id).is_some_and(Deployment::is_active)
                    || id == deployment.id
                {
                    return Err(ArmError::conflict(
                        "DeploymentActiveAndUneditable",
                        format!("The deployment '{}' is still active.", id.name()),
                    ));
                }
                Ok((nested.mode(), inner))
            });
        match planned {
            Err(error) => fail(now, deployment, index, error.status, error.body),
            Ok((mode, plan)) => {
                deployment.steps[index].state = StepState::Nested(id.clone());
                deployment.steps[index].status = "Created".to_owned();
                let begin = Begin {
                    id,
                    plan,
                    mode,
                    location: None,
                    tags: Value::Null,
                    caller: deployment.caller.clone(),
                    correlation: Some(deployment.correlation.clone()),
                    fallback: None,
                };
                self.begin_deployment(now, begin);
            }
        }
    }

    fn push_nested(
        &mut self,
        now: Instant,
        deployment: &mut Deployment,
        index: usize,
        id: &ResourceId,
    ) -> bool {
        let outcome = match self.deployments.get(id) {
            Some(inner) => match inner.phase {
                Phase::Ended(_, End::Succeeded) => Outcome::Succeeded,
                Phase::Ended(..) => Outcome::Failed(inner.error.clone().unwrap_or_default()),
                _ => return false,
            },
            None => Outcome::Failed(ErrorBody::new("DeploymentNotFound", "It was deleted.")),
        };
        settle(now, deployment, index, outcome);
        true
    }

    /// Nothing runs any more: on to the end, or to a failure that names all failures.
    fn end_writing(&mut self, now: Instant, deployment: &mut Deployment) {
        let failed: Vec<ErrorBody> = deployment
            .steps
            .iter()
            .filter(|step| step.state == StepState::Failed)
            .filter_map(|step| step.error.clone())
            .collect();
        if failed.is_empty() {
            if deployment.mode == Mode::Complete {
                deployment.phase = Phase::Cleaning;
            } else {
                self.begin_ending(now, deployment);
            }
            return;
        }
        let error = ErrorBody {
            code: "DeploymentFailed".to_owned(),
            target: Some(deployment.id.to_string()),
            message: "At least one resource deployment operation failed. Please list deployment \
                      operations for details. Please see https://aka.ms/arm-deployment-operations \
                      for usage details."
                .to_owned(),
            details: failed,
        };
        self.end_deployment(now, deployment, End::Failed, Some(error));
    }

    pub(super) fn begin_ending(&self, now: Instant, deployment: &mut Deployment) {
        let seed = self.seed.child("deployments").child(deployment.id.key());
        let seed = seed.at(now.as_millis()).child("ending");
        deployment.phase = Phase::Ending(self.ending(now, ENDING, seed, 0));
    }

    fn evaluate_outputs(&mut self, now: Instant, deployment: &mut Deployment) {
        let runtime = CloudRuntime {
            plane: self,
            before: false,
        };
        match deployment.plan.outputs(&runtime) {
            Ok(outputs) => {
                deployment.outputs = outputs;
                self.end_deployment(now, deployment, End::Succeeded, None);
            }
            Err(error) => {
                let error = ErrorBody::new(&error.code, error.message);
                self.end_deployment(now, deployment, End::Failed, Some(error));
            }
        }
    }

    pub(super) fn end_deployment(
        &mut self,
        now: Instant,
        deployment: &mut Deployment,
        end: End,
        error: Option<ErrorBody>,
    ) {
        deployment.phase = Phase::Ended(now, end);
        deployment.error = error;
        if end == End::Failed {
            self.fall_back(now, deployment);
        }
        self.events.push(Timed {
            at: now,
            event: Event::OperationEnded {
                resource: deployment.id.clone(),
                verb: "PUT".to_owned(),
                status: deployment.phase.word().to_owned(),
            },
        });
    }
}

/// Whether everything that a resource depends on is there.
fn is_ready(deployment: &Deployment, index: usize) -> bool {
    let before = &deployment.plan.resources()[index].depends_on;
    before.iter().all(|before| {
        matches!(
            deployment.steps[*before].state,
            StepState::Done | StepState::Skipped
        )
    })
}

fn settle(now: Instant, deployment: &mut Deployment, index: usize, outcome: Outcome) {
    let step = &mut deployment.steps[index];
    step.ended = Some(now);
    match outcome {
        Outcome::Succeeded => {
            step.state = StepState::Done;
            if step.status.is_empty() {
                step.status = "OK".to_owned();
            }
        }
        Outcome::Failed(error) | Outcome::Canceled(error) => {
            // The words of Azure's engine for a write that was accepted and failed.
            let state = if error.code == "Canceled" {
                "Canceled"
            } else {
                "Failed"
            };
            let wrapped = ErrorBody {
                code: "ResourceDeploymentFailure".to_owned(),
                message: format!(
                    "The resource write operation failed to complete successfully, because it \
                     reached terminal provisioning state '{state}'."
                ),
                target: Some(deployment.plan.resources()[index].id.clone()),
                details: vec![error],
            };
            step.state = StepState::Failed;
            step.status = "Conflict".to_owned();
            step.error = Some(wrapped);
        }
    }
}

fn fail(
    now: Instant,
    deployment: &mut Deployment,
    index: usize,
    status: StatusCode,
    error: ErrorBody,
) {
    let target = deployment.plan.resources()[index].id.clone();
    let step = &mut deployment.steps[index];
    step.started.get_or_insert(now);
    step.ended = Some(now);
    step.state = StepState::Failed;
    step.status = reason(status);
    step.error = Some(ErrorBody {
        target: error.target.or(Some(target)),
        ..error
    });
}

/// A status as deployment operations write it: `BadRequest`.
fn reason(status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or("Unknown");
    reason.split(' ').collect()
}

/// The scope of a deployment's id.
pub(super) fn scope_of(id: &ResourceId) -> String {
    let text = id.as_str();
    text.rfind("/providers/")
        .map_or(text, |at| &text[..at])
        .to_owned()
}

/// A path segment as it travels.
fn escape(segment: &str) -> String {
    let mut escaped = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~()".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
