//! DELETE of resources, also by the deletion of their group.

use http::{Method, StatusCode};
use serde_json::Value;
use turquoise_arm::{ArmError, ErrorBody, ResourceId};

use super::answer::Answer;
use super::lro::{Dialect, Number, Operation};
use super::provider::{DELETE, Outcome, Protocol};
use super::store::{Resource, State};
use super::{ControlPlane, Turn};
use crate::reported::Reported;
use crate::time::Instant;

impl ControlPlane {
    pub(super) fn delete(&mut self, turn: Turn<'_>, id: &ResourceId) -> Result<Answer, ArmError> {
        // Nothing to delete is success, whatever If-Match says (azure-facts.md §3.2).
        let Some(resource) = self.store.get(id).cloned() else {
            return Ok(Answer::empty(StatusCode::NO_CONTENT));
        };
        self.check_preconditions(turn, id)?;
        let kind = self.providers[resource.provider].kind();
        let running = self.running_delete(id);
        let (number, applied) = match running {
            Some(number) => (number, false),
            None => {
                let path = turn.request.path;
                (
                    self.begin_delete(turn.now, turn.reported, &resource, path)?,
                    true,
                )
            }
        };
        let answer = match kind.protocol {
            Protocol::Synchronous => Answer::empty(StatusCode::OK),
            Protocol::Network | Protocol::Compute => self.follow(turn, number),
        };
        Ok(if applied { answer.applied() } else { answer })
    }

    /// The DELETE that already runs on a resource.
    pub(super) fn running_delete(&self, id: &ResourceId) -> Option<Number> {
        let mut running = self.operations.running(id).into_iter();
        running.find(|number| self.operations.get(*number).deletes())
    }

    /// 202 with both URLs.
    pub(super) fn follow(&self, turn: Turn<'_>, number: Number) -> Answer {
        let operation = self.operations.get(number);
        Answer::empty(StatusCode::ACCEPTED)
            .with_operation(self.url(turn.request, &operation.document_path()))
            .with_location(self.url(turn.request, &operation.result_path()))
            .with_retry_after(self.config.retry_after)
    }

    /// Checks that a resource may go and lets it go.
    ///
    /// # Errors
    /// Its type's refusal, or that something points at it.
    pub(super) fn begin_delete(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        resource: &Resource,
        path: &str,
    ) -> Result<Number, ArmError> {
        let provider = resource.provider;
        let kind = self.providers[provider].kind();
        let context = self.context();
        self.providers[provider].refuse_delete(&context, resource)?;
        self.check_unused(provider, &resource.id)?;
        let method = Method::DELETE;
        let fault = self
            .faults
            .on_operation(now.as_millis(), method.as_str(), path);
        let seed = self.seed.child("deletes").child(resource.id.key());
        let seed = seed.at(resource.generation);
        let ends_at = self.ending(now, kind.durations.delete, seed, fault.extra_ms);
        self.cancel_all(now, reported, &resource.id);
        self.mark(&resource.id, State::Deleting);
        let (own, mut scope) = self.parts(now, reported, provider);
        let ends_at = own.begin_delete(&mut scope, resource, ends_at);
        let operation = Operation {
            id: self.operations.next_id(),
            resource: resource.id.clone(),
            provider: Some(provider),
            verb: DELETE.to_owned(),
            payload: Value::Null,
            updates: false,
            before: None,
            dialect: Dialect::of(kind),
            location: resource.model["location"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            started: now,
            fail: fault.fail,
            ended: None,
            result: None,
        };
        let number = self
            .operations
            .begin(operation, Some(ends_at.max(now).ceil_millis()));
        if kind.protocol == Protocol::Synchronous {
            self.end_operation(now, reported, number);
        }
        Ok(number)
    }

    /// Whatever runs on a resource that is to go ends canceled.
    fn cancel_all(&mut self, now: Instant, reported: &dyn Reported, id: &ResourceId) {
        for number in self.operations.running(id) {
            let error = ErrorBody::new("Canceled", "The resource is being deleted.");
            self.finish(now, reported, number, Outcome::Canceled(error));
        }
    }
}
