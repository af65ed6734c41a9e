//! The world over sockets and the wall clock: emulator on loopback, or real Azure.
//!
//! With a speed of 20 a second of the environment's clock passes in 50 ms, so that a run against an
//! accelerated emulator waits, times out and bakes as it would against Azure.

mod addresses;
mod http_client;
mod outside;
mod probe;
mod trust;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rand::Rng as _;

use crate::environment::{
    Call, Environment, Instant, OutsideError, ProbeAnswer, ProbeRequest, Reply, TransportError,
};

pub use addresses::{AddressMap, AddressesError};
pub use http_client::HttpClient;
pub use trust::{Trust, TrustError};

/// How long an ARM request may take, in time of the environment: ARM itself gives up after 60 s.
const ARM_TIMEOUT: Duration = Duration::from_secs(100);

/// Time-outs are never shorter in real time, whatever the speed: a loaded machine is slow in real
/// time, not in the cloud's, and a reply given up too early is an ambiguous write.
const SLOWEST_MACHINE: Duration = Duration::from_secs(30);

/// The same for probes, which come in numbers: long enough for a busy scheduler, short enough for a
/// look to end.
const SLOWEST_PROBE: Duration = Duration::from_secs(2);

/// Sockets, the wall clock, and the operating system's randomness.
#[derive(Clone)]
pub struct LiveEnvironment {
    began: tokio::time::Instant,
    speed: f64,
    client: HttpClient,
    addresses: AddressMap,
    trust: Trust,
    interrupted: Arc<AtomicBool>,
}

impl fmt::Debug for LiveEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveEnvironment")
            .field("speed", &self.speed)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// Stops a run at its next safe point; clones stop the same run.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks the run to stop. May be called from a signal handler's task.
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl LiveEnvironment {
    /// A world in real time that trusts `trust` and reaches addresses as they are.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where the orchestrator meets the wall clock"
    )]
    pub fn new(trust: Trust) -> Self {
        Self {
            began: tokio::time::Instant::now(),
            speed: 1.0,
            client: HttpClient::new(&trust),
            addresses: AddressMap::default(),
            trust,
            interrupted: Arc::default(),
        }
    }

    /// Lets `speed` seconds of the environment's clock pass in each real second.
    #[must_use]
    pub fn with_speed(mut self, speed: f64) -> Self {
        self.speed = if speed > 0.0 { speed } else { 1.0 };
        self
    }

    /// Reaches the cloud's addresses through these sockets.
    #[must_use]
    pub fn with_addresses(mut self, addresses: AddressMap) -> Self {
        self.addresses = addresses;
        self
    }

    /// What stops the run.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        Interrupt(Arc::clone(&self.interrupted))
    }

    /// Asks an emulator at `endpoint` which sockets stand for its addresses; none for real Azure.
    ///
    /// # Errors
    /// When the endpoint cannot be reached or answers something else.
    pub async fn load_addresses(&mut self, endpoint: &str) -> Result<(), AddressesError> {
        self.addresses = addresses::load(self, endpoint).await?;
        Ok(())
    }

    /// A span of the environment's clock in real time.
    fn real(&self, span: Duration) -> Duration {
        span.div_f64(self.speed)
    }
}

impl Environment for LiveEnvironment {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "milliseconds since the start fit a u64 for longer than anyone waits"
    )]
    fn now(&self) -> Instant {
        let elapsed = self.began.elapsed().as_secs_f64() * self.speed;
        Instant((elapsed * 1_000.0) as u64)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where the orchestrator meets the wall clock"
    )]
    fn unix_millis(&self) -> u64 {
        let now = std::time::SystemTime::now();
        let since = now
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    async fn sleep_until(&self, at: Instant) {
        // One millisecond more, since `now` rounds down: after the sleep the clock shows `at`.
        let since = Duration::from_millis(at.0.saturating_add(1));
        tokio::time::sleep_until(self.began + self.real(since)).await;
    }

    async fn arm(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let limit = self.real(ARM_TIMEOUT).max(SLOWEST_MACHINE);
        self.client.send(request, limit).await
    }

    async fn probe(&self, request: ProbeRequest) -> Result<ProbeAnswer, TransportError> {
        let socket = self.addresses.socket(request.address, request.port);
        let limit = self.real(request.timeout).max(SLOWEST_PROBE);
        probe::send(&self.trust, socket, &request, limit).await
    }

    async fn outside(&self, call: Call) -> Result<Reply, OutsideError> {
        outside::ask(&self.client, call).await
    }

    fn random(&self, _stream: &str) -> u64 {
        rand::rand_core::UnwrapErr(rand::rngs::SysRng).next_u64()
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests;
