//! The control plane: ARM requests in, answers out, desired state down.
//!
//! [`ControlPlane`] is the engine. What is particular to a resource type is a
//! `Provider` under `providers/`; read its docs first. A request is taken
//! apart in `request`, sorted by `route`, and answered by one of the verbs (`read`, `write`,
//! `delete`, `action`, `groups`, `subscriptions`); long answers live in `lro` and end in
//! `advance_to`. Nothing here knows sockets, clocks or the data plane's insides.

mod action;
mod addresses;
mod answer;
mod autoscale;
mod body;
mod clock;
pub mod config;
mod conflict;
mod delete;
mod deployments;
mod durations;
mod export;
mod fleet;
mod groups;
mod in_use;
mod inspect;
mod ledger;
mod locations;
mod locks;
mod lro;
mod marketplace;
mod metrics;
mod name_rule;
mod nested;
mod operations;
mod paging;
mod places;
mod precondition;
mod provider;
mod providers;
mod read;
mod references;
mod reply;
mod request;
mod resolve;
mod route;
mod schema;
mod scope;
mod stale;
mod store;
mod subscriptions;
mod tags;
mod throttle;
mod write;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use turquoise_arm::{ArmError, ResourceId};

pub use self::config::{ConflictMode, ControlPlaneConfig, Profile};
pub use self::ledger::Unhandled;
pub use self::throttle::{Bucket, Throttling};

pub(crate) use self::clock::guid;
#[cfg(test)]
pub(crate) use self::config::SUBSCRIPTION;
pub(crate) use self::inspect::ResourceRow;
pub(crate) use self::request::{Request as RequestParts, parameter};
pub(crate) use self::subscriptions::TENANT_DOMAIN;

use self::addresses::AddressBook;
use self::answer::Answer;
use self::clock::Clock;
use self::deployments::Deployments;
use self::lro::Operations;
use self::provider::{Facts, InternalWrite, Provider, Scope};
use self::request::Request;
use self::route::{Below, Route};
use self::store::Store;
use crate::cloud::Reply;
use crate::desired::Desired;
use crate::event::Timed;
use crate::faults::{Fault, Faults, Interference};
use crate::reported::Reported;
use crate::seed::Seed;
use crate::time::Instant;

/// The control plane.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    config: ControlPlaneConfig,
    clock: Clock,
    seed: Seed,
    faults: Faults,
    store: Store,
    addresses: AddressBook,
    operations: Operations,
    deployments: Deployments,
    providers: Vec<Box<dyn Provider>>,
    /// The providers that have deadlines of their own.
    timed: Vec<usize>,
    desired: Vec<Desired>,
    events: Vec<Timed>,
    outbox: Vec<InternalWrite>,
    unhandled: BTreeMap<(String, String), u64>,
    locks: BTreeMap<locks::LockKey, locks::Lock>,
    views: BTreeMap<String, read::Cached>,
    requests: u64,
    etags: u64,
    times: (u64, String, String),
    history: stale::History,
    buckets: throttle::Buckets,
    /// What the request being answered has left of its buckets.
    left: Option<throttle::Left>,
}

/// One request being answered.
#[derive(Clone, Copy)]
struct Turn<'a> {
    now: Instant,
    reported: &'a dyn Reported,
    request: &'a Request<'a>,
}

impl ControlPlane {
    pub(crate) fn new(config: ControlPlaneConfig, seed: Seed, faults: Faults) -> Self {
        let providers = providers::all();
        let timed = (0..providers.len()).filter(|index| providers[*index].is_timed());
        Self {
            timed: timed.collect(),
            clock: Clock::new(config.epoch_unix_ms),
            config,
            seed,
            faults,
            store: Store::default(),
            addresses: AddressBook::default(),
            operations: Operations::new(seed.child("operations")),
            deployments: Deployments::default(),
            providers,
            desired: Vec::new(),
            events: Vec::new(),
            outbox: Vec::new(),
            unhandled: BTreeMap::new(),
            locks: BTreeMap::new(),
            views: BTreeMap::new(),
            requests: 0,
            etags: 0,
            times: (u64::MAX, String::new(), String::new()),
            history: stale::History::default(),
            buckets: throttle::Buckets::default(),
            left: None,
        }
    }

    /// Goes on with other randomness and another fault schedule; what exists stays.
    pub(crate) fn rearm(&mut self, seed: Seed, faults: Faults) {
        self.seed = seed;
        self.faults = faults;
        self.history = stale::History::default();
    }

    /// The configuration this control plane began with.
    #[must_use]
    pub fn config(&self) -> &ControlPlaneConfig {
        &self.config
    }

    /// Calls that Azure would answer and we do not, with how often they came.
    #[must_use]
    pub fn unhandled(&self) -> Vec<Unhandled> {
        ledger::rows(&self.unhandled)
    }

    /// Answers one request, after everything due before `now` has happened.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        request: &http::Request<Bytes>,
        reported: &dyn Reported,
    ) -> Reply {
        let request = Request::read(request);
        let turn = Turn {
            now,
            reported,
            request: &request,
        };
        let method = request.method.as_str();
        let meddling = self
            .faults
            .on_request(now.as_millis(), method, request.path);
        self.collect_hits(now);
        let lost = matches!(meddling, Some(Interference::ReplyLost));
        let answer = match meddling {
            Some(Interference::ResetBefore) => {
                self.record(turn, 0, None, false);
                return Reply::Reset;
            }
            Some(Interference::Refuse {
                status,
                code,
                retry_after,
            }) => Answer::refusal(&reply::injected(status, &code, retry_after)),
            Some(Interference::RetryAtDate(seconds)) => {
                let refusal = reply::injected(429, "SubscriptionRequestsThrottled", None);
                let date = self
                    .clock
                    .http_date(now + Duration::from_secs(u64::from(seconds)));
                Answer::refusal(&refusal).with(RETRY_AFTER, date)
            }
            Some(Interference::BareAnswer) => self.answer(turn).without_operation(),
            Some(Interference::ReplyLost) | None => match self.stale_answer(turn) {
                Some(stale) => stale,
                None => self.answer(turn),
            },
        };
        self.flush(now, reported);
        self.remember(now);
        if lost {
            self.record(turn, 0, answer.code, answer.applied);
            return Reply::Reset;
        }
        self.record(
            turn,
            answer.status.as_u16(),
            answer.code.clone(),
            answer.applied,
        );
        Reply::Answer(self.respond(turn, answer))
    }

    /// Ends what is due, in order.
    pub(crate) fn advance_to(&mut self, now: Instant, reported: &dyn Reported) {
        while let Some(number) = self.operations.due(now) {
            self.end_operation(now, reported, number);
        }
        self.push_deployments(now, reported);
        for at in 0..self.timed.len() {
            let index = self.timed[at];
            let due = self.providers[index].next_deadline();
            if due.is_some_and(|due| due <= now) {
                let (provider, mut scope) = self.parts(now, reported, index);
                provider.advance_to(&mut scope);
            }
        }
        self.flush(now, reported);
        self.remember(now);
    }

    /// Arms one more fault; what the data plane times by itself never acts here.
    pub(crate) fn arm_fault(&mut self, index: usize, fault: &Fault) {
        self.faults.arm(index, fault.clone());
    }

    /// Takes an armed fault back, whatever is left of it.
    pub(crate) fn disarm_fault(&mut self, index: usize) {
        self.faults.disarm(index);
    }

    /// When something is next due by itself.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let timed = self.timed.iter();
        let providers = timed.filter_map(|index| self.providers[*index].next_deadline());
        let operations = self.operations.next_deadline();
        providers
            .chain(operations)
            .chain(self.deployments.next_deadline())
            .min()
    }

    pub(crate) fn drain_desired(&mut self) -> Vec<Desired> {
        std::mem::take(&mut self.desired)
    }

    pub(crate) fn drain_events(&mut self) -> Vec<Timed> {
        std::mem::take(&mut self.events)
    }

    fn answer(&mut self, turn: Turn<'_>) -> Answer {
        match self.dispatch(turn) {
            Ok(answer) => answer,
            Err(refusal) => {
                let answer = Answer::refusal(&refusal);
                if refusal.status == StatusCode::UNAUTHORIZED {
                    let login = turn.request.login().unwrap_or(&self.config.login);
                    answer.with_challenge(login, &self.config.tenant)
                } else {
                    answer
                }
            }
        }
    }

    fn dispatch(&mut self, turn: Turn<'_>) -> Result<Answer, ArmError> {
        let request = turn.request;
        self.authorise(turn)?;
        self.throttle(turn)?;
        let route = route::route(&request.segments);
        if route == Route::Unknown {
            return Err(not_a_route(request));
        }
        request.api_version()?;
        match route {
            Route::Subscriptions => get_only(request, || self.subscriptions()),
            Route::Tenants => get_only(request, || self.tenants()),
            Route::In(subscription, below) => {
                self.check_subscription(&subscription)?;
                self.dispatch_below(turn, below)
            }
            Route::Unknown => Err(not_a_route(request)),
        }
    }

    fn dispatch_below(&mut self, turn: Turn<'_>, below: Below) -> Result<Answer, ArmError> {
        let request = turn.request;
        // A lock is no obstacle to its own removal.
        if !matches!(below, Below::Locks { .. }) {
            self.check_locks(request)?;
        }
        if let Some(address) = deployments::address(&request.segments) {
            return self.on_deployments(turn, &address);
        }
        match below {
            Below::Subscription => get_only(request, || self.subscription()),
            Below::Locations => get_only(request, || {
                Answer::ok(&locations::list(&self.config.subscription))
            }),
            Below::Providers => get_only(request, || self.provider_list()),
            Below::Provider(namespace) => self.provider_metadata(request, &Method::GET, &namespace),
            Below::Register(namespace) => {
                self.provider_metadata(request, &Method::POST, &namespace)
            }
            Below::Operation { id, result } => self.poll(turn, &id, result),
            Below::GroupOperation(id) => self.poll(turn, &id, true),
            Below::Resources(group) => self.generic_list(turn, group.as_deref()),
            Below::Groups => self.list_groups(turn),
            Below::Group(name) => self.on_group(turn, &name),
            Below::GroupAction(name, action) => self.on_group_action(turn, &name, &action),
            Below::List {
                group,
                resource_type,
            } => self.list(turn, group.as_deref(), &resource_type),
            Below::Resource {
                group,
                resource_type,
                name,
                rest,
            } => self.on_resource(turn, &group, &resource_type, &name, &rest),
            Below::Locks { scope, name } => {
                let scope = self.scope(request, &scope)?.text;
                match name {
                    Some(name) => self.on_lock(turn, &scope, &name),
                    None => self.on_locks(turn, &scope),
                }
            }
            Below::Tags { scope } => match self.scope(request, &scope)?.id {
                Some(id) => self.on_tags(turn, &id),
                None => Err(self.unhandled_call(request, "Microsoft.Resources/tags")),
            },
            Below::Metrics { scope, definitions } => match self.scope(request, &scope)?.id {
                Some(id) => self.on_metrics(turn, &id, definitions),
                None => Err(self.unhandled_call(request, "Microsoft.Insights/metrics")),
            },
            Below::MarketplaceImage(image) => self.on_marketplace_image(turn, &image),
            Below::TagNames => get_only(request, || self.tag_names()),
            Below::Place { location, place } => self.on_place(turn, &location, place),
            Below::Skus => self.on_skus(turn),
            Below::Extension(resource_type) => Err(self.not_emulated(request, &resource_type)),
            Below::Unknown => Err(not_a_route(request)),
        }
    }

    fn on_resource(
        &mut self,
        turn: Turn<'_>,
        group: &str,
        resource_type: &str,
        name: &str,
        rest: &[String],
    ) -> Result<Answer, ArmError> {
        let provider = self.provider_of(turn.request, resource_type)?;
        let id = self.resource_id(group, provider, name)?;
        self.at_resource(turn, provider, &id, rest)
    }

    /// A request at a resource or at what `rest` names below it.
    fn at_resource(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        id: &ResourceId,
        rest: &[String],
    ) -> Result<Answer, ArmError> {
        if let Some(nested) = rest.first().and_then(|kind| self.nested(provider, kind)) {
            return self.on_nested(turn, nested, id, rest);
        }
        if !rest.is_empty() {
            return self.below_resource(turn, provider, id, rest);
        }
        match *turn.request.method {
            Method::GET => self.show(turn, id),
            Method::HEAD => Ok(self.head(id)),
            Method::PUT => self.put(turn, provider, id),
            Method::PATCH => self.patch(turn, provider, id),
            Method::DELETE => self.delete(turn, id),
            _ => Err(method_not_allowed(turn.request)),
        }
    }

    /// A provider and what it may change.
    fn parts<'a>(
        &'a mut self,
        now: Instant,
        reported: &'a dyn Reported,
        provider: usize,
    ) -> (&'a mut dyn Provider, Scope<'a>) {
        let provider = self.providers[provider].as_mut();
        let scope = Scope {
            now,
            store: &mut self.store,
            addresses: &mut self.addresses,
            reported: Facts(reported),
            config: &self.config,
            clock: self.clock,
            seed: self.seed.child(provider.kind().resource_type),
            faults: &mut self.faults,
            desired: &mut self.desired,
            events: &mut self.events,
            outbox: &mut self.outbox,
        };
        (provider, scope)
    }

    /// Makes the writes that providers asked for; they may ask for more.
    fn flush(&mut self, now: Instant, reported: &dyn Reported) {
        while !self.outbox.is_empty() {
            for write in std::mem::take(&mut self.outbox) {
                self.internal_write(now, reported, write);
            }
        }
        self.collect_hits(now);
    }
}

fn get_only(request: &Request<'_>, answer: impl FnOnce() -> Answer) -> Result<Answer, ArmError> {
    if *request.method == Method::GET {
        Ok(answer())
    } else {
        Err(method_not_allowed(request))
    }
}

fn method_not_allowed(request: &Request<'_>) -> ArmError {
    ArmError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "HttpMethodNotAllowed",
        format!(
            "The method '{}' is not allowed at '{}'.",
            request.method, request.path
        ),
    )
}

fn not_a_route(request: &Request<'_>) -> ArmError {
    ArmError::not_found(
        "NotFound",
        format!("No route matches '{} {}'.", request.method, request.path),
    )
}
