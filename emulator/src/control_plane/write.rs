//! PUT and PATCH: from a body to a stored model and an operation.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ErrorBody, ResourceId, json as tree};

use super::answer::Answer;
use super::config::ConflictMode;
use super::lro::{Dialect, Number, Operation};
use super::provider::{
    Etags, InternalWrite, Kind, Outcome, PatchMode, Protocol, PutMode, Write, invalid_reference,
};
use super::read::not_found;
use super::references::{self, Reference};
use super::schema::{Mode, Problem, carry, merge, normalise};
use super::store::{Resource, State, child_of};
use super::{ControlPlane, Turn, clock, locations};
use crate::reported::Reported;
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

    /// Reads a body into a whole model.
    fn read_body(
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
        let held = previous.and_then(|previous| tree::text(previous, "location"));
        let given = tree::text(model, "location").filter(|given| !given.is_empty());
        let location = match (given, held) {
            (Some(given), _) => locations::short_name(given, kind.resource_type)?,
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
        let provider = draft.provider;
        let kind = self.providers[provider].kind();
        let held = self.store.get(draft.id).cloned();
        self.check_conflicts(kind, draft.id, held.as_ref())?;
        let mut write = self.write_of(&draft, held.as_ref());
        let context = self.context(now, reported, kind.resource_type);
        self.providers[provider].validate(&context, &mut write)?;
        let references = self.check_references(provider, &write)?;
        self.check_removed_children(provider, &write)?;

        let (sent, path) = draft.sent;
        let fault = self
            .faults
            .on_operation(now.as_millis(), sent.as_str(), path);
        let wanted = if write.creates() {
            kind.durations.create
        } else {
            kind.durations.update
        };
        let millis = wanted.draw(
            self.config.profile,
            self.config.duration_scale,
            self.seed
                .child("durations")
                .child(write.id.key())
                .at(write.generation),
        );
        let ends_at = (now + Duration::from_millis(millis + fault.extra_ms)).ceil_millis();
        let operation_id = self.operations.next_id();
        self.supersede(now, reported, &write.id, &operation_id);

        let synchronous = kind.protocol == Protocol::Synchronous;
        let resource = self.stored(now, kind, &write, held.as_ref(), references, provider);
        self.addresses.commit(&write.id, &write.claims);
        self.store.put(resource);
        let (own, mut scope) = self.parts(now, reported, provider);
        let ends_at = own
            .begin(&mut scope, &write, ends_at)
            .max(now)
            .ceil_millis();
        self.changed(now, reported, provider, &write.id);
        let operation = Operation {
            id: operation_id,
            resource: write.id.clone(),
            provider: Some(provider),
            verb: draft.method.to_string(),
            payload: Value::Null,
            generation: write.generation,
            updates: true,
            before: write.previous.clone(),
            dialect: dialect(kind),
            location: write.location().to_owned(),
            started: now,
            fail: fault.fail,
            ended: None,
            result: None,
        };
        let number = self.operations.begin(operation, Some(ends_at));
        if synchronous {
            self.end_operation(now, reported, number);
        }
        Ok(Applied {
            created: held.is_none(),
            operation: (!synchronous).then_some(number),
        })
    }

    fn write_of(&self, draft: &Draft<'_>, held: Option<&Resource>) -> Write {
        let seed = self.seed.child("guids").child(draft.id.key());
        Write {
            id: draft.id.clone(),
            method: draft.method.clone(),
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
        write: &Write,
        held: Option<&Resource>,
        references: Vec<Reference>,
        provider: usize,
    ) -> Resource {
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
            references,
        }
    }

    /// The etag of a resource's next state.
    pub(super) fn next_etag(&mut self, etags: Etags, version: u64) -> String {
        match etags {
            Etags::WeakGuid => {
                self.etags += 1;
                format!(
                    "W/\"{}\"",
                    clock::guid(self.seed.child("etags").at(self.etags))
                )
            }
            Etags::Counter => format!("\"{version}\""),
            Etags::None => String::new(),
        }
    }

    fn check_conflicts(
        &self,
        kind: &Kind,
        id: &ResourceId,
        held: Option<&Resource>,
    ) -> Result<(), ArmError> {
        if held.is_some_and(|held| held.state == State::Deleting) {
            return Err(being_deleted(kind, id));
        }
        let Some(running) = self.operations.write(id) else {
            return Ok(());
        };
        let running = self.operations.get(running);
        match self.config.conflict_mode {
            ConflictMode::Supersede => Ok(()),
            ConflictMode::Retryable => Err(ArmError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "RetryableError",
                "A retryable error occurred.",
            )
            .with_retry_after(self.config.retry_after)
            .with_detail(ErrorBody::new(
                "RetryableErrorDueToAnotherOperation",
                format!("Operation {} is updating resource {id}.", running.id),
            ))),
            ConflictMode::Refuse => Err(another_operation(running)),
        }
    }

    /// The models that references lead to, each checked.
    fn check_references(&self, provider: usize, write: &Write) -> Result<Vec<Reference>, ArmError> {
        let references = references::collect(&write.id, &write.model)
            .map_err(|text| invalid_reference(&write.id, text))?;
        for reference in &references {
            let own = reference.to.is_within(&write.id);
            let exists = if own {
                child_of(&write.model, &write.id, &reference.to).is_some()
            } else {
                self.store.exists(&reference.to)
            };
            let going = self
                .store
                .holder(&reference.to)
                .is_some_and(|holder| !own && holder.state == State::Deleting);
            if going {
                return Err(not_provisioned(reference));
            }
            if !exists && !self.providers[provider].trusts(reference) {
                return Err(invalid_reference(&reference.from, &reference.to));
            }
        }
        Ok(references)
    }

    /// No child that the model no longer has may be in use elsewhere.
    fn check_removed_children(&self, provider: usize, write: &Write) -> Result<(), ArmError> {
        if write.creates() {
            return Ok(());
        }
        for by in self.store.referrers_within(&write.id) {
            let elsewhere = !by.owner.is_within(&write.id);
            let stored = by.to == write.id || self.store.get(&by.to).is_some();
            if elsewhere && !stored && child_of(&write.model, &write.id, &by.to).is_none() {
                match self.providers[provider].in_use(&by.to, by) {
                    Some(refusal) => return Err(refusal),
                    None => continue,
                }
            }
        }
        Ok(())
    }

    /// Cancels the write that runs on a resource, because a newer one takes its place
    /// (azure-facts.md §0.2 fact 3, §3.4).
    pub(super) fn supersede(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        id: &ResourceId,
        by: &str,
    ) {
        let Some(number) = self.operations.write(id) else {
            return;
        };
        let running = self.operations.get(number);
        let error = match running.dialect {
            Dialect::Compute => ErrorBody::new(
                "OperationPreempted",
                "Operation execution has been preempted by a more recent operation.",
            ),
            Dialect::Network | Dialect::Group => ErrorBody {
                details: vec![ErrorBody::new(
                    "CanceledAndSupersededDueToAnotherOperation",
                    format!(
                        "Operation {} ({}) was canceled and superseded by operation ({by}).",
                        running.verb, running.id
                    ),
                )],
                ..ErrorBody::new("Canceled", "Operation was canceled.")
            },
        };
        self.finish(now, reported, number, Outcome::Canceled(error));
    }

    /// The answer to an accepted PUT or PATCH.
    pub(super) fn accepted(&mut self, turn: Turn<'_>, id: &ResourceId, applied: Applied) -> Answer {
        let body = self.document(turn.now, turn.reported, id);
        self.accepted_with(turn, applied, &body)
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
        let Some(held) = self.store.get(id).cloned() else {
            return Err(not_found(id));
        };
        let mut model = (*held.model).clone();
        model["tags"] = part.get("tags").cloned().unwrap_or_else(|| json!({}));
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
        let write = self.write_of(&draft, Some(&held));
        let version = held.version + 1;
        let etag = self.next_etag(kind.etags, version);
        if let Some(resource) = self.store.get_mut(id) {
            resource.model = Arc::new(write.model.clone());
            resource.etag = etag;
            resource.version = version;
        }
        let (own, mut scope) = self.parts(turn.now, turn.reported, provider);
        own.tags_written(&mut scope, &write);
        let body = self.document(turn.now, turn.reported, id);
        Ok(Answer::ok(&body).applied())
    }

    /// `If-Match` and `If-None-Match` (azure-facts.md §3.2).
    pub(super) fn check_preconditions(
        &self,
        turn: Turn<'_>,
        id: &ResourceId,
    ) -> Result<(), ArmError> {
        if !self.config.enforce_if_match {
            return Ok(());
        }
        let etag = self.store.get(id).map(|resource| resource.etag.as_str());
        if etag == Some("") {
            // Types without etags ignore the headers.
            return Ok(());
        }
        if let Some(given) = turn.request.header("if-match") {
            let matches = etag.is_some_and(|etag| given == "*" || same_etag(given, etag));
            if !matches {
                return Err(etag_mismatch("if-match", given, etag, id));
            }
        }
        if let Some(given) = turn.request.header("if-none-match") {
            let matches = etag.is_some_and(|etag| given == "*" || same_etag(given, etag));
            if matches {
                return Err(etag_mismatch("if-none-match", given, etag, id));
            }
        }
        Ok(())
    }
}

/// Etags compare by their quoted text; a weak mark on either side does not matter (knob row 15).
fn same_etag(given: &str, held: &str) -> bool {
    let bare = |etag: &str| {
        let etag = etag.trim();
        etag.strip_prefix("W/")
            .unwrap_or(etag)
            .trim_matches('"')
            .to_owned()
    };
    !held.is_empty() && bare(given) == bare(held)
}

fn etag_mismatch(header: &str, given: &str, held: Option<&str>, id: &ResourceId) -> ArmError {
    let held = held.unwrap_or("");
    ArmError::new(
        StatusCode::PRECONDITION_FAILED,
        "PreconditionFailed",
        "Precondition failed.",
    )
    .with_detail(ErrorBody::new(
        "PreconditionFailedEtagMismatch",
        format!(
            "Etag provided in {header} header {given} does not match etag {held} of resource {id} \
             in NRP data store."
        ),
    ))
}

fn not_provisioned(reference: &Reference) -> ArmError {
    ArmError::bad_request(
        "ReferencedResourceNotProvisioned",
        format!(
            "Cannot proceed with operation because resource {} used by resource {} is not in \
             Succeeded state. Resource is in Deleting state.",
            reference.to, reference.from
        ),
    )
}

/// 409 for a second writer.
pub(super) fn another_operation(running: &Operation) -> ArmError {
    ArmError::conflict(
        "AnotherOperationInProgress",
        format!(
            "Another operation on this or dependent resource is in progress. To retrieve status \
             of the operation use uri: {}",
            running.document_path()
        ),
    )
}

fn being_deleted(kind: &Kind, id: &ResourceId) -> ArmError {
    match kind.protocol {
        Protocol::Compute => ArmError::conflict(
            "OperationNotAllowed",
            format!(
                "Operation 'PUT' is not allowed on '{}' since it is marked for deletion. You can \
                 only retry the Delete operation (or wait for an ongoing one to complete).",
                id.name()
            ),
        ),
        Protocol::Network | Protocol::Synchronous => ArmError::conflict(
            "AnotherOperationInProgress",
            format!("Another operation on resource {id} is in progress: it is being deleted."),
        ),
    }
}

/// The dialect of a type's operations.
pub(super) fn dialect(kind: &Kind) -> Dialect {
    match kind.protocol {
        Protocol::Compute => Dialect::Compute,
        Protocol::Network | Protocol::Synchronous => Dialect::Network,
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
