//! Level L1: the orchestrator on tokio's paused clock, over the emulator's own HTTP router.

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use tower::ServiceExt;
use turquoise_emulator::http::{ConnectionReset, ManualClock, router};
use turquoise_orchestrator::Instant;
use turquoise_orchestrator::environment::TransportError;

use super::core::cloud_time;
use super::level::{Level, SharedCloud, lost};

/// Tokio's paused time, and calls through the router.
#[derive(Debug)]
pub(crate) struct InProcess {
    clock: Clock,
    face: ManualClock,
    router: Router,
}

/// Tokio's paused clock as the orchestrator's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: tokio::time::Instant,
    offset: Instant,
}

impl Clock {
    /// The virtual time.
    pub(super) fn now(self) -> Instant {
        self.offset + self.began.elapsed()
    }
}

impl InProcess {
    /// A level whose clock stands at `now`; must be made inside a paused runtime.
    #[expect(
        clippy::disallowed_methods,
        reason = "the runtime is paused: its clock is the virtual one"
    )]
    pub(super) fn new(cloud: &SharedCloud, now: Instant) -> Self {
        let face = ManualClock::default();
        Self {
            clock: Clock {
                began: tokio::time::Instant::now(),
                offset: now,
            },
            router: router(cloud.0.clone(), face.clone()),
            face,
        }
    }

    /// The level's clock, to be read once the level itself is lent.
    pub(super) const fn clock(&self) -> Clock {
        self.clock
    }

    /// The emulator's face, for a level that reaches it by other means.
    pub(super) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Tells the cloud what time it is: it has no clock of its own.
    pub(super) fn set_the_clock(&self) {
        self.face.set(cloud_time(self.now()));
    }
}

impl Level for InProcess {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    async fn sleep_until(&self, at: Instant) {
        let since_began = at.since(self.clock.offset);
        tokio::time::sleep_until(self.clock.began + since_began).await;
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.set_the_clock();
        let answered = self.router.clone().oneshot(request.map(Body::from)).await;
        let answer = match answered {
            Ok(answer) => ConnectionReset::check(answer).map_err(|_| lost())?,
            Err(never) => match never {},
        };
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| lost())?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}
