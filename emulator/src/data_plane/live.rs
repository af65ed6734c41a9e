//! What the live drive reads and reports: snapshots, probes and cuts it performs, work it measures.

use std::net::Ipv4Addr;
use std::sync::Arc;

use turquoise_arm::ResourceId;

use super::traffic::CutScope;
use super::{BalancerTable, DataPlane, DueProbe, InstanceView, RoutingTable};
use crate::event::Event;
use crate::time::Instant;

/// Requests the drive is to cut now, and to report with [`DataPlane::handle_cut`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueCut {
    /// The gateway.
    pub gateway: ResourceId,
    /// Which of its instances.
    pub instance: u16,
    /// Requests to this member; to every member when `None`.
    pub address: Option<Ipv4Addr>,
    /// Which dispatches.
    pub scope: CutScope,
}

impl DataPlane {
    /// Grows whenever a snapshot changes: an unchanged number means there is nothing to publish.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Every gateway.
    pub fn gateways(&self) -> impl Iterator<Item = &ResourceId> {
        self.network
            .gateways
            .iter()
            .flatten()
            .map(|state| &state.id)
    }

    /// What each instance of a gateway dispatches by; one that is stopped or has applied nothing
    /// yet has no listeners.
    #[must_use]
    pub fn gateway_tables(&self, gateway: &ResourceId) -> Vec<Arc<RoutingTable>> {
        self.network
            .gateway(gateway)
            .and_then(|slot| self.network.gateways[slot].as_ref())
            .map(|state| {
                state
                    .instances
                    .iter()
                    .map(|instance| Arc::clone(&instance.table))
                    .collect()
            })
            .unwrap_or_default()
    }

    /// What each load balancer sends new flows by.
    #[must_use]
    pub fn balancer_tables(&self) -> Vec<Arc<BalancerTable>> {
        self.network
            .balancers
            .values()
            .map(|balancer| Arc::clone(&balancer.table))
            .collect()
    }

    /// Every instance that exists, in the order they were first made.
    #[must_use]
    pub fn instances(&self) -> Vec<Arc<InstanceView>> {
        self.network
            .machines
            .iter()
            .filter(|machine| machine.exists())
            .map(|machine| Arc::clone(&machine.view))
            .collect()
    }

    /// Probes to send now, with external probes; each must be reported once.
    pub fn take_due_probes(&mut self) -> Vec<DueProbe> {
        std::mem::take(&mut self.due_probes)
    }

    /// Requests to cut now, with external probes; each must be reported once.
    pub fn take_due_cuts(&mut self) -> Vec<DueCut> {
        std::mem::take(&mut self.due_cuts)
    }

    /// The drive has cut `cut` requests to `address` on account of a [`DueCut`].
    pub fn handle_cut(&mut self, now: Instant, due: &DueCut, address: Ipv4Addr, cut: u64) {
        self.advance_to(now);
        if cut > 0 {
            self.emit(Event::DrainCut {
                gateway: due.gateway.clone(),
                instance: due.instance,
                address,
                cut,
            });
        }
    }

    /// An instance has this many requests in flight now.
    pub fn set_in_flight(&mut self, address: Ipv4Addr, in_flight: u64) {
        if let Some(slot) = self.network.by_address.get(&address) {
            self.network.machines[*slot].in_flight = in_flight;
        }
    }

    /// A worker of an instance was busy between two instants.
    pub fn record_busy(&mut self, address: Ipv4Addr, from: Instant, until: Instant) {
        if let Some(slot) = self.network.by_address.get(&address) {
            self.network.machines[*slot].meter.add(from, until);
        }
    }
}
