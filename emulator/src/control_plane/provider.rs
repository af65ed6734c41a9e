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
//!    [`Provider::begin`], which publishes [`Desired`] state and may correct the ending.
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

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::Value;
use turquoise_arm::{ArmError, ErrorBody, ResourceId, json};

use super::addresses::{AddressBook, Cidr, Claim, Wish};
use super::clock::Clock;
use super::config::ControlPlaneConfig;
use super::durations::{Duration, Durations};
use super::name_rule::NameRule;
use super::references::{self, Reference};
use super::schema::Schema;
use super::store::{Resource, State, Store};
use crate::desired::Desired;
use crate::event::{Event, Timed};
use crate::faults::Faults;
use crate::reported::Reported;
use crate::seed::Seed;
use crate::time::Instant;

/// The verb of operations that a DELETE began.
pub(crate) const DELETE: &str = "DELETE";

/// The constants of a resource type.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// `{namespace}/{type}`, canonical.
    pub(crate) resource_type: &'static str,
    /// Versions offered in provider metadata, newest first; requests may use any dated one.
    pub(crate) api_versions: &'static [&'static str],
    /// What its documents look like.
    pub(crate) schema: &'static Schema,
    /// What it may be called.
    pub(crate) name_rule: NameRule,
    /// Its etags.
    pub(crate) etags: Etags,
    /// What PUT does to an existing resource.
    pub(crate) put: PutMode,
    /// What PATCH does.
    pub(crate) patch: PatchMode,
    /// Its answers' shape.
    pub(crate) protocol: Protocol,
    /// How long its writes take.
    pub(crate) durations: Durations,
    /// Its inline children that have URLs of their own.
    pub(crate) children: &'static [ChildRoute],
}

/// Whether and how a type has etags (azure-facts.md §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Etags {
    /// Weak GUIDs, new on each write and again when it settles; also as header on GET.
    WeakGuid,
    /// `"1"`, `"2"`, …
    Counter,
    /// None.
    None,
}

/// What PUT does to an existing resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutMode {
    /// The body is the whole model.
    Replace,
    /// The body is merged into the model (scale sets; azure-facts.md §4.12.3).
    Merge,
}

/// What PATCH does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchMode {
    /// Replaces the tags, synchronously (network types).
    Tags,
    /// Merges the body into the model; an operation where PUT is one.
    Merge,
}

/// How a type's long answers look (azure-facts.md §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// PUT: `Azure-AsyncOperation`. DELETE and POST: 202 with that and `Location` at
    /// `operationResults`. `Updating` from the first write on.
    Network,
    /// PUT and PATCH: `Azure-AsyncOperation`. DELETE and POST: both, `Location` being the same URL
    /// with `monitor=true`. `Creating` during the first write.
    Compute,
    /// Everything ends with the request: 200/201, DELETE 200/204 (autoscale, locks).
    Synchronous,
}

/// An inline child collection with URLs of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChildRoute {
    /// The collection's member under `properties`, such as `subnets`.
    pub(crate) collection: &'static str,
    /// Whether PUT and DELETE are allowed, else GET and list only.
    pub(crate) writable: bool,
}

/// What a provider may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// Now.
    pub(crate) now: Instant,
    /// What exists.
    pub(crate) store: &'a Store,
    /// Who has which private address.
    pub(crate) addresses: &'a AddressBook,
    /// What the data plane says.
    pub(crate) reported: Facts<'a>,
    /// The knobs.
    pub(crate) config: &'a ControlPlaneConfig,
    /// Wall-clock texts.
    pub(crate) clock: Clock,
    /// This type's node of the seed tree.
    pub(crate) seed: Seed,
}

/// The data plane's reports; a wrapper because trait objects have no `Debug`.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a>(pub(crate) &'a dyn Reported);

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facts")
    }
}

impl<'a> std::ops::Deref for Facts<'a> {
    type Target = dyn Reported + 'a;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl<'a> Context<'a> {
    /// The range of a subnet, by its id.
    ///
    /// # Errors
    /// `InvalidResourceReference` when there is no such subnet.
    pub(crate) fn subnet(&self, id: &ResourceId, referrer: &ResourceId) -> Result<Cidr, ArmError> {
        let model = self.store.child_model(id);
        let prefix = model.and_then(|subnet| {
            json::text(subnet, "properties.addressPrefix").or_else(|| {
                json::items(subnet, "properties.addressPrefixes")
                    .next()?
                    .as_str()
            })
        });
        prefix
            .and_then(Cidr::parse)
            .ok_or_else(|| invalid_reference(referrer, id))
    }

    /// Plans a private address for `owner` in `write`: static where `address` is given, else the
    /// lowest free one (a dynamic owner keeps what it has).
    ///
    /// # Errors
    /// What [`AddressBook::plan`] refuses, and an unknown subnet.
    pub(crate) fn claim(
        &self,
        write: &mut Write,
        owner: &ResourceId,
        subnet: &ResourceId,
        address: Option<Ipv4Addr>,
    ) -> Result<Ipv4Addr, ArmError> {
        let wish = Wish {
            subnet,
            range: self.subnet(subnet, owner)?,
            address,
            owner,
            resource: &write.id,
        };
        self.addresses.plan(wish, &mut write.claims)
    }

    /// Refuses a subnet that belongs to an application gateway (a gateway's own write does not ask).
    ///
    /// # Errors
    /// `ApplicationGatewaySubnetCannotBeUsedByOtherResources`.
    pub(crate) fn check_subnet_is_no_gateways(
        &self,
        subnet: &ResourceId,
        user: &ResourceId,
    ) -> Result<(), ArmError> {
        let mut users = self.store.referrers(subnet).iter();
        let gateway = users.find(|by| {
            let owner = by.owner.resource_type();
            owner.is_some_and(|t| t.is("Microsoft.Network/applicationGateways"))
                && !user.is_within(&by.owner)
        });
        match gateway {
            None => Ok(()),
            Some(by) => Err(ArmError::bad_request(
                "ApplicationGatewaySubnetCannotBeUsedByOtherResources",
                format!(
                    "Subnet {subnet} cannot be used by {user} since it is used by application \
                     gateway {}.",
                    by.owner
                ),
            )),
        }
    }

    /// Refuses a public address that something other than `owner` has.
    ///
    /// # Errors
    /// `PublicIPAddressInUse`.
    pub(crate) fn check_public_address_is_free(
        &self,
        address: &ResourceId,
        owner: &ResourceId,
    ) -> Result<(), ArmError> {
        let mut users = self.store.referrers(address).iter();
        match users.find(|by| by.owner != *owner) {
            None => Ok(()),
            Some(by) => Err(ArmError::bad_request(
                "PublicIPAddressInUse",
                format!(
                    "Resource {owner} is referencing public IP address {address} that is already \
                     allocated to resource {}.",
                    by.from
                ),
            )),
        }
    }
}

/// A write on its way in.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    /// The resource, canonical.
    pub(crate) id: ResourceId,
    /// `PUT` or `PATCH`; writes of inline children come as the PUT of their parent.
    pub(crate) method: Method,
    /// The model before, where the resource exists.
    pub(crate) previous: Option<Arc<Value>>,
    /// The model to be; [`Provider::validate`] may complete it.
    pub(crate) model: Value,
    /// The address claims that replace those the resource has.
    pub(crate) claims: Vec<Claim>,
    /// Counts this resource's accepted writes, from 1; this write's number.
    pub(crate) generation: u64,
    /// The resource's GUID.
    pub(crate) guid: String,
    /// The request's `api-version`.
    pub(crate) api_version: String,
    /// Who asks, as in [`Event::Arm`].
    pub(crate) caller: String,
    /// The request's `If-Match`.
    pub(crate) if_match: Option<String>,
}

impl Write {
    /// Whether the resource is new.
    pub(crate) fn creates(&self) -> bool {
        self.previous.is_none()
    }

    /// The model's location, its short name; the engine has checked that there is one.
    pub(crate) fn location(&self) -> &str {
        json::text(&self.model, "location").unwrap_or_default()
    }
}

/// What a provider may change. Everything here is committed: refuse in
/// [`Provider::validate`], [`Provider::refuse_delete`] or before the first change in
/// [`Provider::route`].
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    /// Now.
    pub(crate) now: Instant,
    /// What exists.
    pub(crate) store: &'a mut Store,
    /// Who has which private address.
    pub(crate) addresses: &'a mut AddressBook,
    /// What the data plane says.
    pub(crate) reported: Facts<'a>,
    /// The knobs.
    pub(crate) config: &'a ControlPlaneConfig,
    /// Wall-clock texts.
    pub(crate) clock: Clock,
    /// This type's node of the seed tree.
    pub(crate) seed: Seed,
    /// The fault schedule, for points of this type's own (`gateway.apply`).
    pub(crate) faults: &'a mut Faults,
    /// What the data plane is to do, in order.
    pub(crate) desired: &'a mut Vec<Desired>,
    /// What happened.
    pub(crate) events: &'a mut Vec<Timed>,
    /// Writes to other resources, made by the engine right after this call.
    pub(crate) outbox: &'a mut Vec<InternalWrite>,
}

impl Scope<'_> {
    /// The read-only view.
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            now: self.now,
            store: self.store,
            addresses: self.addresses,
            reported: self.reported,
            config: self.config,
            clock: self.clock,
            seed: self.seed,
        }
    }

    /// Records an event at this instant.
    pub(crate) fn event(&mut self, event: Event) {
        self.events.push(Timed {
            at: self.now,
            event,
        });
    }

    /// Draws an operation's time in this cloud's profile, whole milliseconds from now.
    pub(crate) fn ending(&self, duration: Duration, seed: Seed) -> Instant {
        let millis = duration.draw(self.config.profile, self.config.duration_scale, seed);
        (self.now + std::time::Duration::from_millis(millis)).ceil_millis()
    }

    /// Stores a document of the provider's own at `id`, below one of its resources, such as a
    /// scale set's instance; it is not listed as a resource, protects what it references, holds
    /// `claims`, and goes with its parent. An existing one is replaced.
    pub(crate) fn put_child(
        &mut self,
        parent: &Resource,
        id: ResourceId,
        model: Value,
        claims: &[Claim],
    ) {
        let references = references::collect(&id, &model).unwrap_or_default();
        let before = self.store.get(&id);
        let version = before.map_or(1, |before| before.version + 1);
        let resource = Resource {
            provider: parent.provider,
            model: Arc::new(model),
            state: State::Succeeded,
            etag: format!("\"{version}\""),
            version,
            generation: before.map_or(1, |before| before.generation + 1),
            guid: before.map_or_else(
                || super::clock::guid(self.seed.child(id.key()).at(self.now.as_millis())),
                |before| before.guid.clone(),
            ),
            created: before.map_or(self.now, |before| before.created),
            references,
            id,
        };
        self.addresses.commit(&resource.id, claims);
        self.store.put(resource);
    }

    /// Removes a document stored by [`Scope::put_child`] and frees its addresses.
    pub(crate) fn remove_child(&mut self, id: &ResourceId) {
        self.addresses.release(id);
        self.store.remove(id);
    }
}

/// A write one provider asks of another resource, merged into its model.
#[derive(Clone, Debug)]
pub(crate) struct InternalWrite {
    /// The resource.
    pub(crate) id: ResourceId,
    /// The part to merge.
    pub(crate) part: Value,
    /// Who asks, in events.
    pub(crate) caller: String,
}

/// A request below a resource that is no inline child.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    /// The method.
    pub(crate) method: &'a Method,
    /// The resource.
    pub(crate) id: &'a ResourceId,
    /// The segments after the resource, decoded, as sent: compare without case.
    pub(crate) rest: &'a [String],
    /// The query's parameters, decoded, names as sent.
    pub(crate) query: &'a [(String, String)],
    /// The body; `Value::Null` when empty.
    pub(crate) body: &'a Value,
    /// Who asks, as in [`Event::Arm`].
    pub(crate) caller: &'a str,
    /// The request's `api-version`.
    pub(crate) api_version: &'a str,
}

impl Call<'_> {
    /// Whether the method is `method` and the rest reads as `pattern`, without case; `*` stands
    /// for any one segment: `call.is("GET", &["virtualMachines", "*", "instanceView"])`.
    pub(crate) fn is(&self, method: &str, pattern: &[&str]) -> bool {
        self.method == method
            && self.rest.len() == pattern.len()
            && self
                .rest
                .iter()
                .zip(pattern)
                .all(|(segment, pattern)| *pattern == "*" || segment.eq_ignore_ascii_case(pattern))
    }

    /// A query parameter, by name without case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.query.iter();
        let found = parameters.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What a provider did with a [`Call`].
#[derive(Clone, Debug)]
pub(crate) enum Handled {
    /// An answer with a body, at once.
    Answer(StatusCode, Value),
    /// An answer without body, at once.
    Empty(StatusCode),
    /// An operation that ends at an instant; [`Provider::settle`] is called then, and may give
    /// the result that `Location` answers.
    Operation(Begun),
    /// The route exists for other methods only: 405.
    MethodNotAllowed,
    /// Azure has this route and we do not: 501, with a row in the ledger of unhandled calls.
    NotEmulated,
    /// No such route: 404.
    Unknown,
}

/// An operation a [`Call`] began.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    /// Its verb in events and for [`Provider::settle`], such as `backendhealth`.
    pub(crate) verb: &'static str,
    /// When it ends.
    pub(crate) ends_at: Instant,
    /// What [`Provider::settle`] is to know.
    pub(crate) payload: Value,
    /// The first answer: `None` for 202 without body; a PUT or PATCH gives its status and body.
    pub(crate) answer: Option<(StatusCode, Value)>,
    /// Whether the resource shows `Updating` meanwhile and a new etag.
    pub(crate) updates: bool,
}

/// An operation that has come to its end.
#[derive(Clone, Debug)]
pub(crate) struct Ended<'a> {
    /// The resource.
    pub(crate) id: &'a ResourceId,
    /// `PUT`, `PATCH`, [`DELETE`] or a [`Begun::verb`].
    pub(crate) verb: &'a str,
    /// The [`Begun::payload`]; `Null` for writes.
    pub(crate) payload: &'a Value,
    /// The resource's generation when the operation began.
    pub(crate) generation: u64,
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
    /// It ends badly after all.
    Failed(ErrorBody),
    /// It has not ended: ask again then.
    Again(Instant),
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

    /// An operation has come to its end, also by cancellation; `Again` is then ignored. For
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

    /// Completes an answer: back-references and what the data plane reports. The document has ids,
    /// etags and states already. Answers are cached until the store changes; a type whose view
    /// reads `reported` says so in [`Provider::view_is_volatile`].
    fn view(&self, _context: &Context<'_>, _resource: &Resource, _document: &mut Value) {}

    /// Whether answers depend on more than the store.
    fn view_is_volatile(&self) -> bool {
        false
    }

    /// A request below a resource of this type that is no inline child: actions, instances, views.
    /// The resource exists and is not being deleted (GET also while it is).
    ///
    /// # Errors
    /// The refusal to answer; nothing may have changed then.
    fn route(&mut self, _scope: &mut Scope<'_>, _call: &Call<'_>) -> Result<Handled, ArmError> {
        Ok(Handled::Unknown)
    }

    /// When this type next has something to do by itself, beside operations.
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
