//! Makes one resource as wanted, whatever happens on the way.
//!
//! A refused or lost PUT is answered by reading again: either the resource is as wanted by now, or
//! a new body is made from what it is (F59).

use std::time::Duration;

use http::Method;
use serde_json::Value;
use turquoise_arm::ResourceId;
use turquoise_arm::lro::OperationStatus;

use super::difference::{contains, merge};
use super::{Change, DeployError, Deployed};
use crate::arm_client::{ArmClient, ArmFailure};
use crate::environment::Environment;

/// As long as Terraform waits for a gateway (azure-facts.md §2.4).
pub(super) const CEILING: Duration = Duration::from_secs(90 * 60);
/// Between a refusal and the next look.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// What to do when the resource is there but different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfDifferent<'a> {
    /// Change it.
    Update,
    /// Refuse: this side serves.
    Refuse(&'a str),
}

/// Applies bodies to one subscription.
#[derive(Debug)]
pub(super) struct Applier<'a, E> {
    pub(super) arm: &'a ArmClient<'a, E>,
    pub(super) environment: &'a E,
}

impl<E: Environment> Applier<'_, E> {
    /// Makes `id` contain what `body` says, given what it is now.
    pub(super) async fn apply(
        &self,
        id: &ResourceId,
        policy: IfDifferent<'_>,
        body: impl Fn(Option<&Value>) -> Result<Value, DeployError>,
    ) -> Result<Deployed, DeployError> {
        let failed = |failure| DeployError::arm(id, failure);
        let deadline = self.environment.now() + CEILING;
        let mut change = Change::Unchanged;
        loop {
            let found = self.arm.find(id).await.map_err(failed)?;
            let wanted = body(found.as_ref())?;
            let trouble = match next_step(found.as_ref(), &wanted) {
                Step::Done => return Ok(deployed(id, change)),
                Step::Wait => ArmFailure::Ceiling {
                    what: format!("`{id}` to settle"),
                    waited_s: CEILING.as_secs(),
                },
                Step::Put(body) => {
                    refuse_if(policy, id, found.is_some())?;
                    change = change_made(change, found.is_none());
                    match self.put(id, &body).await {
                        Ok(()) => return Ok(deployed(id, change)),
                        Err(trouble) => trouble,
                    }
                }
            };
            if !can_pass(&trouble) || self.environment.now() >= deadline {
                return Err(failed(trouble));
            }
            let pause = trouble.retry_after().unwrap_or(PAUSE).max(PAUSE);
            let at = self.environment.now() + pause;
            self.environment.sleep_until(at).await;
        }
    }

    /// Sends a body once and follows it to its end.
    pub(super) async fn put(&self, id: &ResourceId, body: &Value) -> Result<(), ArmFailure> {
        let accepted = self.arm.write(Method::PUT, id, "", body, None).await?;
        if let Some(operation) = accepted.operation {
            self.arm.finish(&operation, CEILING).await?;
        }
        Ok(())
    }
}

/// What is to be done about a resource.
enum Step {
    Done,
    Wait,
    Put(Value),
}

fn next_step(found: Option<&Value>, wanted: &Value) -> Step {
    let Some(found) = found else {
        return Step::Put(wanted.clone());
    };
    if contains(found, wanted) && !has_failed(found) {
        return if is_running(found) {
            Step::Wait
        } else {
            Step::Done
        };
    }
    let mut body = found.clone();
    merge(&mut body, wanted);
    Step::Put(body)
}

fn refuse_if(policy: IfDifferent<'_>, id: &ResourceId, exists: bool) -> Result<(), DeployError> {
    match policy {
        IfDifferent::Refuse(side) if exists => Err(DeployError::SideServes {
            side: side.to_owned(),
            resource: id.clone(),
        }),
        IfDifferent::Refuse(_) | IfDifferent::Update => Ok(()),
    }
}

/// A lost reply to our own PUT shows as "there already" in the next look: it was us all the same.
fn change_made(before: Change, missing: bool) -> Change {
    match before {
        Change::Created => Change::Created,
        Change::Updated | Change::Unchanged if missing => Change::Created,
        Change::Updated | Change::Unchanged => Change::Updated,
    }
}

fn deployed(id: &ResourceId, change: Change) -> Deployed {
    let resource = id.clone();
    Deployed { resource, change }
}

/// Whether reading again and trying anew can help.
fn can_pass(trouble: &ArmFailure) -> bool {
    trouble.is_transient()
        || matches!(
            trouble,
            ArmFailure::Operation {
                state: "Canceled",
                ..
            }
        )
}

/// Whether a write of it has not ended.
pub(super) fn is_running(found: &Value) -> bool {
    let status = OperationStatus::read(found);
    status.is_some_and(|status| !status.is_terminal())
}

fn has_failed(found: &Value) -> bool {
    let status = OperationStatus::read(found);
    status.is_some_and(|s| matches!(s, OperationStatus::Failed(_) | OperationStatus::Canceled(_)))
}
