//! The environment of one process: it can die at every effect, has a machine's own wall clock, hears
//! orders, and calls Azure under a name of its own.

use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use turquoise_orchestrator::environment::{ProbeAnswer, ProbeRequest, TransportError};
use turquoise_orchestrator::{Environment, Instant};

use super::lifeline::Lifeline;
use crate::observation::Caller;
use crate::scenario::{Effect, Scenario, Want};

/// The header by which a caller names itself, and the one it falls back to.
const NAMES: [&str; 2] = ["x-ms-client-request-id", "user-agent"];

/// An environment in which a process can die.
#[derive(Debug)]
pub(super) struct Mortal<E> {
    pub(super) inner: E,
    pub(super) lifeline: Rc<Lifeline>,
    pub(super) scenario: Rc<Scenario>,
    pub(super) swap_start: Instant,
    pub(super) started: Instant,
    pub(super) orchestrator: u16,
    pub(super) process: u16,
}

impl<E: Environment> Mortal<E> {
    /// Marks a request with the process that sends it.
    fn sign(&self, request: &mut Request<Bytes>) {
        if self.process == 0 {
            return;
        }
        let headers = request.headers_mut();
        for name in NAMES {
            if let Some(value) = headers.get_mut(name) {
                let marked = Caller::mark(value.to_str().unwrap_or_default(), self.process);
                if let Ok(marked) = HeaderValue::from_str(&marked) {
                    *value = marked;
                }
                return;
            }
        }
    }

    fn since_start_ms(&self) -> u64 {
        self.inner.now().0.saturating_sub(self.swap_start.0)
    }
}

impl<E: Environment> Environment for Mortal<E> {
    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn unix_millis(&self) -> u64 {
        let offset = self
            .scenario
            .clocks
            .offset_ms(self.process, self.since_start_ms());
        self.inner.unix_millis().saturating_add_signed(offset)
    }

    async fn sleep_until(&self, at: Instant) {
        self.lifeline.reach(Effect::Sleep).await;
        self.inner.sleep_until(at).await;
    }

    async fn arm(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.sign(&mut request);
        let writes = matches!(
            *request.method(),
            Method::PUT | Method::PATCH | Method::DELETE
        );
        if writes {
            self.lifeline.reach(Effect::WriteBefore).await;
        }
        self.lifeline.reach(Effect::ArmBefore).await;
        let answer = self.inner.arm(request).await;
        self.lifeline.reach(Effect::ArmAfter).await;
        if writes {
            self.lifeline.reach(Effect::WriteAfter).await;
        }
        answer
    }

    async fn probe(&self, request: ProbeRequest) -> Result<ProbeAnswer, TransportError> {
        self.lifeline.reach(Effect::ProbeBefore).await;
        let answer = self.inner.probe(request).await;
        self.lifeline.reach(Effect::ProbeAfter).await;
        answer
    }

    fn random(&self, stream: &str) -> u64 {
        self.inner.random(stream)
    }

    /// Orders are given to the scenario's own orchestrator, and to the process that runs then.
    fn interrupted(&self) -> bool {
        let (now, started) = (
            self.since_start_ms(),
            self.started.0.saturating_sub(self.swap_start.0),
        );
        self.orchestrator == 0
            && self.scenario.orders.iter().any(|order| {
                (started..=now).contains(&order.at_ms)
                    && matches!(order.want, Want::Interrupt { .. } | Want::Abort)
            })
    }
}
