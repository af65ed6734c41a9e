//! A live gateway: several instances behind one listener per address and port.
//!
//! The client's connection is given to one of the gateway's instances, in turn; from then on that
//! instance alone serves it, by its own snapshot of the core's routing table. Start with
//! [`GatewayInstance`] for the state, `forward` for a request's way.

mod affinity;
mod answer;
mod client;
mod clients;
mod conversation;
mod forward;
mod headers;
mod in_flight;
mod instance;
mod meter;
mod pace;
mod pages;
mod record;
mod table;
mod tunnel;
mod upload;
mod upstream;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use turquoise_arm::ResourceId;

use super::ledger::Book;
use super::listener::Listener;
use super::network::Network;
use super::sockets::keep_first;
use super::view::GatewayView;
use crate::data_plane::{DueCut, Knobs, RoutingTable};
use crate::ledger::GatewayEntry;

pub(crate) use instance::GatewayInstance;
pub(crate) use meter::Families;

/// One gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    network: Network,
    knobs: Knobs,
    book: Book<GatewayEntry>,
    instances: Arc<Instances>,
    listeners: BTreeMap<(Ipv4Addr, u16), Listening>,
}

#[derive(Debug)]
struct Listening {
    tls: bool,
    listener: Listener,
}

/// The instances that take connections in turn.
#[derive(Debug, Default)]
struct Instances {
    all: ArcSwap<Vec<Arc<GatewayInstance>>>,
    turn: AtomicUsize,
}

impl Instances {
    fn next(&self) -> Option<Arc<GatewayInstance>> {
        let all = self.all.load();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        all.get(turn.checked_rem(all.len())?).map(Arc::clone)
    }
}

impl Gateway {
    pub(crate) fn new(network: Network, knobs: Knobs, book: Book<GatewayEntry>) -> Self {
        Self {
            network,
            knobs,
            book,
            instances: Arc::default(),
            listeners: BTreeMap::new(),
        }
    }

    /// Takes the core's tables, one per instance, into use and listens where they say. What they no
    /// longer know stays until [`Gateway::close_unused`].
    ///
    /// # Errors
    /// When a certificate cannot be used or a port cannot be bound; the rest is done.
    pub(crate) fn publish(&mut self, tables: &[Arc<RoutingTable>]) -> io::Result<()> {
        self.scale_to(tables.len());
        let instances = self.instances.all.load_full();
        let mut outcome = Ok(());
        for (instance, table) in instances.iter().zip(tables) {
            keep_first(&mut outcome, instance.publish(Arc::clone(table)));
        }
        keep_first(&mut outcome, self.listen());
        outcome
    }

    /// Cuts the requests that the core means, and says how many by member.
    pub(crate) fn cut(&self, due: &DueCut) -> BTreeMap<Ipv4Addr, u64> {
        let instances = self.instances.all.load();
        let instance = instances.get(usize::from(due.instance));
        instance.map_or_else(BTreeMap::new, |instance| instance.cut(due))
    }

    /// Closes listeners that no table has, and members that none knows.
    pub(crate) fn close_unused(&mut self) {
        let wanted = self.wanted();
        self.listeners.retain(|at, _| wanted.contains_key(at));
        for instance in self.instances.all.load().iter() {
            instance.close_lost();
        }
    }

    /// Addresses and ports with their sockets.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = (Ipv4Addr, u16, bool, SocketAddr)> {
        let listeners = self.listeners.iter();
        listeners.map(|((address, port), listening)| {
            (*address, *port, listening.tls, listening.listener.address())
        })
    }

    /// What each instance dispatches by.
    pub(crate) fn views(&self, id: &ResourceId) -> Vec<GatewayView> {
        let instances = self.instances.all.load();
        let views = instances.iter().filter_map(|instance| {
            let table = instance.table()?;
            Some(GatewayView {
                gateway: id.clone(),
                instance: table.routing.instance,
                generation: table.routing.generation,
                members: table.members(),
            })
        });
        views.collect()
    }

    /// Adds what each instance counted, and how its members are.
    pub(crate) fn measure(&self, id: &ResourceId, text: &mut Families) {
        for instance in self.instances.all.load().iter() {
            let labels = format!("gateway=\"{}\",instance=\"{}\"", id.name(), instance.number);
            instance.meter.write(text, &labels);
            let Some(table) = instance.table() else {
                continue;
            };
            for member in table.members() {
                let labels = format!(
                    "{labels},pool=\"{}\",member=\"{}\"",
                    member.pool, member.address
                );
                let healthy = u64::from(member.healthy);
                text.add("turquoise_gateway_member_healthy", &labels, healthy);
                text.add(
                    "turquoise_gateway_member_in_flight",
                    &labels,
                    member.in_flight,
                );
            }
        }
    }

    fn scale_to(&self, count: usize) {
        let before = self.instances.all.load_full();
        if before.len() == count {
            return;
        }
        let mut after: Vec<_> = before.iter().take(count).map(Arc::clone).collect();
        for number in after.len()..count {
            let number =
                u16::try_from(number).expect("because a gateway has at most 125 instances");
            let (network, knobs) = (self.network.clone(), self.knobs.clone());
            let instance = GatewayInstance::new(number, network, knobs, self.book.open());
            after.push(Arc::new(instance));
        }
        self.instances.all.store(Arc::new(after));
        for gone in before.iter().skip(count) {
            gone.close();
        }
    }

    /// What any instance listens on, and whether by TLS.
    fn wanted(&self) -> BTreeMap<(Ipv4Addr, u16), bool> {
        let mut wanted = BTreeMap::new();
        for instance in self.instances.all.load().iter() {
            if let Some(table) = instance.table() {
                wanted.extend(table.listens_on());
            }
        }
        wanted
    }

    fn listen(&mut self) -> io::Result<()> {
        let wanted = self.wanted();
        for (at, tls) in wanted {
            if let Some(known) = self.listeners.get_mut(&at) {
                known.tls = tls;
                continue;
            }
            let listener = open(at, &self.network, &self.instances)?;
            self.listeners.insert(at, Listening { tls, listener });
        }
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        for instance in self.instances.all.load().iter() {
            instance.close();
        }
    }
}

fn open(
    at: (Ipv4Addr, u16),
    network: &Network,
    instances: &Arc<Instances>,
) -> io::Result<Listener> {
    let instances = Arc::clone(instances);
    network.listen(at, move |stream: TcpStream, peer| {
        let instance = instances.next();
        async move {
            if let Some(instance) = instance {
                conversation::serve(instance, stream, peer, at).await;
            }
        }
    })
}
