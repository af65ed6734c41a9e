//! The untouched world as an interference sees it, and what a request is about.

use std::fmt;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{Method, Request, Response};
use serde_json::Value;
use turquoise_arm::ResourceId;
use turquoise_orchestrator::environment::ProbeRequest;
use turquoise_orchestrator::{Environment, Instant};

use super::{ArmAnswer, CALLER, ProbeResult};
use crate::script::{Accepted, Script, ScriptError, pool_addresses};
use crate::target::Target;

/// The untouched environment as an interference sees it, whatever its type.
#[derive(Clone, Copy)]
pub(crate) struct Seam<'a> {
    inner: &'a dyn Boxed,
    pub(crate) target: &'a Target,
    /// Which process of the run this is, from 0: a resume after a crash is the next one, and so is a
    /// second orchestrator.
    pub(crate) process: u32,
}

impl<'a> Seam<'a> {
    pub(super) fn new(inner: &'a impl Environment, target: &'a Target, process: u32) -> Self {
        Self {
            inner,
            target,
            process,
        }
    }

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

    /// Whether this is the write that leaves the old side alone, as the last one on the way back.
    pub(crate) fn removes_new(&self, target: &Target) -> bool {
        *self == Self::WriteGateway(vec![target.old.address.to_string()])
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

    fn interrupted(&self) -> bool {
        self.inner.boxed_interrupted()
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
    fn boxed_interrupted(&self) -> bool;
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

    fn boxed_interrupted(&self) -> bool {
        self.interrupted()
    }
}
