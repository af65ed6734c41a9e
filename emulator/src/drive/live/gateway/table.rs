//! A routing snapshot with what the live drive hangs on it.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

use super::upstream::Upstream;
use crate::data_plane::{Knobs, RoutingTable, Target};
use crate::drive::live::tls;
use crate::drive::live::view::MemberView;
use crate::time::Instant;

/// An immutable snapshot: the core's table, a connection pool per member, TLS per listener.
#[derive(Debug)]
pub(crate) struct LiveTable {
    pub(crate) routing: Arc<RoutingTable>,
    upstreams: BTreeMap<(Ipv4Addr, u16), Arc<Upstream>>,
    tls: BTreeMap<(Ipv4Addr, u16), Arc<ServerConfig>>,
}

impl LiveTable {
    /// The snapshot for `routing`, sharing with `before` what both know.
    ///
    /// # Errors
    /// When a certificate cannot be used.
    pub(crate) fn new(routing: Arc<RoutingTable>, before: Option<&Self>) -> io::Result<Self> {
        let known = |key: &(Ipv4Addr, u16)| before.and_then(|table| table.upstreams.get(key));
        let upstreams = destinations(&routing)
            .map(|key| {
                let upstream = known(&key).map_or_else(
                    || Arc::new(Upstream::new(source(routing.instance), key)),
                    Arc::clone,
                );
                (key, upstream)
            })
            .collect();
        let tls = match before {
            Some(before) if Arc::ptr_eq(&before.routing.config, &routing.config) => {
                before.tls.clone()
            }
            _ => certificates(&routing)?,
        };
        Ok(Self {
            routing,
            upstreams,
            tls,
        })
    }

    /// The table that serves a connection opened at `opened`: the core's choice, else the current
    /// one with `false`.
    ///
    /// A configuration that was replaced gets new requests of its kept connections only while their
    /// time-out still fits its drain; the core knows how long a simulated one takes and lets them
    /// come for half of it. A real socket cannot be closed between two requests without a race, so
    /// here the connection moves over.
    pub(crate) fn serving(
        &self,
        opened: Instant,
        now: Instant,
        knobs: &Knobs,
    ) -> (&RoutingTable, bool) {
        let chosen = self.routing.for_connection(opened, now, knobs);
        let still_taking = |table: &&Arc<RoutingTable>| {
            let mut older = self.routing.older.iter();
            let older = older.find(|older| Arc::ptr_eq(&older.table, table));
            older.is_none_or(|older| now + longest_answer(table) < older.until)
        };
        match chosen.filter(still_taking) {
            Some(table) => (table, true),
            None => (&self.routing, false),
        }
    }

    /// The connections to a member.
    pub(crate) fn upstream(&self, member: Ipv4Addr, port: u16) -> Option<&Arc<Upstream>> {
        self.upstreams.get(&(member, port))
    }

    pub(crate) fn tls(&self, address: Ipv4Addr, port: u16) -> Option<&Arc<ServerConfig>> {
        self.tls.get(&(address, port))
    }

    /// Addresses and ports it listens on, each once, and whether by TLS.
    pub(crate) fn listens_on(&self) -> BTreeMap<(Ipv4Addr, u16), bool> {
        let listeners = self.routing.config.listeners.iter();
        listeners
            .map(|listener| (listener.address, listener.port))
            .map(|at| (at, self.tls.contains_key(&at)))
            .collect()
    }

    /// Every member of every target: in listed order, then those that drain.
    pub(crate) fn members(&self) -> Vec<MemberView> {
        let targets = self.routing.targets.iter();
        targets.flat_map(|target| self.members_of(target)).collect()
    }

    fn members_of(&self, target: &Target) -> Vec<MemberView> {
        let (pool, port) = (
            self.routing.pool(target),
            self.routing.settings(target).port,
        );
        let listed = pool.members.iter().map(|member| (*member, false));
        let draining = target.draining.iter().map(|member| (*member, true));
        let view = |(address, draining): (Ipv4Addr, bool)| MemberView {
            pool: pool.id.name().to_owned(),
            address,
            healthy: target.eligible.contains(&address),
            draining,
            in_flight: self.upstream(address, port).map_or(0, |u| u.in_flight()),
        };
        listed.chain(draining).map(view).collect()
    }

    /// The members that `self` knows and `after` does not: given up, to be closed.
    pub(crate) fn lost_in<'a>(
        &'a self,
        after: &'a Self,
    ) -> impl Iterator<Item = &'a Arc<Upstream>> {
        let upstreams = self.upstreams.iter();
        upstreams
            .filter(|(key, _)| !after.upstreams.contains_key(*key))
            .map(|(_, upstream)| upstream)
    }

    pub(crate) fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.upstreams.values()
    }
}

/// The longest that a request dispatched by a table may wait for its answer.
fn longest_answer(table: &RoutingTable) -> Duration {
    let settings = table.config.settings.iter();
    settings
        .map(|s| s.request_timeout)
        .max()
        .unwrap_or_default()
}

/// The address a gateway instance calls members from. Its real one lies in the gateway's subnet,
/// which the data plane does not know; load balancers only need one per instance.
fn source(instance: u16) -> Ipv4Addr {
    let [high, low] = instance.to_be_bytes();
    Ipv4Addr::new(169, 254, high, low)
}

/// Every member that the table, or an older one still in use, has to do with: listed, eligible or
/// draining.
fn destinations(current: &RoutingTable) -> impl Iterator<Item = (Ipv4Addr, u16)> {
    let older = current.older.iter().map(|older| older.table.as_ref());
    older.chain([current]).flat_map(|table| {
        table.targets.iter().flat_map(move |target| {
            let port = table.settings(target).port;
            let listed = table.pool(target).members.iter();
            let others = target.eligible.iter().chain(&target.draining);
            listed.chain(others).map(move |member| (*member, port))
        })
    })
}

fn certificates(
    routing: &RoutingTable,
) -> io::Result<BTreeMap<(Ipv4Addr, u16), Arc<ServerConfig>>> {
    let listeners = &routing.config.listeners;
    let mut found = BTreeMap::new();
    for listener in listeners {
        let at = (listener.address, listener.port);
        if found.contains_key(&at) {
            continue;
        }
        let same = listeners.iter().filter(|l| (l.address, l.port) == at);
        if let Some(config) = tls::configuration(same, routing.config.http_2)? {
            found.insert(at, config);
        }
    }
    Ok(found)
}
