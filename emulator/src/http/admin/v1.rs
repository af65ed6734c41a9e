//! The admin API, version 1: what the drive's cloud looks like, and what may be done to it past
//! Resource Manager. `emulator/ADMIN.md` documents every route.

mod act;
mod look;
mod refusal;

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};
use serde::{Deserialize, Serialize};

use super::faults::ByHand;
use super::{guard, pages};
use crate::admin::{Chronicle, Doing, What};
use crate::cloud::Cloud;
use crate::http::router::MAX_BODY_BYTES;
use crate::time::Instant;

/// What the drive that serves the API lets it see and do.
pub(crate) trait Drive: Debug + Send + Sync {
    /// What gateways and instances do just now.
    fn doing(&self) -> Doing;
    /// The clock as it runs.
    fn clock(&self) -> ClockState;
    /// Changes how the clock runs.
    fn set_clock(&self, order: &ClockOrder);
    /// A cloud as this one began, at the present.
    fn empty_cloud(&self) -> Cloud;
    /// Goes on with another cloud, whose present may lie ahead; every socket is closed. A crash
    /// before it leaves the old cloud, one after it the new one.
    fn replace(&self, cloud: Cloud);
    /// Somebody acted on the cloud: what is due next may have changed.
    fn acted(&self);
}

/// How the clock runs.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ClockState {
    pub(crate) cloud_time_ms: u64,
    pub(crate) paused: bool,
    /// Cloud seconds in one second of wall clock.
    pub(crate) speed: f64,
    /// Whole seconds of wall clock since the start.
    pub(crate) uptime_s: u64,
}

/// What is to change about the clock; in this order.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockOrder {
    pub(crate) paused: Option<bool>,
    pub(crate) speed: Option<f64>,
    /// How far to jump ahead.
    pub(crate) advance_ms: Option<u64>,
}

/// What every handler shares.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    cloud: Arc<Mutex<Cloud>>,
    chronicle: Arc<Mutex<Chronicle>>,
    drive: Arc<dyn Drive>,
    by_hand: Arc<Mutex<ByHand>>,
}

impl Admin {
    pub(crate) fn new(
        cloud: Arc<Mutex<Cloud>>,
        chronicle: Arc<Mutex<Chronicle>>,
        drive: Arc<dyn Drive>,
    ) -> Self {
        Self {
            cloud,
            chronicle,
            drive,
            by_hand: Arc::default(),
        }
    }

    /// The portal and the API, guarded.
    pub(crate) fn into_router(self) -> Router {
        Router::new()
            .route("/_turquoise", get(pages::folder))
            .route("/_turquoise/", get(pages::page))
            .route("/_turquoise/{name}", get(pages::asset))
            .route("/_turquoise/v1/state", get(look::state))
            .route(
                "/_turquoise/v1/clock",
                get(look::clock).post(act::set_clock),
            )
            .route("/_turquoise/v1/traffic", get(look::traffic))
            .route("/_turquoise/v1/events", get(look::events))
            .route("/_turquoise/v1/requests", get(look::requests))
            .route("/_turquoise/v1/requests/{number}", get(look::one_request))
            .route("/_turquoise/v1/resources", get(look::resources))
            .route("/_turquoise/v1/resource", get(look::resource))
            .route("/_turquoise/v1/unhandled", get(look::unhandled))
            .route("/_turquoise/v1/coverage", get(look::covered))
            .route(
                "/_turquoise/v1/faults",
                get(look::faults).post(act::arm).delete(act::disarm_all),
            )
            .route("/_turquoise/v1/faults/{index}", delete(act::disarm))
            .route(
                "/_turquoise/v1/throttling",
                get(look::throttling)
                    .post(act::set_throttling)
                    .delete(act::stop_throttling),
            )
            .route("/_turquoise/v1/kill", post(act::kill))
            .route("/_turquoise/v1/scale", post(act::scale))
            .route("/_turquoise/v1/notes", post(act::note))
            .route("/_turquoise/v1/reset", post(act::reset))
            .route("/_turquoise/v1/snapshot", get(look::snapshot))
            .route("/_turquoise/v1/restore", post(act::restore))
            .route(
                "/_turquoise/v1/{*rest}",
                get(look::nothing).fallback(look::nothing),
            )
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .layer(axum::middleware::from_fn(guard::guard))
            .with_state(self)
    }

    pub(super) fn clock(&self) -> ClockState {
        self.drive.clock()
    }

    pub(super) fn chronicle(&self) -> MutexGuard<'_, Chronicle> {
        self.chronicle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn by_hand(&self) -> MutexGuard<'_, ByHand> {
        self.by_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acts on the cloud at the present.
    fn act<R>(&self, act: impl FnOnce(&mut Cloud) -> R) -> R {
        let now = self.now();
        let mut cloud = self.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        cloud.advance_to(now);
        let outcome = act(&mut cloud);
        drop(cloud);
        self.drive.acted();
        outcome
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.clock().cloud_time_ms)
    }

    fn note(&self, text: String) {
        let now = self.now();
        self.chronicle().add(now, What::Note { text });
    }
}
