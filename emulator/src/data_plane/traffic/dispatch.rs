//! From a client to an instance: which gateway instance, which member, which machine, and the end
//! that follows.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::Traffic;
use super::arrival::Arrival;
use super::backend_pool::{Connection, Taken};
use super::flight::{Fate, Flight, Lane, Run};
use crate::data_plane::gateway::routing_table::{Routed, RoutingTable, Target};
use crate::data_plane::gateway::{GatewayState, TargetId};
use crate::data_plane::instance::Machine;
use crate::data_plane::instance_view::InstanceState;
use crate::data_plane::load_balancer::table::FiveTuple;
use crate::data_plane::network::{Network, Reached};
use crate::ledger::{Attempt, ConnectionClass, Fault, GatewayEntry, RequestClass, RequestId, Seen};
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
    source: Ipv4Addr,
    generation: u64,
    target: TargetId,
    member: (Ipv4Addr, u16),
    request_timeout: Duration,
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
        let Some((lane, opened)) = self.accept(network, source, &arrival) else {
            self.books.client(&arrival, arrival.due, Seen::Refused);
            return;
        };
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
        let from = &mut self.sources[source];
        let known = from
            .gateway
            .filter(|slot| network.gateways[*slot].is_some());
        from.gateway = known.or_else(|| network.gateway_of(from.frontend));
        let gateway = from.gateway?;
        let state = network.gateways[gateway].as_ref()?;
        let draw = match arrival.connection {
            ConnectionClass::New => self.seeds.instance.at(arrival.id),
            ConnectionClass::Reused => self.seeds.client.at(u64::from(arrival.client)),
        };
        let instance = listening_from(state, draw.below(state.instances.len() as u64))?;
        let lane = Lane {
            source,
            gateway,
            instance,
        };
        if arrival.connection == ConnectionClass::New {
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
                self.books.client(arrival, now, Seen::Refused);
                return None;
            }
            Hit::Answer(status) => {
                self.books.client(arrival, now, answered(status));
                return None;
            }
        };
        let sticky = table.settings(target).affinity_cookie.is_some();
        let turn = self.turn(lane);
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

    /// One attempt: dispatched at `now`, and followed to its end.
    pub(super) fn fly(
        &mut self,
        network: &mut Network,
        lane: Lane,
        arrival: Arrival,
        attempt: u8,
        order: Order,
        now: Instant,
    ) {
        let mut flight = Flight {
            arrival,
            lane,
            generation: order.generation,
            target: order.target,
            member: order.member,
            attempt,
            dispatched: now,
            ends: now,
            fate: Fate::Failed(Fault::Reset),
            first_byte: now,
            run: None,
            connection: (arrival.id, attempt),
        };
        let deadline = now + arrival.upload + order.request_timeout;
        let connection = self.connect(network, &order, &mut flight, deadline);
        if let Some(connection) = connection {
            let draw = self.seeds.service.at(arrival.id);
            let machine = &mut network.machines[connection.slot];
            execute(machine, connection.slot, draw, &mut flight, deadline);
        }
        let patience_ends = arrival.due + arrival.patience;
        if patience_ends < flight.ends {
            flight.ends = patience_ends;
            flight.fate = Fate::ClientGone;
        }
        if let Some(connection) = connection
            && matches!(flight.fate, Fate::Served(_))
        {
            let free = Connection {
                free_at: flight.ends,
                ..connection
            };
            self.lane(lane.gateway, lane.instance)
                .pool
                .put(order.member, free);
        }
        self.take_off(network, flight);
    }

    /// A connection to the member: kept or new. Without one the flight's end is set.
    fn connect(
        &mut self,
        network: &Network,
        order: &Order,
        flight: &mut Flight,
        deadline: Instant,
    ) -> Option<Connection> {
        let now = flight.dispatched;
        let lane = flight.lane;
        let pool = &mut self.lane(lane.gateway, lane.instance).pool;
        match pool.take(order.member, now, &network.machines, &network.knobs) {
            Taken::Idle(connection) => {
                flight.connection = connection.opened_by;
                return Some(connection);
            }
            Taken::Raced => fail(flight, Fault::Reset, now),
            Taken::Forgotten => fail(flight, Fault::RequestTimeout, deadline),
            Taken::Nothing => {
                let flow = FiveTuple {
                    source: (order.source, self.seeds.source_port(flight.connection)),
                    destination: order.member,
                };
                match network.connect(flow) {
                    Reached::Instance { slot, idle } => {
                        return Some(Connection {
                            free_at: now,
                            opened_by: flight.connection,
                            slot,
                            epoch: network.machines[slot].flow_epoch,
                            idle,
                        });
                    }
                    Reached::Refusal => fail(flight, Fault::Refused, now),
                    Reached::Silence => {
                        let patience = network.knobs.connect_timeout;
                        fail(flight, Fault::ConnectTimeout, now + patience);
                    }
                }
            }
        }
        None
    }

    /// Writes a flight down if its end is certain, else keeps it until then.
    fn take_off(&mut self, network: &mut Network, flight: Flight) {
        if let (Fate::Served(status), Some(run)) = (flight.fate, &flight.run)
            && flight.ends <= self.horizon
        {
            self.write_served(&flight, run, status);
            return;
        }
        if let Some(run) = &flight.run {
            network.machines[run.slot].in_flight += 1;
        }
        self.flights.add(flight);
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
        self.books.client(arrival, arrival.due, answered(502));
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

fn fail(flight: &mut Flight, fault: Fault, at: Instant) {
    flight.fate = Fate::Failed(fault);
    flight.ends = at;
    flight.first_byte = at;
}

/// An instance takes the request, or does not.
fn execute(
    machine: &mut Machine,
    slot: usize,
    draw: crate::Seed,
    flight: &mut Flight,
    deadline: Instant,
) {
    let now = flight.dispatched;
    let finishes = match machine.view.state {
        InstanceState::NotListening => return fail(flight, Fault::Reset, now),
        InstanceState::Refusing => return fail(flight, Fault::Refused, now),
        InstanceState::Hanging => None,
        InstanceState::Serving => Some(work(machine, draw, flight)),
    };
    flight.run = Some(Run {
        id: flight.arrival.id,
        slot,
        address: machine.spec.address,
        build: machine.view.build,
        started: now,
        finishes,
    });
    match finishes {
        Some((finish, status)) if flight.first_byte <= deadline => {
            flight.fate = Fate::Served(status);
            flight.ends = finish;
        }
        _ => fail(flight, Fault::RequestTimeout, deadline),
    }
}

/// Puts the request into the queue: when it finishes, and with which status.
fn work(machine: &mut Machine, draw: crate::Seed, flight: &mut Flight) -> (Instant, u16) {
    let (now, arrival) = (flight.dispatched, &flight.arrival);
    let response = machine.view.respond(draw, arrival.class, arrival.work);
    let service = arrival.upload + response.service;
    let Some((start, finish)) = machine.queue.admit(now, service) else {
        flight.first_byte = now;
        return (now, 503);
    };
    machine.meter.add(start, finish);
    flight.first_byte = first_byte(arrival.class, finish, response.service);
    (finish, response.status)
}

/// A long answer streams for the second half of its time, so that it can be cut short after its
/// status is out (F47); every other comes at once.
fn first_byte(class: RequestClass, finish: Instant, service: Duration) -> Instant {
    match class {
        RequestClass::Long => finish - service / 2,
        RequestClass::Short | RequestClass::Write | RequestClass::Upload => finish,
    }
}
