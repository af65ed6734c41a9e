//! How a mutant comes to be: the real orchestrator behind an environment that lies or interferes.
//!
//! An orchestrator that forgets `If-Match` and one whose `If-Match` is cut from the wire do the
//! same to Azure. So mutants wrap the seam, and production code carries no branch for them.

use std::fmt;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{Method, Request, Response};
use serde_json::{Map, Value};
use turquoise_arm::{ResourceId, json as tree};
use turquoise_orchestrator::environment::{ProbeAnswer, ProbeRequest, TransportError};
use turquoise_orchestrator::{Environment, Instant};

use crate::script::{Accepted, Script, ScriptError, pool_addresses};
use crate::target::Target;

/// What an ARM call yields.
pub(crate) type ArmAnswer = Result<Response<Bytes>, TransportError>;
/// What a probe yields.
pub(crate) type ProbeResult = Result<ProbeAnswer, TransportError>;

/// The user agent of what a mutant sends by itself: it counts as the orchestrator's.
pub(crate) const CALLER: &str = "turquoise-mutant";

/// What a mutant does to the calls of the orchestrator it wraps.
pub(crate) trait Interference: fmt::Debug {
    /// An ARM request of the orchestrator; by default it passes.
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move { seam.arm(request).await })
    }

    /// A probe of the orchestrator; by default it passes.
    fn probe<'a>(
        &'a self,
        seam: Seam<'a>,
        request: ProbeRequest,
    ) -> LocalBoxFuture<'a, ProbeResult> {
        Box::pin(async move { seam.probe(request).await })
    }
}

/// An environment with an interference in front of it.
#[derive(Debug)]
pub(crate) struct Interfered<'m, E> {
    pub(crate) inner: E,
    pub(crate) interference: &'m dyn Interference,
    pub(crate) target: Target,
}

impl<E: Environment> Environment for Interfered<'_, E> {
    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn unix_millis(&self) -> u64 {
        self.inner.unix_millis()
    }

    async fn sleep_until(&self, at: Instant) {
        self.inner.sleep_until(at).await;
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
        self.inner.interrupted()
    }
}

impl<E: Environment> Interfered<'_, E> {
    fn seam(&self) -> Seam<'_> {
        Seam {
            inner: &self.inner,
            target: &self.target,
        }
    }
}

/// The untouched environment as an interference sees it, whatever its type.
#[derive(Clone, Copy)]
pub(crate) struct Seam<'a> {
    inner: &'a dyn Boxed,
    pub(crate) target: &'a Target,
}

impl<'a> Seam<'a> {
    /// A script that acts beside the orchestrator and in its name.
    pub(crate) fn script(&'a self) -> Script<'a, Self> {
        Script::new(self, self.target, CALLER)
    }

    /// Waits until the write that was answered so has ended.
    pub(crate) async fn finish(&self, answer: &Response<Bytes>) -> Result<(), ScriptError> {
        let accepted = Accepted::from_answer("following a write", answer);
        self.script().finish(accepted).await
    }

    /// What a request of the orchestrator is about.
    pub(crate) fn call(&self, request: &Request<Bytes>) -> Call {
        let path = request.uri().path().to_ascii_lowercase();
        let is = |id: &ResourceId| path == id.key();
        if is(&self.target.gateway) {
            return match *request.method() {
                Method::GET => Call::ReadGateway,
                Method::PUT => Call::WriteGateway(self.members(request)),
                _ => Call::Other,
            };
        }
        let writes = matches!(*request.method(), Method::PUT | Method::PATCH);
        if writes && path.contains("/autoscalesettings/") {
            return Call::WriteAutoscale(path);
        }
        Call::Other
    }

    fn members(&self, request: &Request<Bytes>) -> Vec<String> {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        pool_addresses(&body, &self.target.pool).unwrap_or_default()
    }
}

/// A request of the orchestrator, as far as mutants tell them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// It reads the gateway.
    ReadGateway,
    /// It writes the gateway with these members in the pool.
    WriteGateway(Vec<String>),
    /// It writes an autoscale setting: the path, in lower case.
    WriteAutoscale(String),
    /// Anything else.
    Other,
}

impl Call {
    /// Whether this is the write that takes the old side out: PUT 2.
    pub(crate) fn removes_old(&self, target: &Target) -> bool {
        *self == Self::WriteGateway(vec![target.new.address.to_string()])
    }

    /// Whether this is the write that adds the new side: PUT 1.
    pub(crate) fn adds_new(&self, target: &Target) -> bool {
        let new = target.new.address.to_string();
        matches!(self, Self::WriteGateway(members) if members.len() == 2 && members.contains(&new))
    }
}

impl fmt::Debug for Seam<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seam").finish_non_exhaustive()
    }
}

impl Environment for Seam<'_> {
    fn now(&self) -> Instant {
        self.inner.boxed_now()
    }

    fn unix_millis(&self) -> u64 {
        self.inner.boxed_unix_millis()
    }

    async fn sleep_until(&self, at: Instant) {
        self.inner.boxed_sleep(at).await;
    }

    async fn arm(&self, request: Request<Bytes>) -> ArmAnswer {
        self.inner.boxed_arm(request).await
    }

    async fn probe(&self, request: ProbeRequest) -> ProbeResult {
        self.inner.boxed_probe(request).await
    }

    fn random(&self, stream: &str) -> u64 {
        self.inner.boxed_random(stream)
    }
}

/// [`Environment`] as an object: async methods boxed.
trait Boxed {
    fn boxed_now(&self) -> Instant;
    fn boxed_unix_millis(&self) -> u64;
    fn boxed_sleep(&self, at: Instant) -> LocalBoxFuture<'_, ()>;
    fn boxed_arm(&self, request: Request<Bytes>) -> LocalBoxFuture<'_, ArmAnswer>;
    fn boxed_probe(&self, request: ProbeRequest) -> LocalBoxFuture<'_, ProbeResult>;
    fn boxed_random(&self, stream: &str) -> u64;
}

impl<E: Environment> Boxed for E {
    fn boxed_now(&self) -> Instant {
        self.now()
    }

    fn boxed_unix_millis(&self) -> u64 {
        self.unix_millis()
    }

    fn boxed_sleep(&self, at: Instant) -> LocalBoxFuture<'_, ()> {
        Box::pin(self.sleep_until(at))
    }

    fn boxed_arm(&self, request: Request<Bytes>) -> LocalBoxFuture<'_, ArmAnswer> {
        Box::pin(self.arm(request))
    }

    fn boxed_probe(&self, request: ProbeRequest) -> LocalBoxFuture<'_, ProbeResult> {
        Box::pin(self.probe(request))
    }

    fn boxed_random(&self, stream: &str) -> u64 {
        self.random(stream)
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
