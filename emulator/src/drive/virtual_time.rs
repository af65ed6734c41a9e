//! A cloud whose time is the caller's.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::cloud::{Cloud, CloudConfig};
use crate::http::{Clock, ConnectionReset, ManualClock, router};
use crate::time::Instant;

/// A cloud, a clock that moves when told to, and the face that joins them.
#[derive(Clone, Debug)]
pub struct VirtualTime {
    cloud: Arc<Mutex<Cloud>>,
    clock: ManualClock,
    router: Router,
}

impl VirtualTime {
    /// A cloud without resources at [`Instant::ZERO`].
    #[must_use]
    pub fn new(config: &CloudConfig) -> Self {
        Self::of(Cloud::new(config))
    }

    /// A cloud as it is; the clock stands where the cloud stands.
    #[must_use]
    pub fn of(cloud: Cloud) -> Self {
        let clock = ManualClock::default();
        clock.set(cloud.now());
        let cloud = Arc::new(Mutex::new(cloud));
        let router = router(Arc::clone(&cloud), clock.clone());
        Self {
            cloud,
            clock,
            router,
        }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The face, for callers that bring their own stack of services.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// When the cloud next does something by itself.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.with_cloud(|cloud| cloud.next_deadline())
    }

    /// Looks into the cloud, or acts on it past the face.
    pub fn with_cloud<R>(&self, act: impl FnOnce(&mut Cloud) -> R) -> R {
        let mut cloud = self.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut cloud)
    }

    /// Moves the clock to `at` and lets everything due until then happen, in order.
    pub fn advance_to(&self, at: Instant) {
        self.clock.set(at);
        self.with_cloud(|cloud| cloud.advance_to(at));
    }

    /// Sends one ARM request through the face, now.
    ///
    /// # Errors
    /// When a fault ended the connection without an answer.
    pub async fn arm(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, ConnectionReset> {
        let answer = match self.router().oneshot(request.map(Body::from)).await {
            Ok(answer) => ConnectionReset::check(answer)?,
            Err(never) => match never {},
        };
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| ConnectionReset)?;
        Ok(http::Response::from_parts(head, body.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_and_the_cloud_move_together_and_never_back() {
        let world = VirtualTime::new(&CloudConfig::default());
        world.advance_to(Instant::from_millis(1_500));
        world.advance_to(Instant::from_millis(900));
        assert_eq!(world.now(), Instant::from_millis(1_500));
        assert_eq!(world.with_cloud(|cloud| cloud.now()), world.now());
    }
}
