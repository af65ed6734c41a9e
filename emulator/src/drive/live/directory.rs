//! What a connection to each of the cloud's addresses meets.
//!
//! Callers inside the virtual network (gateways, probes) connect through here. A load balancer is
//! no proxy: it passes packets through (azure-facts.md §5.7), so a caller's new flow is given to an
//! instance by the core's table and then is a plain connection to that instance. Silence, too, is
//! decided here: a loopback listener completes handshakes before anyone can drop them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::data_plane::{BalancerTable, FiveTuple};
use crate::http::Address;

/// The port under which a machine is entered that treats all its ports alike.
pub(crate) const EVERY_PORT: u16 = 0;

/// One address and port.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What a caller inside the cloud meets.
    pub(crate) meets: Meets,
    /// The socket for callers from outside.
    pub(crate) socket: Option<SocketAddr>,
    /// Whether that socket speaks TLS.
    pub(crate) tls: bool,
}

/// What a caller inside the cloud meets.
#[derive(Clone, Debug)]
pub(crate) enum Meets {
    /// A machine that accepts.
    Socket(SocketAddr),
    /// A machine on which nothing listens.
    Refusal,
    /// A load balancer.
    Balancer(Arc<ArcSwap<BalancerTable>>),
}

impl Entry {
    pub(crate) const fn new(meets: Meets, socket: Option<SocketAddr>, tls: bool) -> Self {
        Self { meets, socket, tls }
    }
}

/// All entries; read without a lock, replaced as a whole.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    entries: ArcSwap<BTreeMap<(Ipv4Addr, u16), Entry>>,
}

/// What a flow meets in the end, balanced or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A machine accepts it here.
    Socket(SocketAddr),
    /// A machine refuses it.
    Refusal,
    /// Its packets are dropped without a word.
    Silence,
}

impl Directory {
    pub(crate) fn replace(&self, entries: BTreeMap<(Ipv4Addr, u16), Entry>) {
        self.entries.store(Arc::new(entries));
    }

    /// The socket of an address for callers from outside.
    pub(crate) fn socket(&self, address: Ipv4Addr, port: u16) -> Option<SocketAddr> {
        let entries = self.entries.load();
        entry(&entries, address, port)?.socket
    }

    /// Every address with a socket, in order.
    pub(crate) fn list(&self) -> Vec<Address> {
        let entries = self.entries.load();
        let row = |(&(address, port), entry): (&(Ipv4Addr, u16), &Entry)| {
            entry.socket.map(|listens| Address {
                address,
                port,
                tls: entry.tls,
                listens,
            })
        };
        entries.iter().filter_map(row).collect()
    }

    /// What a flow from inside the cloud meets.
    pub(crate) fn find(&self, flow: FiveTuple) -> Found {
        let entries = self.entries.load();
        let (address, port) = flow.destination;
        let found = entry(&entries, address, port).map(|entry| &entry.meets);
        let found = match found {
            Some(Meets::Balancer(table)) => table
                .load()
                .pick(flow)
                .and_then(|(address, port)| entry(&entries, address, port))
                .map(|entry| &entry.meets),
            direct => direct,
        };
        match found {
            Some(Meets::Socket(socket)) => Found::Socket(*socket),
            Some(Meets::Refusal) => Found::Refusal,
            // A load balancer's backend is an instance, never another load balancer.
            Some(Meets::Balancer(_)) | None => Found::Silence,
        }
    }
}

fn entry(
    entries: &BTreeMap<(Ipv4Addr, u16), Entry>,
    address: Ipv4Addr,
    port: u16,
) -> Option<&Entry> {
    entries
        .get(&(address, port))
        .or_else(|| entries.get(&(address, EVERY_PORT)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use turquoise_arm::ResourceId;

    use super::*;
    use crate::data_plane::RuleTable;
    use crate::desired::Distribution;

    const INSTANCE: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 4);
    const BOOTING: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 5);
    const FRONTEND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
    const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 9);

    fn balancer(healthy: &[Ipv4Addr]) -> Meets {
        let rule = RuleTable {
            name: "http".to_owned(),
            address: FRONTEND,
            frontend_port: 80,
            backend_port: 8_080,
            distribution: Distribution::FiveTuple,
            idle_timeout: Duration::from_secs(240),
            tcp_reset: true,
            healthy: healthy.to_vec(),
        };
        Meets::Balancer(Arc::new(ArcSwap::from_pointee(BalancerTable {
            load_balancer: ResourceId::resource_group("s", "g")
                .resource("Microsoft.Network/loadBalancers", "lb"),
            rules: vec![rule],
            nat_rules: Vec::new(),
        })))
    }

    const SOCKET: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000);

    fn directory(healthy: &[Ipv4Addr]) -> Directory {
        let entry = |meets, socket| Entry::new(meets, socket, false);
        let instance = entry(Meets::Socket(SOCKET), Some(SOCKET));
        let directory = Directory::default();
        directory.replace(BTreeMap::from([
            ((INSTANCE, EVERY_PORT), instance),
            ((BOOTING, EVERY_PORT), entry(Meets::Refusal, None)),
            ((FRONTEND, 80), entry(balancer(healthy), None)),
        ]));
        directory
    }

    #[test]
    fn callers_inside_meet_what_stands_at_the_address() {
        for (healthy, address, port, expected) in [
            (INSTANCE, INSTANCE, 8_080, Found::Socket(SOCKET)),
            (INSTANCE, FRONTEND, 80, Found::Socket(SOCKET)),
            (INSTANCE, FRONTEND, 81, Found::Silence),
            (INSTANCE, NOBODY, 80, Found::Silence),
            (INSTANCE, BOOTING, 80, Found::Refusal),
            (BOOTING, FRONTEND, 80, Found::Refusal),
            (NOBODY, FRONTEND, 80, Found::Silence),
        ] {
            let flow = FiveTuple {
                source: (NOBODY, 1_024),
                destination: (address, port),
            };
            assert_eq!(
                directory(&[healthy]).find(flow),
                expected,
                "{address}:{port}"
            );
        }
        let flow = FiveTuple {
            source: (NOBODY, 1_024),
            destination: (FRONTEND, 80),
        };
        assert_eq!(
            directory(&[]).find(flow),
            Found::Silence,
            "nothing is healthy"
        );
    }

    #[test]
    fn callers_from_outside_see_the_sockets_alone() {
        let directory = directory(&[INSTANCE]);
        assert_eq!(directory.socket(INSTANCE, 443), Some(SOCKET));
        assert_eq!(directory.socket(BOOTING, 80), None);
        assert_eq!(directory.list().len(), 1);
    }
}
