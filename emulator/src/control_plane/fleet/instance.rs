//! One instance: what it is made from and where it stands.

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::Value;

use crate::control_plane::resolve::scale_set::Model;
use crate::time::Instant;

/// A model with its number among the models its scale set has had.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// Counts the set's models, from 1.
    pub(crate) generation: u64,
    /// What instances are made from.
    pub(crate) model: Arc<Model>,
    /// The `virtualMachineProfile` it was read from, for the instances' documents.
    pub(crate) profile: Arc<Value>,
}

/// One instance.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    /// Azure's `instanceId`.
    pub(crate) number: u32,
    /// Its private address.
    pub(crate) address: Ipv4Addr,
    /// The model it was last brought to.
    pub(crate) version: Version,
    /// When it was created.
    pub(crate) created_at: Instant,
    /// Whether scale-in passes it over.
    pub(crate) protect_from_scale_in: bool,
    /// Whether actions on the whole set pass it over.
    pub(crate) protect_from_actions: bool,
    pub(super) power: PowerWish,
    pub(super) busy: Busy,
    pub(super) busy_until: Instant,
}

/// The state a machine is brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PowerWish {
    /// It runs.
    Running,
    /// It is off and keeps its host.
    Stopped,
    /// It is off and has no host.
    Deallocated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Busy {
    Creating,
    Updating,
    Deleting,
}

impl Instance {
    /// `properties.provisioningState` at `now`.
    pub(crate) fn provisioning_state(&self, now: Instant) -> &'static str {
        match self.busy {
            Busy::Deleting => "Deleting",
            _ if now >= self.busy_until => "Succeeded",
            Busy::Creating => "Creating",
            Busy::Updating => "Updating",
        }
    }

    /// The suffix of its `PowerState/…` status at `now`, for what the data plane does not know.
    pub(crate) fn power_state(&self, now: Instant) -> &'static str {
        let arrived = now >= self.busy_until;
        match (self.power, arrived) {
            (PowerWish::Running, true) => "running",
            (PowerWish::Running, false) => "starting",
            (PowerWish::Stopped, true) => "stopped",
            (PowerWish::Stopped, false) => "stopping",
            (PowerWish::Deallocated, true) => "deallocated",
            (PowerWish::Deallocated, false) => "deallocating",
        }
    }

    /// Whether it is on its way out.
    pub(crate) fn is_leaving(&self) -> bool {
        self.busy == Busy::Deleting
    }
}
