//! PUT and PATCH: from a body to a stored model and an operation.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId};

use super::answer::Answer;
use super::body::problem_error;
use super::durations::Duration;
use super::lro::{Dialect, Number, Operation};
use super::provider::{InternalWrite, Kind, PatchMode, Protocol, PutMode, Write};
use super::read::not_found;
use super::references::Reference;
use super::schema::{Mode, merge, normalise};
use super::store::{Resource, State};
use super::{ControlPlane, Turn, clock};
use crate::reported::Reported;
use crate::seed::Seed;
use crate::time::Instant;

/// A model about to be written, and where it comes from.
pub(super) struct Draft<'a> {
    pub(super) provider: usize,
    pub(super) id: &'a ResourceId,
    /// `PUT` or `PATCH`; a DELETE of a child is a PUT of its parent.
    pub(super) method: &'a Method,
    /// What fault rules match: the request's own method and path.
    pub(super) sent: (&'a Method, &'a str),
    pub(super) model: Value,
    pub(super) caller: &'a str,
    pub(super) api_version: &'a str,
    pub(super) if_match: Option<&'a str>,
}

/// A write that was accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Applied {
    pub(super) created: bool,
    pub(super) operation: Option<Number>,
}

/// A write that nothing refuses.
struct Admitted {
    write: Write,
    held: Option<Resource>,
    references: Vec<Reference>,
}

impl ControlPlane {
    pub(super) fn put(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        id: &ResourceId,
    ) -> Result<Answer, ArmError> {
        let kind = self.providers[provider].kind();
        kind.name_rule.check(id.name())?;
        let body = turn.request.object()?;
        self.check_group_is_not_going(id)?;
        self.check_preconditions(turn, id)?;
        let previous = self.store.get(id).map(|resource| resource.model.clone());
        let whole = kind.put == PutMode::Replace || previous.is_none();
        let mode = if whole { Mode::Full } else { Mode::Part };
        let model = self.read_body(kind, id, &body, mode, previous.as_deref())?;
        let applied = self.apply_request(turn, provider, id, model)?;
        Ok(self.accepted(turn, id, applied))
    }

    pub(super) fn patch(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        id: &ResourceId,
    ) -> Result<Answer, ArmError> {
        let kind = self.providers[provider].kind();
        let body = turn.request.object()?;
        let previous = self.store.get(id).ok_or_else(|| not_found(id))?;
        let previous = previous.model.clone();
        self.check_group_is_not_going(id)?;
        self.check_preconditions(turn, id)?;
        match kind.patch {
            PatchMode::Tags => self.patch_tags(turn, provider, id, &body),
            PatchMode::Merge => {
                let model = self.read_body(kind, id, &body, Mode::Patch, Some(&previous))?;
                let applied = self.apply_request(turn, provider, id, model)?;
                Ok(self.accepted(turn, id, applied))
            }
        }
    }

    /// A provider's write to another resource; what it may not do is dropped, as an agent of
    /// Azure's own would try again at its next turn.
    pub(super) fn internal_write(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        write: InternalWrite,
    ) {
        let Some(resource) = self.store.get(&write.id) else {
            return;
        };
        let (provider, id) = (resource.provider, resource.id.clone());
        let mut model = (*resource.model).clone();
        merge(&mut model, write.part);
        let draft = Draft {
            provider,
            id: &id,
            method: &Method::PATCH,
            sent: (&Method::PATCH, id.as_str()),
            model,
            caller: &write.caller,
            api_version: "",
            if_match: None,
        };
        let refused = self.apply(now, reported, draft).err();
        tracing::debug!(id = id.as_str(), refused = ?refused, "wrote on a provider's behalf");
    }

    pub(super) fn apply_request(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        id: &ResourceId,
        model: Value,
    ) -> Result<Applied, ArmError> {
        let draft = Draft {
            provider,
            id,
            method: match *turn.request.method {
                Method::PATCH => &Method::PATCH,
                _ => &Method::PUT,
            },
            sent: (turn.request.method, turn.request.path),
            model,
            caller: turn.request.caller(),
            api_version: turn.request.parameter("api-version").unwrap_or_default(),
            if_match: turn.request.header("if-match"),
        };
        self.apply(turn.now, turn.reported, draft)
    }

    /// Checks a draft and makes it so. Everything that can refuse comes before the first change.
    pub(super) fn apply(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        draft: Draft<'_>,
    ) -> Result<Applied, ArmError> {
        let admitted = self.admit(&draft)?;
        Ok(self.enact(now, reported, &draft, admitted))
    }

    /// Everything that can refuse a draft.
    fn admit(&self, draft: &Draft<'_>) -> Result<Admitted, ArmError> {
        let provider = draft.provider;
        let held = self.store.get(draft.id).cloned();
        self.check_conflicts(self.providers[provider].kind(), draft.id, held.as_ref())?;
        let mut write = self.write_of(draft, held.as_ref());
        self.providers[provider].validate(&self.context(), &mut write)?;
        let references = self.check_references(provider, &write)?;
        self.check_removed_children(provider, &write)?;
        Ok(Admitted {
            write,
            held,
            references,
        })
    }

    /// What a draft would store, without storing it.
    ///
    /// # Errors
    /// What [`ControlPlane::apply`] would refuse.
    pub(super) fn would_store(&self, draft: &Draft<'_>) -> Result<Value, ArmError> {
        self.admit(draft).map(|admitted| admitted.write.model)
    }

    /// Stores an admitted write, takes the place of one that runs, and begins its operation.
    fn enact(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        draft: &Draft<'_>,
        admitted: Admitted,
    ) -> Applied {
        let provider = draft.provider;
        let kind = self.providers[provider].kind();
        let id = &admitted.write.id;
        let (sent, path) = draft.sent;
        let fault = self
            .faults
            .on_operation(now.as_millis(), sent.as_str(), path);
        let duration = if admitted.write.creates() {
            kind.durations.create
        } else {
            kind.durations.update
        };
        let seed = self.seed.child("durations").child(id.key());
        let seed = seed.at(admitted.write.generation);
        let ends_at = self.ending(now, duration, seed, fault.extra_ms);
        let operation_id = self.operations.next_id();
        self.supersede(now, reported, id, &operation_id);

        let resource = self.stored(now, kind, &admitted, provider);
        let Admitted { write, held, .. } = admitted;
        self.addresses.commit(&write.id, &write.claims);
        self.store.put(resource);
        let (own, mut scope) = self.parts(now, reported, provider);
        let ends_at = own.begin(&mut scope, &write, ends_at);
        self.changed(now, reported, provider, &write.id);
        let operation = Operation {
            id: operation_id,
            resource: write.id.clone(),
            provider: Some(provider),
            verb: draft.method.to_string(),
            payload: Value::Null,
            updates: true,
            before: write.previous.clone(),
            dialect: Dialect::of(kind),
            location: write.location().to_owned(),
            started: now,
            fail: fault.fail,
            ended: None,
            result: None,
        };
        let ends_at = ends_at.max(now).ceil_millis();
        let number = self.operations.begin(operation, Some(ends_at));
        let synchronous = kind.protocol == Protocol::Synchronous;
        if synchronous {
            self.end_operation(now, reported, number);
        }
        Applied {
            created: held.is_none(),
            operation: (!synchronous).then_some(number),
        }
    }

    /// When an operation that takes `duration` and a fault's `extra_ms` ends.
    pub(super) fn ending(
        &self,
        now: Instant,
        duration: Duration,
        seed: Seed,
        extra_ms: u64,
    ) -> Instant {
        let millis = duration.draw(self.config.profile, self.config.duration_scale, seed);
        (now + std::time::Duration::from_millis(millis + extra_ms)).ceil_millis()
    }

    fn write_of(&self, draft: &Draft<'_>, held: Option<&Resource>) -> Write {
        let seed = self.seed.child("guids").child(draft.id.key());
        Write {
            id: draft.id.clone(),
            previous: held.map(|held| held.model.clone()),
            model: draft.model.clone(),
            claims: Vec::new(),
            generation: held.map_or(1, |held| held.generation + 1),
            guid: held.map_or_else(
                || clock::guid(seed.at(self.etags)),
                |held| held.guid.clone(),
            ),
            api_version: draft.api_version.to_owned(),
            caller: draft.caller.to_owned(),
            if_match: draft.if_match.map(str::to_owned),
        }
    }

    fn stored(
        &mut self,
        now: Instant,
        kind: &Kind,
        admitted: &Admitted,
        provider: usize,
    ) -> Resource {
        let (write, held) = (&admitted.write, admitted.held.as_ref());
        let version = held.map_or(1, |held| held.version + 1);
        Resource {
            id: write.id.clone(),
            provider,
            model: Arc::new(write.model.clone()),
            state: match (kind.protocol, held) {
                (Protocol::Compute, None) => State::Creating,
                _ => State::Updating,
            },
            etag: self.next_etag(kind.etags, version),
            version,
            generation: write.generation,
            guid: write.guid.clone(),
            created: held.map_or(now, |held| held.created),
            references: admitted.references.clone(),
        }
    }

    /// The answer to an accepted PUT or PATCH.
    pub(super) fn accepted(&mut self, turn: Turn<'_>, id: &ResourceId, applied: Applied) -> Answer {
        let body = self.document(id);
        let held = self.store.get(id);
        let created = held.map(|held| self.providers[held.provider].kind().created);
        let mut answer = self.accepted_with(turn, applied, &body);
        if let Some(created) = created.filter(|_| applied.created) {
            answer.status = created;
        }
        answer
    }

    /// The answer to an accepted PUT or PATCH whose body is `body`.
    pub(super) fn accepted_with(&self, turn: Turn<'_>, applied: Applied, body: &Value) -> Answer {
        let status = if applied.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let answer = Answer::json(status, body).applied();
        match applied.operation {
            None => answer,
            Some(number) => {
                let url = self.operations.get(number).document_path();
                answer
                    .with_operation(self.url(turn.request, &url))
                    .with_retry_after(self.config.retry_after)
            }
        }
    }

    fn patch_tags(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        id: &ResourceId,
        body: &Value,
    ) -> Result<Answer, ArmError> {
        let kind = self.providers[provider].kind();
        let refuse = |problem| problem_error(kind, problem);
        let part = normalise(kind.schema, body, Mode::Patch).map_err(refuse)?;
        let held = self.store.get(id).cloned().ok_or_else(|| not_found(id))?;
        let tags = part.get("tags").cloned().unwrap_or_else(|| json!({}));
        self.write_tags(turn, &held, tags);
        let body = self.document(id);
        Ok(Answer::ok(&body).applied())
    }

    /// Replaces the tags of a resource, at once and with a new etag.
    pub(super) fn write_tags(&mut self, turn: Turn<'_>, held: &Resource, tags: Value) {
        let provider = held.provider;
        let kind = self.providers[provider].kind();
        let mut model = (*held.model).clone();
        model["tags"] = tags;
        let draft = Draft {
            provider,
            id: &held.id,
            method: &Method::PATCH,
            sent: (turn.request.method, turn.request.path),
            model,
            caller: turn.request.caller(),
            api_version: turn.request.parameter("api-version").unwrap_or_default(),
            if_match: turn.request.header("if-match"),
        };
        let write = self.write_of(&draft, Some(held));
        let version = held.version + 1;
        let etag = self.next_etag(kind.etags, version);
        if let Some(resource) = self.store.get_mut(&held.id) {
            resource.model = Arc::new(write.model.clone());
            resource.etag = etag;
            resource.version = version;
        }
        let (own, mut scope) = self.parts(turn.now, turn.reported, provider);
        own.tags_written(&mut scope, &write);
    }
}
