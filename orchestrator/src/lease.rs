//! The lease: at most one run writes to a gateway pool (S14).
//!
//! A lease has an epoch that grows with every holder, so that a paused holder that wakes up can see
//! that it lost. Expiry is never concluded from a clock alone: a contender must also have watched
//! the lease stay unchanged (F92).

mod held;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use serde::{Deserialize, Serialize};

use crate::control::Request;
use crate::journal::StoreError;

pub(crate) use held::{Held, Taken, take};

/// Who may write, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who holds it, for people: user and host.
    pub owner: String,
    /// The holder's run; empty once released.
    pub run: String,
    /// Grows by one with every new holder.
    pub epoch: u64,
    /// Grows with every renewal.
    pub beat: u64,
    /// When the holder took it, in wall-clock milliseconds, for people.
    pub taken_unix_ms: u64,
    /// When it was last renewed.
    pub renewed_unix_ms: u64,
    /// How long a silent holder keeps others out.
    pub ttl_ms: u64,
}

impl Lease {
    /// Whether nobody holds it.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.run.is_empty()
    }

    /// Whether its holder seems to live, by the wall clock: for texts and for whom to ask, never for
    /// taking it over (F92).
    #[must_use]
    pub fn is_alive(&self, unix_ms: u64) -> bool {
        !self.is_released() && unix_ms.saturating_sub(self.renewed_unix_ms) <= self.ttl_ms
    }
}

/// Names one state of a stored lease; what conditional puts compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// A version as a store names it, such as an etag.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The version of a lease in stores that have no etags: its epoch and beat.
    #[must_use]
    pub fn of(lease: &Lease) -> Self {
        Self(format!("{}.{}.{}", lease.epoch, lease.beat, lease.owner))
    }

    /// The version as the store names it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where the lease of one gateway pool is kept.
///
/// Crash rules: before a put's await completes the lease may or may not have changed hands; after
/// it returned `Ok` every reader sees it. A released lease stays stored, so that epochs only grow.
pub trait LeaseStore {
    /// The lease and its version; `None` before the first put.
    fn read(&self) -> LocalBoxFuture<'_, Result<Option<(Version, Lease)>, StoreError>>;

    /// Stores `lease` if the stored version still is `expected` (`None`: nothing is stored yet),
    /// else [`StoreError::Conflict`].
    fn put<'a>(
        &'a self,
        expected: Option<&'a Version>,
        lease: &'a Lease,
    ) -> LocalBoxFuture<'a, Result<Version, StoreError>>;

    /// What was last asked of a run; a store that keeps no requests has none.
    fn request(&self) -> LocalBoxFuture<'_, Result<Option<Request>, StoreError>> {
        ready(Ok(None)).boxed_local()
    }

    /// Keeps a request in place of the last one. Requests are level-triggered: losing a race to a
    /// later one is right, and repeating one changes nothing.
    fn ask<'a>(&'a self, request: &'a Request) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        let object = request.run.to_string();
        let reason = "this store keeps no requests".to_owned();
        ready(Err(StoreError::Unavailable { object, reason })).boxed_local()
    }
}
