//! How a mutant comes to be: the real orchestrator behind a world that lies or interferes.
//!
//! An orchestrator that forgets `If-Match` and one whose `If-Match` is cut from the wire do the
//! same to Azure. So mutants wrap the seams, and production code carries no branch for them. What
//! can be wrapped: ARM requests, probes, the clock, the interrupt, the tokens, the journal, the
//! lease, what is observed and reported, and how a process begins; [`Interference::instead`] puts a
//! script in the orchestrator's place.

mod begin;
mod seam;
mod stores;

use std::fmt;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{Request, Response};
use serde_json::{Map, Value};
use turquoise_arm::json as tree;
use turquoise_orchestrator::environment::{ProbeAnswer, ProbeRequest, TransportError};
use turquoise_orchestrator::{
    Environment, Instant, JournalStore, Lease, LeaseStore, Observer, Progress, RunId, StoreError,
    SwapReport, TokenError, Version,
};

use crate::target::Target;

pub(crate) use begin::{Begin, Verb};
pub(crate) use seam::{Call, Seam};

/// What an ARM call yields.
pub(crate) type ArmAnswer = Result<Response<Bytes>, TransportError>;
/// What a probe yields.
pub(crate) type ProbeResult = Result<ProbeAnswer, TransportError>;
/// What a store yields.
pub(crate) type Stored<T> = Result<T, StoreError>;

/// The user agent of what a mutant sends by itself: it counts as the orchestrator's.
pub(crate) const CALLER: &str = "turquoise-mutant";

/// What a mutant does to the orchestrator it wraps. Everything passes by default.
///
/// One interference lives as long as the run with all its processes: what a crash takes away is
/// forgotten in [`Interference::begin`].
pub(crate) trait Interference: fmt::Debug {
    /// An ARM request.
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move { seam.arm(request).await })
    }

    /// A probe.
    fn probe<'a>(
        &'a self,
        seam: Seam<'a>,
        request: ProbeRequest,
    ) -> LocalBoxFuture<'a, ProbeResult> {
        Box::pin(async move { seam.probe(request).await })
    }

    /// The monotonic clock.
    fn now(&self, seam: Seam<'_>) -> Instant {
        seam.now()
    }

    /// The wall clock.
    fn unix_millis(&self, seam: Seam<'_>) -> u64 {
        seam.unix_millis()
    }

    /// A sleep until an instant of [`Interference::now`].
    fn sleep_until<'a>(&'a self, seam: Seam<'a>, at: Instant) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move { seam.sleep_until(at).await })
    }

    /// Whether someone asked the process to stop.
    fn interrupted(&self, seam: Seam<'_>) -> bool {
        seam.interrupted()
    }

    /// The token for the next request, given the one that is valid now.
    fn token(&self, valid: Result<String, TokenError>) -> Result<String, TokenError> {
        valid
    }

    /// A read of the journal.
    fn read_journal<'a>(
        &'a self,
        _seam: Seam<'a>,
        store: &'a dyn JournalStore,
        run: &'a RunId,
    ) -> LocalBoxFuture<'a, Stored<Vec<String>>> {
        store.read(run)
    }

    /// A line for the journal.
    fn append<'a>(
        &'a self,
        _seam: Seam<'a>,
        store: &'a dyn JournalStore,
        run: &'a RunId,
        at: usize,
        line: &'a str,
    ) -> LocalBoxFuture<'a, Stored<()>> {
        store.append(run, at, line)
    }

    /// The list of runs that the journal knows.
    fn runs<'a>(
        &'a self,
        _seam: Seam<'a>,
        store: &'a dyn JournalStore,
    ) -> LocalBoxFuture<'a, Stored<Vec<RunId>>> {
        store.runs()
    }

    /// A read of the lease.
    fn read_lease<'a>(
        &'a self,
        _seam: Seam<'a>,
        store: &'a dyn LeaseStore,
    ) -> LocalBoxFuture<'a, Stored<Option<(Version, Lease)>>> {
        store.read()
    }

    /// A lease taken, renewed or given back.
    fn put_lease<'a>(
        &'a self,
        _seam: Seam<'a>,
        store: &'a dyn LeaseStore,
        expected: Option<&'a Version>,
        lease: &'a Lease,
    ) -> LocalBoxFuture<'a, Stored<Version>> {
        store.put(expected, lease)
    }

    /// What the orchestrator tells; `at` is the world's time, whatever the mutant's clock says.
    fn tell(&self, at: Instant, progress: &Progress, observer: &dyn Observer) {
        observer.on(at, progress);
    }

    /// How a process begins.
    fn begin(&self, _seam: Seam<'_>, begin: Begin) -> Begin {
        begin
    }

    /// What a process reports in the end.
    fn report(&self, report: SwapReport) -> SwapReport {
        report
    }

    /// Another orchestrator in the place of the real one: a script of its own.
    fn instead<'a>(&'a self, _seam: Seam<'a>) -> Option<LocalBoxFuture<'a, SwapReport>> {
        None
    }
}

/// A process of the orchestrator with an interference around it.
#[derive(Debug)]
pub(crate) struct Interfered<E> {
    pub(crate) inner: E,
    pub(crate) interference: Rc<dyn Interference>,
    pub(crate) target: Target,
    /// Which process of the run it is, from 0.
    pub(crate) process: u32,
}

impl<E: Environment> Environment for Interfered<E> {
    fn now(&self) -> Instant {
        self.interference.now(self.seam())
    }

    fn unix_millis(&self) -> u64 {
        self.interference.unix_millis(self.seam())
    }

    async fn sleep_until(&self, at: Instant) {
        self.interference.sleep_until(self.seam(), at).await;
    }

    async fn arm(&self, request: Request<Bytes>) -> ArmAnswer {
        self.interference.arm(self.seam(), request).await
    }

    async fn probe(&self, request: ProbeRequest) -> ProbeResult {
        self.interference.probe(self.seam(), request).await
    }

    fn random(&self, stream: &str) -> u64 {
        self.inner.random(stream)
    }

    fn interrupted(&self) -> bool {
        self.interference.interrupted(self.seam())
    }
}

impl<E: Environment> Interfered<E> {
    /// The world behind the interference.
    pub(crate) fn seam(&self) -> Seam<'_> {
        Seam::new(&self.inner, &self.target, self.process)
    }
}

/// Sends a request as it is.
pub(crate) async fn pass(seam: &Seam<'_>, request: Request<Bytes>) -> ArmAnswer {
    seam.arm(request).await
}

/// The request with its precondition cut off.
pub(crate) fn without_if_match(mut request: Request<Bytes>) -> Request<Bytes> {
    request.headers_mut().remove(http::header::IF_MATCH);
    request
}

/// No interference at all: the mutant is in its configuration.
#[derive(Debug)]
pub(crate) struct Passes;

impl Interference for Passes {}

/// Edits the properties of each backend setting in a gateway write; what is no gateway stays.
pub(crate) fn edit_backend_settings(
    request: &mut Request<Bytes>,
    edit: impl Fn(&mut Map<String, Value>),
) {
    let Ok(mut gateway) = serde_json::from_slice::<Value>(request.body()) else {
        return;
    };
    let settings = tree::get_mut(&mut gateway, "properties")
        .and_then(|properties| tree::get_mut(properties, "backendHttpSettingsCollection"))
        .and_then(Value::as_array_mut);
    for setting in settings.into_iter().flatten() {
        if let Some(Value::Object(members)) = tree::get_mut(setting, "properties") {
            edit(members);
        }
    }
    *request.body_mut() = Bytes::from(gateway.to_string());
}
