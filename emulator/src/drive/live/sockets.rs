//! Everything of the cloud that has a socket, kept as the core's tables say.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use turquoise_arm::ResourceId;

use super::balancer::Balancer;
use super::directory::{EVERY_PORT, Entry, Meets};
use super::gateway::{Families, Gateway};
use super::instance::{Books, Busy, Instance};
use super::ledger::Book;
use super::network::Network;
use super::program::Programs;
use super::snapshot::{GatewayTables, Snapshot};
use super::view::GatewayView;
use crate::data_plane::{BalancerTable, DueCut, InstanceState, InstanceView, Knobs};
use crate::desired::InstanceKey;
use crate::ledger::{GatewayEntry, InstanceEntry, Ledgers};
use crate::seed::Seed;

/// Gateways, load balancers and instances with their sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    network: Network,
    knobs: Knobs,
    draws: Seed,
    programs: Programs,
    gateway_book: Book<GatewayEntry>,
    instance_book: Book<InstanceEntry>,
    busy_book: Book<Busy>,
    gateways: BTreeMap<ResourceId, Gateway>,
    /// Gateways that the last snapshot no longer had.
    gone: Vec<ResourceId>,
    balancers: BTreeMap<ResourceId, Balancer>,
    instances: BTreeMap<InstanceKey, Instance>,
}

type Entries = BTreeMap<(Ipv4Addr, u16), Entry>;

impl Sockets {
    /// No sockets yet; `draws` is where applications draw their service times from.
    pub(crate) fn new(network: Network, knobs: Knobs, draws: Seed, programs: Programs) -> Self {
        Self {
            network,
            knobs,
            draws,
            programs,
            gateway_book: Book::default(),
            instance_book: Book::default(),
            busy_book: Book::default(),
            gateways: BTreeMap::new(),
            gone: Vec::new(),
            balancers: BTreeMap::new(),
            instances: BTreeMap::new(),
        }
    }

    /// Makes the sockets as `snapshot` says, as far as that adds something; instances that are gone
    /// go at once. What is called comes before who calls it, so that a member can be reached by the
    /// time that a gateway dispatches to it.
    ///
    /// # Errors
    /// When a socket cannot be opened or a certificate cannot be used; the rest is done.
    pub(crate) fn reconcile(&mut self, snapshot: Snapshot) -> io::Result<()> {
        let instances = self.reconcile_instances(snapshot.instances);
        let balancers = self.reconcile_balancers(snapshot.balancers);
        self.enter_all();
        let gateways = self.reconcile_gateways(snapshot.gateways);
        instances.and(balancers).and(gateways)
    }

    /// Closes everything: another cloud begins.
    pub(crate) fn clear(&mut self) {
        self.gateways.clear();
        self.gone.clear();
        self.balancers.clear();
        self.instances.clear();
        self.enter_all();
    }

    /// Cuts the requests that the core means, and says how many by member.
    pub(crate) fn cut(&self, due: &DueCut) -> BTreeMap<Ipv4Addr, u64> {
        let gateway = self.gateways.get(&due.gateway);
        gateway.map_or_else(BTreeMap::new, |gateway| gateway.cut(due))
    }

    /// Closes what the last snapshot no longer had. Cuts come before, or they would find nothing.
    pub(crate) fn close_unused(&mut self) {
        for id in std::mem::take(&mut self.gone) {
            self.gateways.remove(&id);
        }
        for gateway in self.gateways.values_mut() {
            gateway.close_unused();
        }
        self.enter_all();
    }

    /// Moves out what the gateways and instances have written since the last call.
    pub(crate) fn drain_ledgers(&self) -> Ledgers {
        Ledgers {
            clients: Vec::new(),
            gateway: self.gateway_book.drain(),
            instances: self.instance_book.drain(),
        }
    }

    /// Requests accepted and not finished, by instance.
    pub(crate) fn in_flight(&self) -> impl Iterator<Item = (Ipv4Addr, u64)> {
        let instances = self.instances.values();
        instances.map(|instance| (instance.view().address, instance.in_flight()))
    }

    /// Moves out when workers of which instance were busy, since the last call.
    pub(crate) fn drain_busy(&self) -> Vec<Busy> {
        self.busy_book.drain()
    }

    /// What each gateway instance dispatches by.
    pub(crate) fn gateway_views(&self) -> Vec<GatewayView> {
        let gateways = self.gateways.iter();
        gateways
            .flat_map(|(id, gateway)| gateway.views(id))
            .collect()
    }

    /// What the gateways count, in Prometheus' text form.
    pub(crate) fn metrics(&self) -> String {
        let mut text = Families::default();
        for (id, gateway) in &self.gateways {
            gateway.measure(id, &mut text);
        }
        text.to_string()
    }

    fn reconcile_instances(&mut self, views: Vec<Arc<InstanceView>>) -> io::Result<()> {
        let exists = |key: &InstanceKey| views.iter().any(|view| view.key == *key);
        self.instances.retain(|key, _| exists(key));
        let mut outcome = Ok(());
        for view in views {
            let known = self.instances.remove(&view.key);
            let known = known.filter(|known| known.is_same_boot(&view));
            let mut instance = known.unwrap_or_else(|| self.boot(&view));
            let key = view.key.clone();
            keep_first(&mut outcome, instance.publish(view));
            self.instances.insert(key, instance);
        }
        outcome
    }

    fn boot(&self, view: &Arc<InstanceView>) -> Instance {
        let draws = self
            .draws
            .child(view.key.scale_set.key())
            .at(u64::from(view.key.number));
        let books = Books {
            executions: self.instance_book.open(),
            busy: self.busy_book.open(),
        };
        let programs = self.programs.clone();
        Instance::new(Arc::clone(view), &self.network, books, draws, programs)
    }

    fn reconcile_balancers(&mut self, tables: Vec<Arc<BalancerTable>>) -> io::Result<()> {
        let exists = |id: &ResourceId| tables.iter().any(|table| table.load_balancer == *id);
        self.balancers.retain(|id, _| exists(id));
        let mut outcome = Ok(());
        for table in tables {
            let id = table.load_balancer.clone();
            let balancer = self
                .balancers
                .entry(id)
                .or_insert_with(|| Balancer::new(Arc::clone(&table)));
            keep_first(&mut outcome, balancer.publish(table, &self.network));
        }
        outcome
    }

    fn reconcile_gateways(&mut self, tables: Vec<GatewayTables>) -> io::Result<()> {
        let exists = |id: &ResourceId| tables.iter().any(|(known, _)| known == id);
        let gone = self.gateways.keys().filter(|id| !exists(id));
        self.gone = gone.cloned().collect();
        let mut outcome = Ok(());
        for (id, tables) in tables {
            let gateway = self.gateways.entry(id).or_insert_with(|| {
                let (network, knobs) = (self.network.clone(), self.knobs.clone());
                Gateway::new(network, knobs, self.gateway_book.clone())
            });
            keep_first(&mut outcome, gateway.publish(&tables));
        }
        outcome
    }

    fn enter_all(&self) {
        let mut entries = Entries::new();
        for instance in self.instances.values() {
            enter_instance(&mut entries, instance);
        }
        for balancer in self.balancers.values() {
            for (address, port, socket) in balancer.sockets() {
                let meets = Meets::Balancer(Arc::clone(balancer.table()));
                entries.insert((address, port), Entry::new(meets, Some(socket), false));
            }
        }
        for gateway in self.gateways.values() {
            for (address, port, tls, socket) in gateway.sockets() {
                let entry = Entry::new(Meets::Socket(socket), Some(socket), tls);
                entries.insert((address, port), entry);
            }
        }
        self.network.directory.replace(entries);
    }
}

/// Of several attempts that are all made, the first error counts.
pub(super) fn keep_first(outcome: &mut io::Result<()>, next: io::Result<()>) {
    if outcome.is_ok() {
        *outcome = next;
    }
}

/// An instance answers on its application's port, or on all; a machine without a listener refuses.
fn enter_instance(entries: &mut Entries, instance: &Instance) {
    let view = instance.view();
    if view.state == InstanceState::NotListening {
        return;
    }
    let every = (view.address, EVERY_PORT);
    entries.insert(every, Entry::new(Meets::Refusal, None, false));
    if let Some(socket) = instance.socket() {
        let port = view.application.port.unwrap_or(EVERY_PORT);
        let entry = Entry::new(Meets::Socket(socket), Some(socket), false);
        entries.insert((view.address, port), entry);
    }
}
