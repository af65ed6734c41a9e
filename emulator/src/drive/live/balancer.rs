//! A live internal load balancer: its frontend as sockets, for callers from outside the cloud.
//!
//! Callers inside do not come through here, see [`Network`]. From outside, a TCP proxy stands for
//! the frontend: each flow goes to the instance that the core's table picks and stays there,
//! whatever the table says later; without a healthy instance it is held unanswered.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use super::clock::FOREVER;
use super::listener::Listener;
use super::network::Network;
use crate::data_plane::{BalancerTable, FiveTuple};

/// One load balancer.
#[derive(Debug)]
pub(crate) struct Balancer {
    table: Arc<ArcSwap<BalancerTable>>,
    listeners: BTreeMap<(Ipv4Addr, u16), Listener>,
}

impl Balancer {
    pub(crate) fn new(table: Arc<BalancerTable>) -> Self {
        Self {
            table: Arc::new(ArcSwap::new(table)),
            listeners: BTreeMap::new(),
        }
    }

    pub(crate) fn table(&self) -> &Arc<ArcSwap<BalancerTable>> {
        &self.table
    }

    /// Takes a table into use and listens on its frontends. Established flows go on.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub(crate) fn publish(
        &mut self,
        table: Arc<BalancerTable>,
        network: &Network,
    ) -> io::Result<()> {
        let wanted = frontends(&table);
        self.table.store(table);
        self.listeners.retain(|at, _| wanted.contains(at));
        for at in wanted {
            if let Entry::Vacant(vacant) = self.listeners.entry(at) {
                vacant.insert(open(at, network)?);
            }
        }
        Ok(())
    }

    /// Frontends with their sockets.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = (Ipv4Addr, u16, SocketAddr)> {
        let listeners = self.listeners.iter();
        listeners.map(|((address, port), listener)| (*address, *port, listener.address()))
    }
}

fn frontends(table: &BalancerTable) -> BTreeSet<(Ipv4Addr, u16)> {
    let rules = table.rules.iter().map(|r| (r.address, r.frontend_port));
    let nat = table.nat_rules.iter().map(|r| (r.address, r.frontend_port));
    rules.chain(nat).collect()
}

fn open(at: (Ipv4Addr, u16), network: &Network) -> io::Result<Listener> {
    let inside = network.clone();
    network.listen(at, move |stream, peer| {
        pass_through(inside.clone(), stream, peer, at)
    })
}

async fn pass_through(
    network: Network,
    mut client: TcpStream,
    peer: SocketAddr,
    frontend: (Ipv4Addr, u16),
) {
    let address = match peer.ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::LOCALHOST,
    };
    let flow = FiveTuple {
        source: (address, peer.port()),
        destination: frontend,
    };
    // A flow that meets silence is held for as long as its client cares to wait.
    match network.open(flow, FOREVER).await {
        Ok(mut instance) => {
            let ended = copy_bidirectional(&mut client, &mut instance).await;
            if let Err(error) = ended {
                tracing::trace!(%error, "a flow ended");
            }
        }
        Err(fault) => {
            tracing::trace!(?fault, "a flow was refused");
            // The client has been accepted already; a reset is the nearest thing to a refusal.
            if let Err(error) = client.set_zero_linger() {
                tracing::debug!(%error, "a reset could not be sent");
            }
        }
    }
}
