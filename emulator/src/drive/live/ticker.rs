//! The task that gives the cloud its time and its sockets their orders.
//!
//! It sleeps until something is due or someone acted on the cloud, advances the cloud to the clock,
//! makes the sockets as the core's tables say, and sends the probes that are due. It decides
//! nothing and is on no request's way.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::clock::LiveClock;
use super::network::Network;
use super::probe;
use super::snapshot::Snapshot;
use super::sockets::Sockets;
use crate::cloud::Cloud;
use crate::data_plane::{DataPlane, DueCut, DueProbe, ProbeId, ProbeOutcome};
use crate::http::Clock;
use crate::time::Instant;

/// What the ticker and the callers of the drive share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) cloud: Arc<Mutex<Cloud>>,
    pub(crate) sockets: Arc<Mutex<Sockets>>,
    /// Someone acted on the cloud: what is due next may have changed.
    pub(crate) acted: Arc<Notify>,
    pub(crate) clock: LiveClock,
}

impl Shared {
    pub(crate) fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sockets(&self) -> MutexGuard<'_, Sockets> {
        lock(&self.sockets)
    }

    /// Brings cloud and sockets to the present. Returns the probes to send and when to come back.
    ///
    /// The cloud's lock is not held while sockets are made: Resource Manager answers meanwhile.
    fn tick(&self) -> (Vec<DueProbe>, Option<Instant>) {
        let mut sockets = self.sockets();
        let mut cloud = self.cloud();
        tell_work(&sockets, cloud.data_plane_mut());
        cloud.advance_to(self.clock.now());
        let plane = cloud.data_plane_mut();
        let (probes, cuts) = (plane.take_due_probes(), plane.take_due_cuts());
        let snapshot = Snapshot::of(plane);
        let next = cloud.next_deadline();
        drop(cloud);
        if let Err(error) = sockets.reconcile(snapshot) {
            tracing::error!(%error, "a socket could not be made as the cloud says");
        }
        for due in cuts {
            let cut = sockets.cut(&due);
            self.report_cut(&due, &cut);
        }
        sockets.close_unused();
        (probes, next)
    }

    fn report_cut(&self, due: &DueCut, cut: &BTreeMap<Ipv4Addr, u64>) {
        let now = self.clock.now();
        let mut cloud = self.cloud();
        for (address, count) in cut {
            cloud
                .data_plane_mut()
                .handle_cut(now, due, *address, *count);
        }
    }

    fn report(&self, id: ProbeId, outcome: ProbeOutcome) {
        let now = self.clock.now();
        let mut cloud = self.cloud();
        cloud.advance_to(now);
        cloud
            .data_plane_mut()
            .handle_probe_outcome(now, id, outcome);
    }
}

/// Waits for the sockets.
pub(crate) fn lock(sockets: &Mutex<Sockets>) -> MutexGuard<'_, Sockets> {
    sockets.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the core what the instances do: it answers for their load and their autoscale.
fn tell_work(sockets: &Sockets, plane: &mut DataPlane) {
    for (address, in_flight) in sockets.in_flight() {
        plane.set_in_flight(address, in_flight);
    }
    for busy in sockets.drain_busy() {
        plane.record_busy(busy.address, busy.from, busy.until);
    }
}

/// Ticks until dropped.
pub(crate) async fn run(shared: Shared, network: Network) {
    let mut probes = JoinSet::new();
    loop {
        let (due, next) = shared.tick();
        for due in due {
            let network = network.clone();
            probes.spawn(async move { (due.id, probe::send(&network, &due).await) });
        }
        tokio::select! {
            () = until(&shared.clock, next) => {}
            () = shared.acted.notified() => {}
            Some(ended) = probes.join_next() => {
                if let Ok((id, outcome)) = ended {
                    shared.report(id, outcome);
                }
            }
        }
    }
}

async fn until(clock: &LiveClock, next: Option<Instant>) {
    match next {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
