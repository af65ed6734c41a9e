//! From a client to a member: which gateway instance takes a request, and what it decides.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::Traffic;
use super::arrival::Arrival;
use super::flight::{Flight, Lane};
use crate::data_plane::gateway::routing_table::{Routed, RoutingTable, Target};
use crate::data_plane::gateway::{GatewayState, TargetId};
use crate::data_plane::knobs::Goaway;
use crate::data_plane::network::Network;
use crate::ledger::{Attempt, ConnectionClass, Contract, Fault, GatewayEntry, Seen};
use crate::time::Instant;

/// Where a frontend's requests go, by one routing table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    /// To the target of this index.
    Target(usize),
    /// The gateway answers itself.
    Answer(u16),
    /// Nothing listens.
    NotListening,
}

/// What a gateway instance decided for one attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// The gateway instance's own address.
    pub(super) source: Ipv4Addr,
    pub(super) generation: u64,
    pub(super) target: TargetId,
    pub(super) member: (Ipv4Addr, u16),
    pub(super) request_timeout: Duration,
}

impl Order {
    fn new(source: Ipv4Addr, table: &RoutingTable, target: &Target, member: Ipv4Addr) -> Self {
        let settings = table.settings(target);
        Self {
            source,
            generation: table.generation,
            target: target.id,
            member: (member, settings.port),
            request_timeout: settings.request_timeout,
        }
    }
}

impl Traffic {
    /// The next request of a source arrives.
    pub(super) fn arrive(&mut self, network: &mut Network, source: usize) {
        let from = &mut self.sources[source];
        let following = from.arrivals.next();
        let Some(arrival) = std::mem::replace(&mut from.next, following) else {
            return;
        };
        self.send(network, source, arrival);
    }

    /// A client sends a request that is due.
    pub(super) fn send(&mut self, network: &mut Network, source: usize, arrival: Arrival) {
        let now = arrival.due;
        if arrival.connection == ConnectionClass::Direct {
            self.bypass(network, source, arrival, now);
            return;
        }
        let Some((lane, opened)) = self.accept(network, source, &arrival) else {
            self.tell(source, &arrival, now, Seen::Refused, Contract::Kept);
            return;
        };
        if self.is_told_to_go_away(network, lane, &arrival, opened) {
            self.tell(source, &arrival, now, Seen::Reset, Contract::Kept);
            return;
        }
        let Some(order) = self.order(network, lane, &arrival, opened) else {
            return;
        };
        self.fly(network, lane, arrival, 0, order, arrival.due);
    }

    /// The gateway instance that takes the client's connection, and when that was opened.
    fn accept(
        &mut self,
        network: &Network,
        source: usize,
        arrival: &Arrival,
    ) -> Option<(Lane, Instant)> {
        let now = arrival.due;
        let gateway = self.gateway_of(network, source)?;
        let from = &mut self.sources[source];
        let state = network.gateways[gateway].as_ref()?;
        let draw = match arrival.connection {
            ConnectionClass::New | ConnectionClass::Direct => self.seeds.instance.at(arrival.id),
            ConnectionClass::Reused | ConnectionClass::Multiplexed => {
                self.seeds.client.at(u64::from(arrival.client))
            }
        };
        let instance = listening_from(state, draw.below(state.instances.len() as u64))?;
        let lane = Lane {
            source,
            gateway,
            instance,
        };
        if !arrival.is_kept() {
            return Some((lane, now));
        }
        let knobs = &network.knobs;
        let table = &state.instances[instance].table;
        let client = from.clients.get(arrival.client);
        let kept = client.opened.filter(|opened| {
            client.instance == instance
                && now.since(client.used) < knobs.client_idle
                && table.for_connection(*opened, now, knobs).is_some()
        });
        let opened = kept.unwrap_or(now);
        client.opened = Some(opened);
        client.instance = instance;
        client.used = now;
        Some((lane, opened))
    }

    /// The gateway that has the frontend of a source.
    pub(super) fn gateway_of(&mut self, network: &Network, source: usize) -> Option<usize> {
        let from = &mut self.sources[source];
        let known = from
            .gateway
            .filter(|slot| network.gateways[*slot].is_some());
        from.gateway = known.or_else(|| network.gateway_of(from.frontend));
        from.gateway
    }

    /// Whether an HTTP/2 request is lost to a `GOAWAY` on its way: an update ends the connections
    /// opened before it, and one that is sent while the notice still travels is dropped unless
    /// the gateway warns first (F43). The client's next one goes over a new connection.
    fn is_told_to_go_away(
        &mut self,
        network: &Network,
        lane: Lane,
        arrival: &Arrival,
        opened: Instant,
    ) -> bool {
        let now = arrival.due;
        let Some(state) = network.gateways[lane.gateway].as_ref() else {
            return false;
        };
        let applied = state.instances[lane.instance].table.applied;
        if arrival.connection != ConnectionClass::Multiplexed || opened >= applied {
            return false;
        }
        let client = self.sources[lane.source].clients.get(arrival.client);
        client.opened = Some(now);
        let knobs = &network.knobs;
        knobs.goaway == Goaway::Single && now.since(applied) < knobs.goaway_travel
    }

    /// The target of a source's requests at a gateway instance, where they go to one.
    pub(super) fn target<'t>(&mut self, lane: Lane, table: &'t RoutingTable) -> Option<&'t Target> {
        match self.hit(lane, table) {
            Hit::Target(index) => Some(&table.targets[index]),
            Hit::Answer(_) | Hit::NotListening => None,
        }
    }

    /// What the gateway instance decides; `None` when it has answered already.
    fn order(
        &mut self,
        network: &Network,
        lane: Lane,
        arrival: &Arrival,
        opened: Instant,
    ) -> Option<Order> {
        let now = arrival.due;
        let instance = &network.gateways[lane.gateway].as_ref()?.instances[lane.instance];
        let table = instance
            .table
            .for_connection(opened, now, &network.knobs)
            .unwrap_or(&instance.table);
        let target = match self.hit(lane, table) {
            Hit::Target(index) => &table.targets[index],
            Hit::NotListening => {
                self.tell(lane.source, arrival, now, Seen::Refused, Contract::Kept);
                return None;
            }
            Hit::Answer(status) => {
                self.tell(lane.source, arrival, now, answered(status), Contract::Kept);
                return None;
            }
        };
        let settings = table.settings(target);
        let sticky = settings.affinity_cookie.is_some();
        let turn = self.turn(lane);
        if network.knobs.reuse_removed
            && let Some(member) =
                self.removed_member(network, lane, target, (turn, settings.port), now)
        {
            return Some(Order::new(instance.source, table, target, member));
        }
        let client = sticky.then(|| self.sources[lane.source].clients.get(arrival.client));
        let cookie = client.as_ref().and_then(|client| client.cookie);
        let Some(member) = target.pick(turn, cookie, None) else {
            self.refuse_unserved(lane, arrival, table.generation);
            return None;
        };
        if let Some(client) = client {
            client.cookie = Some(member);
        }
        Some(Order::new(instance.source, table, target, member))
    }

    /// What the gateway instance decides after a member failed: another one, if there is.
    pub(super) fn reorder(&mut self, network: &Network, flight: &Flight) -> Option<Order> {
        let lane = flight.lane;
        let instance = network.gateways[lane.gateway]
            .as_ref()?
            .instances
            .get(lane.instance)?;
        let table = &instance.table;
        let target = table
            .targets
            .iter()
            .find(|target| target.id == flight.target)?;
        let turn = self.turn(lane);
        let member = target.pick(turn, None, Some(flight.member.0))?;
        Some(Order::new(instance.source, table, target, member))
    }

    /// A removed member to which a connection is still open and idle, when its turn comes (F39).
    fn removed_member(
        &mut self,
        network: &Network,
        lane: Lane,
        target: &Target,
        (turn, port): (u64, u16),
        now: Instant,
    ) -> Option<Ipv4Addr> {
        let all = target.eligible.len() + target.draining.len();
        let turn = usize::try_from(turn.checked_rem(all as u64)?).ok()?;
        let member = *target
            .draining
            .get(turn.checked_sub(target.eligible.len())?)?;
        let pool = &mut self.lane(lane.gateway, lane.instance).pool;
        pool.has_idle((member, port), now, &network.machines)
            .then_some(member)
    }

    fn hit(&mut self, lane: Lane, table: &RoutingTable) -> Hit {
        let source = &mut self.sources[lane.source];
        if lane.instance >= source.routes.len() {
            source
                .routes
                .resize(lane.instance + 1, (u64::MAX, Hit::NotListening));
        }
        let cached = &mut source.routes[lane.instance];
        if cached.0 != table.revision {
            let (address, port) = source.frontend;
            *cached = (table.revision, hit(table, &source.host, address, port));
        }
        cached.1
    }

    pub(super) fn turn(&mut self, lane: Lane) -> u64 {
        let counter = &mut self.lane(lane.gateway, lane.instance).counter;
        *counter += 1;
        *counter - 1
    }

    fn refuse_unserved(&mut self, lane: Lane, arrival: &Arrival, generation: u64) {
        self.books.unserved(GatewayEntry {
            id: arrival.id,
            instance: u16::try_from(lane.instance).unwrap_or(u16::MAX),
            generation,
            member: None,
            attempt: 0,
            dispatched: arrival.due,
            ended: arrival.due,
            outcome: Attempt::Failed {
                fault: Fault::NoHealthyMember,
                status: 502,
            },
        });
        let now = arrival.due;
        self.tell(lane.source, arrival, now, answered(502), Contract::Kept);
    }
}

/// An answer by the gateway itself.
pub(super) const fn answered(status: u16) -> Seen {
    Seen::Answer {
        status,
        build: None,
        complete: true,
    }
}

/// The first instance that listens, from `start` on.
pub(super) fn listening_from(gateway: &GatewayState, start: u64) -> Option<usize> {
    let count = gateway.instances.len();
    let start = usize::try_from(start).unwrap_or_default();
    (start..start + count)
        .map(|index| index % count)
        .find(|index| !gateway.instances[*index].table.config.listeners.is_empty())
}

fn hit(table: &RoutingTable, host: &str, address: Ipv4Addr, port: u16) -> Hit {
    match table.route(host, address, port, "/") {
        Routed::Pool(found) => table
            .targets
            .iter()
            .position(|target| target == found)
            .map_or(Hit::Answer(404), Hit::Target),
        Routed::Redirect { status, .. } => Hit::Answer(status),
        Routed::NotFound => Hit::Answer(404),
        Routed::NotListening => Hit::NotListening,
    }
}
