//! What differs between the levels of simulation, and the environment they share.
//!
//! A [`Level`] knows what time it is, how to sleep and how a request gets to the cloud; everything
//! that is drawn is drawn in [`Simulated`], so that equal seeds meet equal worlds on every level.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use turquoise_emulator::{Cloud, Seed};
use turquoise_orchestrator::environment::{ProbeAnswer, ProbeRequest, TransportError};
use turquoise_orchestrator::{Environment, Instant};

use super::probe;
use crate::scenario::Latency;

/// The wall clock of every simulated world at its beginning: 2026-01-01T00:00:00Z.
const EPOCH_UNIX_MILLIS: u64 = 1_767_225_600_000;

/// How a level keeps time and carries requests.
pub(crate) trait Level {
    /// The virtual time.
    fn now(&self) -> Instant;

    /// Returns once virtual time has reached `at`.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()>;

    /// Hands a request to the cloud at this instant. A reset connection is
    /// [`TransportError::Lost`].
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Bytes>, TransportError>>;
}

impl<L: Level> Level for Rc<L> {
    fn now(&self) -> Instant {
        L::now(self)
    }

    async fn sleep_until(&self, at: Instant) {
        L::sleep_until(self, at).await;
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        L::send(self, request).await
    }
}

/// A cloud that many tasks of one world share.
#[derive(Clone, Debug)]
pub(crate) struct SharedCloud(pub(crate) Arc<Mutex<Cloud>>);

impl SharedCloud {
    pub(crate) fn new(cloud: Cloud) -> Self {
        Self(Arc::new(Mutex::new(cloud)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Cloud> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The orchestrator's environment on some level.
#[derive(Debug)]
pub(crate) struct Simulated<L> {
    level: L,
    cloud: SharedCloud,
    seed: Seed,
    latency: Latency,
    calls: Cell<u64>,
    draws: RefCell<BTreeMap<String, u64>>,
}

impl<L: Level> Simulated<L> {
    pub(crate) fn new(level: L, cloud: SharedCloud, seed: Seed, latency: Latency) -> Self {
        Self {
            level,
            cloud,
            seed,
            latency,
            calls: Cell::new(0),
            draws: RefCell::default(),
        }
    }

    /// The next call's number: its travel times hang on it and on nothing else.
    fn next_call(&self) -> Seed {
        let call = self.calls.get();
        self.calls.set(call + 1);
        self.seed.child("travel").at(call)
    }

    /// One way, in whole milliseconds: what makes all levels agree (simulation.md A2).
    async fn travel(&self, seed: Seed) {
        let spread = u64::from(self.latency.max_ms - self.latency.min_ms);
        let millis = u64::from(self.latency.min_ms) + seed.below(spread + 1);
        let arrival = self.level.now() + Duration::from_millis(millis);
        self.level.sleep_until(arrival).await;
    }
}

impl<L: Level> Environment for Simulated<L> {
    fn now(&self) -> Instant {
        self.level.now()
    }

    fn unix_millis(&self) -> u64 {
        EPOCH_UNIX_MILLIS + self.level.now().0
    }

    async fn sleep_until(&self, at: Instant) {
        self.level.sleep_until(at).await;
    }

    async fn arm(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let call = self.next_call();
        self.travel(call.child("there")).await;
        let answer = self.level.send(request).await;
        self.travel(call.child("back")).await;
        answer
    }

    async fn probe(&self, request: ProbeRequest) -> Result<ProbeAnswer, TransportError> {
        let call = self.next_call();
        self.travel(call.child("there")).await;
        let outcome = probe::ask(&mut self.cloud.lock(), self.level.now(), &request);
        self.level.sleep_until(outcome.ended).await;
        self.travel(call.child("back")).await;
        outcome.answer
    }

    fn random(&self, stream: &str) -> u64 {
        let mut draws = self.draws.borrow_mut();
        let count = draws.entry(stream.to_owned()).or_default();
        *count += 1;
        self.seed.child("random").child(stream).at(*count).value()
    }
}

/// The error of a connection that ended before its answer.
pub(crate) fn lost() -> TransportError {
    TransportError::Lost {
        reason: "the connection was reset".to_owned(),
    }
}
