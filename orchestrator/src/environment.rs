//! The one seam between the orchestrator and the world.
//!
//! Production code is generic over [`Environment`] and statically dispatched: the live one speaks
//! over sockets and sleeps on the wall clock, the simulated ones answer in virtual time, and a
//! mutant is a wrapper that lies. Two crash rules hold for every method: a crash before the await
//! means nothing happened; a crash after it means the effect happened and only the journal may
//! know.

mod outside;

use std::fmt;
use std::net::Ipv4Addr;
use std::ops::Add;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use outside::{Call, OutsideError, Reply, Web, Whom};

/// A point on the environment's monotonic clock, in whole milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Instant(pub u64);

impl Instant {
    /// The time from `earlier` to here; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1000, self.0 % 1000)
    }
}

/// Why a request has no answer. Whether it acted is unknown: that is what makes it ambiguous.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nothing listens there, or the name is unknown: the request did not act.
    #[error("`{endpoint}` cannot be reached: {reason}")]
    Unreachable {
        /// Scheme, host and port.
        endpoint: String,
        /// What the connector said.
        reason: String,
    },
    /// The connection ended, or time ran out, before an answer: the request may have acted.
    #[error("the connection ended before an answer: {reason}")]
    Lost {
        /// What the connection said.
        reason: String,
    },
}

/// A request to the application through a frontend, on a connection of its own or a kept one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeRequest {
    /// The frontend's address as Azure knows it; the environment knows how to reach it.
    pub address: Ipv4Addr,
    /// The frontend port.
    pub port: u16,
    /// Whether to speak TLS; the certificate is checked against `host`.
    pub tls: bool,
    /// The `Host` header and TLS server name.
    pub host: String,
    /// The path, with its leading slash.
    pub path: String,
    /// How long to wait for the whole answer.
    pub timeout: Duration,
}

/// The application's answer to a [`ProbeRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case with their values.
    pub headers: Vec<(String, String)>,
    /// The body, at most 64 KiB of it.
    pub body: Bytes,
}

/// The world as the orchestrator acts in it.
///
/// Futures need not be `Send`: a run is one task, and the simulated worlds are single-threaded.
#[expect(
    async_fn_in_trait,
    reason = "statically dispatched on one thread, so no caller needs a Send bound"
)]
pub trait Environment {
    /// The monotonic clock, in whole milliseconds.
    fn now(&self) -> Instant;

    /// Wall-clock time as milliseconds since the Unix epoch, for time stamps people read; no
    /// decision is taken on it (F92).
    fn unix_millis(&self) -> u64;

    /// Returns once the clock has reached `at`; at once when it has already.
    async fn sleep_until(&self, at: Instant);

    /// Sends one ARM request, with an absolute URI, and returns its answer. Never retries.
    async fn arm(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError>;

    /// Asks the application through a frontend, on a new connection. Never retries.
    async fn probe(&self, request: ProbeRequest) -> Result<ProbeAnswer, TransportError>;

    /// Asks a hook or a source of metrics, once. A world without an outside need not say more.
    async fn outside(&self, call: Call) -> Result<Reply, OutsideError> {
        drop(call);
        let nobody = "this world has no outside to ask".to_owned();
        Err(OutsideError::Unusable(nobody))
    }

    /// A uniform draw from the stream of that name, for jitter and ids.
    fn random(&self, stream: &str) -> u64;

    /// Whether someone asked the run to stop at the next safe point (Ctrl-C, SIGTERM, `abort`).
    fn interrupted(&self) -> bool {
        false
    }
}
