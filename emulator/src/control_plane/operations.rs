//! Operations coming to their end, and clients asking about them.

use http::StatusCode;
use turquoise_arm::{ArmError, ErrorBody, ResourceId};

use super::answer::Answer;
use super::export::EXPORT;
use super::lro::{Dialect, Number, Operation};
use super::provider::{Ended, Outcome, Settled};
use super::references;
use super::store::State;
use super::{ControlPlane, Turn};
use crate::event::{Event, Timed};
use crate::reported::Reported;
use crate::time::Instant;

impl ControlPlane {
    /// Ends an operation that is due: well, or as its injected fault says.
    pub(super) fn end_operation(&mut self, now: Instant, reported: &dyn Reported, number: Number) {
        let outcome = match &self.operations.get(number).fail {
            None => Outcome::Succeeded,
            Some(code) => Outcome::Failed(ErrorBody::new(
                code,
                "The operation failed because of an injected fault.",
            )),
        };
        self.finish(now, reported, number, outcome);
    }

    /// Ends an operation with an outcome, unless its provider says otherwise.
    pub(super) fn finish(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        number: Number,
        outcome: Outcome,
    ) {
        let operation = self.operations.get(number).clone();
        let Some(provider) = operation.provider else {
            if operation.verb == EXPORT {
                self.finish_export(now, number, outcome);
            } else {
                self.finish_group(now, number, outcome);
            }
            return;
        };
        let ended = Ended {
            id: &operation.resource,
            verb: &operation.verb,
            payload: &operation.payload,
            outcome: &outcome,
        };
        let (own, mut scope) = self.parts(now, reported, provider);
        let settled = own.settle(&mut scope, &ended);
        let (outcome, result) = match settled {
            Settled::Done => (outcome, None),
            Settled::Result(result) => (outcome, Some(result)),
        };
        self.operations.end(number, now, outcome.clone(), result);
        self.close(now, &operation, &outcome);
        self.events.push(Timed {
            at: now,
            event: Event::OperationEnded {
                resource: operation.resource.clone(),
                verb: operation.verb.clone(),
                status: self.operations.get(number).status().to_owned(),
            },
        });
        self.changed(now, reported, provider, &operation.resource);
        self.push_group_deletions(now, reported);
    }

    /// What an operation's end does to its resource.
    fn close(&mut self, now: Instant, operation: &Operation, outcome: &Outcome) {
        let id = &operation.resource;
        match (operation.deletes(), outcome) {
            (true, Outcome::Succeeded) => self.forget(id),
            (true, Outcome::Failed(_)) => self.mark(id, State::Failed),
            (false, Outcome::Succeeded) if operation.updates => self.mark(id, State::Succeeded),
            (false, Outcome::Failed(_)) if operation.updates => {
                self.revert(operation);
                self.mark(id, State::Failed);
            }
            // A canceled write's resource follows the newer write (azure-facts.md §2.6).
            _ => {}
        }
        tracing::trace!(%now, id = id.as_str(), verb = operation.verb, "operation ended");
    }

    /// The resource and the documents kept below it are gone.
    fn forget(&mut self, id: &ResourceId) {
        let below: Vec<ResourceId> = self.store.within(id).map(|r| r.id.clone()).collect();
        for id in below.iter().chain([id]) {
            self.store.remove(id);
            self.views.remove(id.key());
        }
        self.addresses.release(id);
    }

    /// A new state is a new etag (azure-facts.md §3.1).
    pub(super) fn mark(&mut self, id: &ResourceId, state: State) {
        let Some(resource) = self.store.get(id) else {
            return;
        };
        let (etags, version) = (
            self.providers[resource.provider].kind().etags,
            resource.version + 1,
        );
        let etag = self.next_etag(etags, version);
        if let Some(resource) = self.store.get_mut(id) {
            resource.state = state;
            resource.etag = etag;
            resource.version = version;
        }
    }

    fn revert(&mut self, operation: &Operation) {
        if !self.config.revert_on_failure {
            return;
        }
        let (Some(before), Some(held)) = (&operation.before, self.store.get(&operation.resource))
        else {
            return;
        };
        let mut held = held.clone();
        held.references = references::collect(&held.id, before).unwrap_or_default();
        held.model = before.clone();
        self.store.put(held);
    }

    /// Tells every other type that a resource changed.
    pub(super) fn changed(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        by: usize,
        id: &ResourceId,
    ) {
        for index in (0..self.providers.len()).filter(|index| *index != by) {
            let (provider, mut scope) = self.parts(now, reported, index);
            provider.on_change(&mut scope, id);
        }
    }

    /// A poll: an operation document, or a `Location`.
    pub(super) fn poll(
        &mut self,
        turn: Turn<'_>,
        id: &str,
        result: bool,
    ) -> Result<Answer, ArmError> {
        super::get_only(turn.request, || Answer::empty(StatusCode::OK))?;
        let operation = self.operations.find(id).ok_or_else(|| {
            ArmError::not_found("NotFound", format!("The operation '{id}' was not found."))
        })?;
        let monitor = turn
            .request
            .parameter("monitor")
            .is_some_and(|wish| wish.eq_ignore_ascii_case("true"));
        if result || monitor {
            return Ok(self.location(turn, operation));
        }
        let answer = Answer::ok(&operation.document(self.clock));
        Ok(match operation.ended {
            Some(_) => answer,
            None => answer.with_retry_after(self.config.retry_after),
        })
    }

    /// What `Location` answers: 202 until the end, then what the call would have answered at once
    /// (azure-facts.md §2.3).
    fn location(&self, turn: Turn<'_>, operation: &Operation) -> Answer {
        let lag = std::time::Duration::from_millis(self.config.location_lag_ms);
        let ended = operation.ended.as_ref();
        match ended.filter(|(at, _)| *at + lag <= turn.now) {
            None => Answer::empty(StatusCode::ACCEPTED)
                .with_location(self.url(turn.request, &operation.result_path()))
                .with_retry_after(self.config.retry_after),
            Some((_, Outcome::Succeeded)) => match &operation.result {
                Some(result) => Answer::ok(result),
                None if operation.deletes() && operation.dialect == Dialect::Network => {
                    Answer::empty(StatusCode::NO_CONTENT)
                }
                None => Answer::empty(StatusCode::OK),
            },
            Some((_, Outcome::Failed(error) | Outcome::Canceled(error))) => {
                Answer::refusal(&ArmError {
                    status: StatusCode::CONFLICT,
                    body: error.clone(),
                    retry_after: None,
                })
            }
        }
    }
}
