//! The control plane: ARM requests in, answers out, desired state down.

use bytes::Bytes;

use crate::cloud::Reply;
use crate::desired::Desired;
use crate::event::Timed;
use crate::faults::Faults;
use crate::reported::Reported;
use crate::seed::Seed;
use crate::time::Instant;

/// Subscriptions, durations and knobs.
#[derive(Clone, Debug, Default)]
pub struct ControlPlaneConfig {}

/// The control plane.
#[derive(Debug)]
pub struct ControlPlane {}

impl ControlPlane {
    pub(crate) fn new(_config: ControlPlaneConfig, _seed: Seed, _faults: Faults) -> Self {
        Self {}
    }

    pub(crate) fn handle(
        &mut self,
        _now: Instant,
        _request: &http::Request<Bytes>,
        _reported: &dyn Reported,
    ) -> Reply {
        Reply::Reset
    }

    pub(crate) fn advance_to(&mut self, _now: Instant, _reported: &dyn Reported) {}

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        None
    }

    pub(crate) fn drain_desired(&mut self) -> Vec<Desired> {
        Vec::new()
    }

    pub(crate) fn drain_events(&mut self) -> Vec<Timed> {
        Vec::new()
    }
}
