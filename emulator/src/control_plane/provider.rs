//! What a resource type is to the engine: the [`Provider`] trait.
//!
//! The engine routes, parses, stores, runs operations, keeps etags and checks references; a
//! provider adds what is particular to its type. The life of a write:
//!
//! 1. The body is normalised by [`Kind::schema`]; a [`PutMode::Merge`] type merges it into the
//!    stored model; what only the service knows (read-only members, secrets) is carried over.
//! 2. [`Provider::validate`] checks across members and resources, may complete the model, and plans
//!    address claims. It sees the world through a read-only [`Context`].
//! 3. The engine checks every `{"id": …}` of the model and that no child that vanished is in use
//!    ([`Provider::in_use`] names the error).
//! 4. The engine draws how long the operation takes, stores the model (`Updating`), and calls
//!    [`Provider::begin`], which publishes [`Desired`](crate::desired::Desired) state and may correct the ending.
//! 5. At the ending the engine calls [`Provider::settle`], then marks the resource `Succeeded` or
//!    `Failed`, with a new etag.
//!
//! A DELETE goes [`Provider::refuse_delete`], generic in-use check, [`Provider::begin_delete`],
//! [`Provider::settle`] with verb [`DELETE`], removal. Routes below a resource that are not inline
//! children ([`ChildRoute`]) come to [`Provider::route`]: actions, instances, views.
//!
//! A provider may keep state of its own (`&mut self`), and may store documents of its own as
//! resources below its resource ([`Scope::put_child`]): their references then protect what they
//! use, and they go with their parent. `providers/virtual_network.rs` is a small example.

mod call;
mod context;
mod kind;
mod scope;

use std::fmt;

use serde_json::Value;
use turquoise_arm::{ArmError, ErrorBody, ResourceId};

pub(crate) use self::call::{Begun, Call, Handled};
pub(crate) use self::context::{Context, Facts, Write};
pub(crate) use self::kind::{ChildRoute, Etags, Kind, Located, PatchMode, Protocol, PutMode};
pub(crate) use self::scope::{InternalWrite, Scope};
use super::references::Reference;
use super::store::Resource;
use crate::time::Instant;

/// The verb of operations that a DELETE began.
pub(crate) const DELETE: &str = "DELETE";

/// An operation that has come to its end.
#[derive(Debug)]
pub(crate) struct Ended<'a> {
    /// The resource.
    pub(crate) id: &'a ResourceId,
    /// `PUT`, `PATCH`, [`DELETE`] or a [`Begun::verb`].
    pub(crate) verb: &'a str,
    /// The [`Begun::payload`]; `Null` for writes.
    pub(crate) payload: &'a Value,
    /// How it ends unless the provider knows better.
    pub(crate) outcome: &'a Outcome,
}

/// How an operation ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Well.
    Succeeded,
    /// Badly.
    Failed(ErrorBody),
    /// A newer write or a DELETE took its place.
    Canceled(ErrorBody),
}

/// What a provider says at an operation's end.
#[derive(Clone, Debug)]
pub(crate) enum Settled {
    /// It ends as [`Ended::outcome`] says.
    Done,
    /// It ends well, and this is what `Location` answers.
    Result(Value),
}

/// What every provider that is [`Clone`] can do; nobody implements it by hand.
pub(crate) trait CloneProvider {
    /// A provider in the same state, for a cloned cloud.
    fn boxed_clone(&self) -> Box<dyn Provider>;
}

impl<T: Provider + Clone + 'static> CloneProvider for T {
    fn boxed_clone(&self) -> Box<dyn Provider> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Provider> {
    fn clone(&self) -> Self {
        (**self).boxed_clone()
    }
}

/// One resource type. Methods are in the order of a resource's life.
pub(crate) trait Provider: fmt::Debug + Send + Sync + CloneProvider {
    /// The type's constants.
    fn kind(&self) -> &'static Kind;

    /// Checks a normalised model across members and resources, completes it and plans claims.
    ///
    /// # Errors
    /// The refusal to answer; nothing changes then.
    fn validate(&self, _context: &Context<'_>, _write: &mut Write) -> Result<(), ArmError> {
        Ok(())
    }

    /// The write is stored: publishes what the data plane is to do. Returns when the operation
    /// ends; `ends_at` is what the kind's durations and faults say.
    fn begin(&mut self, _scope: &mut Scope<'_>, _write: &Write, ends_at: Instant) -> Instant {
        ends_at
    }

    /// The tags were replaced by a synchronous PATCH; the write's models are before and after.
    fn tags_written(&mut self, _scope: &mut Scope<'_>, _write: &Write) {}

    /// An operation has come to its end, also by cancellation. For
    /// [`DELETE`] the resource is removed right after.
    fn settle(&mut self, _scope: &mut Scope<'_>, _ended: &Ended<'_>) -> Settled {
        Settled::Done
    }

    /// Refuses a DELETE for reasons of the type, before the generic in-use check.
    ///
    /// # Errors
    /// The refusal to answer.
    fn refuse_delete(&self, _context: &Context<'_>, _resource: &Resource) -> Result<(), ArmError> {
        Ok(())
    }

    /// A DELETE is accepted: publishes what the data plane is to do. Returns when it ends.
    fn begin_delete(
        &mut self,
        _scope: &mut Scope<'_>,
        _resource: &Resource,
        ends_at: Instant,
    ) -> Instant {
        ends_at
    }

    /// The refusal when `target`, a resource of this type or a child in one, is to go while `by`
    /// points at it; `None` when that does not matter (an image in use may go).
    fn in_use(&self, target: &ResourceId, by: &Reference) -> Option<ArmError> {
        Some(in_use(target, by))
    }

    /// Whether a reference that leads to nothing here is taken on trust, because it leads to a type
    /// that is not emulated (a disk, a gallery image).
    fn trusts(&self, _reference: &Reference) -> bool {
        false
    }

    /// Completes an answer with back-references. The document has ids, etags and states already.
    /// Answers are cached until the store changes, so what the data plane reports belongs into
    /// [`Provider::route`].
    fn view(&self, _context: &Context<'_>, _resource: &Resource, _document: &mut Value) {}

    /// Adds what `$expand` asks for to an answer, such as a machine's `instanceView`.
    fn expand(
        &self,
        _context: &Context<'_>,
        _resource: &Resource,
        _wish: &str,
        _document: &mut Value,
    ) {
    }

    /// The answer to a POST that only reads, which templates ask for as `list…` too; `None` when the
    /// type has no such action. `action` is in lower case.
    fn listed(&self, _context: &Context<'_>, _resource: &Resource, _action: &str) -> Option<Value> {
        None
    }

    /// A request below a resource of this type that is no inline child: actions, instances, views.
    /// The resource exists and is not being deleted (GET also while it is).
    ///
    /// # Errors
    /// The refusal to answer; nothing may have changed then.
    fn route(&mut self, _scope: &mut Scope<'_>, _call: &Call<'_>) -> Result<Handled, ArmError> {
        Ok(Handled::Unknown)
    }

    /// Whether [`Provider::next_deadline`] is ever asked: drivers ask it after every step.
    fn is_timed(&self) -> bool {
        false
    }

    /// When this type next has something to do by itself, beside operations. Only asked of a type
    /// that [is timed](Provider::is_timed).
    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    /// Does what is due; must move [`Provider::next_deadline`] beyond now.
    fn advance_to(&mut self, _scope: &mut Scope<'_>) {}

    /// Another type's resource was written, settled or removed.
    fn on_change(&mut self, _scope: &mut Scope<'_>, _changed: &ResourceId) {}
}

/// The refusal for types without a code of their own (azure-facts.md §1.6).
pub(crate) fn in_use(target: &ResourceId, by: &Reference) -> ArmError {
    let noun = target.resource_type();
    let noun = noun
        .as_ref()
        .map_or("", |t| t.as_str().rsplit('/').next().unwrap_or(""));
    let mut letters = noun.trim_end_matches('s').chars();
    let noun: String = letters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect();
    ArmError::bad_request(
        &format!("InUse{noun}CannotBeDeleted"),
        format!("{target} is in use by {} and cannot be deleted.", by.from),
    )
}

/// 400 `InvalidParameter`: a body lacks what compute types must have.
pub(crate) fn missing_parameter(path: &str) -> ArmError {
    ArmError::bad_request(
        "InvalidParameter",
        format!("Required parameter '{path}' is missing (null)."),
    )
    .with_target(path)
}

/// 400 `InvalidResourceReference`: what `referrer` points at does not exist.
pub(crate) fn invalid_reference(referrer: &ResourceId, target: impl fmt::Display) -> ArmError {
    ArmError::bad_request(
        "InvalidResourceReference",
        format!(
            "Resource {target} referenced by resource {referrer} was not found. Please make sure \
             that the referenced resource exists, and that both resources are in the same region."
        ),
    )
}
