//! Somebody's own orchestrator in the worlds of this crate.
//!
//! Implement [`Orchestrator`] for a value that lives as long as the program, and run it as
//! [`Subject::Own`](crate::subject::Subject::Own): the same scenarios, faults and oracles as for
//! ours. `examples/own_orchestrator.rs` is a whole one. An orchestrator that is a program of its own
//! needs no adapter: `turquoise verify-script` judges it over sockets.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use turquoise_arm::ResourceId;
use turquoise_orchestrator::environment::{ProbeAnswer, ProbeRequest, TransportError};
use turquoise_orchestrator::{Environment, Instant};

use crate::observation::{End, Outcome};
pub use crate::script::ScriptError;
use crate::script::{Script, set_pool};
use crate::target::Target;

/// Somebody's own orchestrator.
///
/// ```
/// use futures_util::FutureExt;
/// use futures_util::future::LocalBoxFuture;
/// use turquoise_scenarios::adapter::{Azure, Claim, Orchestrator};
/// use turquoise_scenarios::run::{Level, Runner};
/// use turquoise_scenarios::subject::Subject;
/// use turquoise_scenarios::target::Target;
///
/// /// Goes straight to the new side.
/// #[derive(Debug)]
/// struct Straight;
///
/// impl Orchestrator for Straight {
///     fn name(&self) -> &'static str {
///         "straight"
///     }
///
///     fn swap<'a>(&'a self, azure: &'a Azure<'a>, target: &'a Target) -> LocalBoxFuture<'a, Claim> {
///         async move {
///             match azure.write_pool(target, &[target.new.address]).await {
///                 Ok(()) => Claim::completed(),
///                 Err(error) => Claim::failed(error.to_string()),
///             }
///         }
///         .boxed_local()
///     }
/// }
///
/// let calm = turquoise_scenarios::generate::calm(1);
/// let ran = Runner::default().run(Level::Core, Subject::Own(&Straight), &calm)?;
/// assert!(!ran.verdict.holds(), "an instance of the gateway has nobody that it has probed");
/// # Ok::<_, turquoise_scenarios::world::WorldError>(())
/// ```
pub trait Orchestrator: fmt::Debug + Send + Sync {
    /// How reports name it, and how its requests name their caller; oracles tell by it which
    /// writes are its own.
    fn name(&self) -> &'static str;

    /// Swaps `target` from its old side to its new one and says how that ended.
    ///
    /// Wait only through `azure`: time is virtual, and a real wait would stop it. When the future
    /// never completes the run ends after six hours of virtual time, in breach of L1.
    fn swap<'a>(&'a self, azure: &'a Azure<'a>, target: &'a Target) -> LocalBoxFuture<'a, Claim>;
}

/// How an orchestrator says that it ended; S23 judges whether that is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The exit code and what it stands for (failure-catalogue.md E.4).
    pub end: End,
    /// Why, for people; empty for a success.
    pub reason: String,
}

impl Claim {
    /// The new side serves alone.
    #[must_use]
    pub fn completed() -> Self {
        Self::new(0, Outcome::Completed, String::new())
    }

    /// The old side serves alone again.
    #[must_use]
    pub fn rolled_back(reason: impl Into<String>) -> Self {
        Self::new(5, Outcome::RolledBack, reason)
    }

    /// Nothing was changed.
    #[must_use]
    pub fn unchanged(reason: impl Into<String>) -> Self {
        Self::new(4, Outcome::Unchanged, reason)
    }

    /// Stopped where it is safe; a person decides.
    #[must_use]
    pub fn parked(reason: impl Into<String>) -> Self {
        Self::new(7, Outcome::Parked, reason)
    }

    /// Gave up without knowing the state.
    #[must_use]
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::new(1, Outcome::Failed, reason)
    }

    fn new(exit_code: u8, outcome: Outcome, reason: impl Into<String>) -> Self {
        Self {
            end: End { exit_code, outcome },
            reason: reason.into(),
        }
    }
}

/// The Azure that an orchestrator acts on, on whatever level of simulation, or on sockets.
///
/// It is an [`Environment`] too: whatever is written against that seam runs here, requests of any
/// shape included.
pub struct Azure<'a> {
    world: &'a dyn World,
    caller: &'static str,
}

impl fmt::Debug for Azure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Azure")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

impl<'a> Azure<'a> {
    /// The Azure of an environment, for the orchestrator of that name.
    pub fn new<E: Environment>(environment: &'a E, caller: &'static str) -> Self {
        let world = environment;
        Self { world, caller }
    }

    /// Lets virtual time pass.
    pub async fn sleep(&self, span: Duration) {
        self.world.sleep_until(self.world.now() + span).await;
    }

    /// Reads a resource; a read that fails is repeated a few times.
    ///
    /// # Errors
    /// [`ScriptError`] when Azure refuses or does not answer.
    pub async fn get(&self, target: &Target, id: &ResourceId) -> Result<Value, ScriptError> {
        Script::new(self, target, self.caller).get(id).await
    }

    /// Replaces a resource, once, and waits for the end of the operation.
    ///
    /// # Errors
    /// [`ScriptError`] when Azure refuses, does not answer, or the operation ends badly. Only after
    /// a refusal is it sure that nothing was changed.
    pub async fn put(
        &self,
        target: &Target,
        id: &ResourceId,
        body: &Value,
    ) -> Result<(), ScriptError> {
        Script::new(self, target, self.caller).put(id, body).await
    }

    /// Reads the gateway, makes the pool list `members` and puts it back, without `If-Match`.
    ///
    /// # Errors
    /// As [`Azure::put`], and when the gateway has no such pool.
    pub async fn write_pool(
        &self,
        target: &Target,
        members: &[Ipv4Addr],
    ) -> Result<(), ScriptError> {
        let mut gateway = self.get(target, &target.gateway).await?;
        let members: Vec<String> = members.iter().map(ToString::to_string).collect();
        if !set_pool(&mut gateway, &target.pool, &members) {
            return Err(ScriptError::Document {
                what: format!("editing `{}`", target.gateway.name()),
                member: "backend address pool",
            });
        }
        self.put(target, &target.gateway, &gateway).await
    }
}

impl Environment for Azure<'_> {
    fn now(&self) -> Instant {
        self.world.now()
    }

    fn unix_millis(&self) -> u64 {
        self.world.unix_millis()
    }

    async fn sleep_until(&self, at: Instant) {
        self.world.sleep_until(at).await;
    }

    async fn arm(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        self.world.arm(request).await
    }

    async fn probe(&self, request: ProbeRequest) -> Result<ProbeAnswer, TransportError> {
        self.world.probe(request).await
    }

    fn random(&self, stream: &str) -> u64 {
        self.world.random(stream)
    }

    fn interrupted(&self) -> bool {
        self.world.interrupted()
    }
}

type Answer<T> = Result<T, TransportError>;

/// An [`Environment`] behind a reference, so that adapters need no type parameter.
trait World {
    fn now(&self) -> Instant;
    fn unix_millis(&self) -> u64;
    fn sleep_until(&self, at: Instant) -> LocalBoxFuture<'_, ()>;
    fn arm(
        &self,
        request: http::Request<Bytes>,
    ) -> LocalBoxFuture<'_, Answer<http::Response<Bytes>>>;
    fn probe(&self, request: ProbeRequest) -> LocalBoxFuture<'_, Answer<ProbeAnswer>>;
    fn random(&self, stream: &str) -> u64;
    fn interrupted(&self) -> bool;
}

impl<E: Environment> World for E {
    fn now(&self) -> Instant {
        Environment::now(self)
    }

    fn unix_millis(&self) -> u64 {
        Environment::unix_millis(self)
    }

    fn sleep_until(&self, at: Instant) -> LocalBoxFuture<'_, ()> {
        Box::pin(Environment::sleep_until(self, at))
    }

    fn arm(
        &self,
        request: http::Request<Bytes>,
    ) -> LocalBoxFuture<'_, Answer<http::Response<Bytes>>> {
        Box::pin(Environment::arm(self, request))
    }

    fn probe(&self, request: ProbeRequest) -> LocalBoxFuture<'_, Answer<ProbeAnswer>> {
        Box::pin(Environment::probe(self, request))
    }

    fn random(&self, stream: &str) -> u64 {
        Environment::random(self, stream)
    }

    fn interrupted(&self) -> bool {
        Environment::interrupted(self)
    }
}
