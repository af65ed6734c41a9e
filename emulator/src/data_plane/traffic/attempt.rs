//! One attempt of a gateway instance, followed from the connection to its foreseen end.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::Traffic;
use super::arrival::Arrival;
use super::backend_pool::{Connection, Taken};
use super::dispatch::Order;
use super::flight::{Fate, Flight, Lane, Run};
use crate::data_plane::flaws::Promise;
use crate::data_plane::instance::Machine;
use crate::data_plane::instance_view::InstanceState;
use crate::data_plane::load_balancer::table::FiveTuple;
use crate::data_plane::network::{Network, Reached};
use crate::ledger::{Contract, Fault, RequestClass};
use crate::seed::Seed;
use crate::time::Instant;

/// An address and port that flows go to.
pub(super) type Member = (Ipv4Addr, u16);

impl Traffic {
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
            self.execute(network, connection.slot, &mut flight, deadline);
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
        self.take_off(&flight);
    }

    /// An instance takes the request, or does not.
    pub(super) fn execute(
        &mut self,
        network: &mut Network,
        slot: usize,
        flight: &mut Flight,
        deadline: Instant,
    ) {
        let draw = self.seeds.service.at(flight.arrival.id);
        let promise = self.promise(network, slot, flight, draw);
        execute(
            &mut network.machines[slot],
            slot,
            draw,
            promise,
            flight,
            deadline,
        );
    }

    /// What the application's contract makes of the request; nothing, where no build has a flaw.
    fn promise(
        &mut self,
        network: &mut Network,
        slot: usize,
        flight: &Flight,
        draw: Seed,
    ) -> Promise {
        let Some(shared) = &mut network.shared else {
            return Promise::KEPT;
        };
        let arrival = &flight.arrival;
        let clients = &mut self.sources[flight.lane.source].clients;
        let memory = clients.get(arrival.client).memory;
        let view = &network.machines[slot].view;
        shared.check(view, arrival, memory, (flight.dispatched, draw))
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
        if network.is_cut(order.source, order.member.0) {
            fail(
                flight,
                Fault::ConnectTimeout,
                now + network.knobs.connect_timeout,
            );
            return None;
        }
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

    /// Keeps a flight until its end. One that nothing follows from needs no order among others.
    pub(super) fn take_off(&mut self, flight: &Flight) {
        match flight.fate {
            Fate::Served(_) if flight.ends_quietly() => self.answers.add(flight),
            _ => self.flights.add(*flight),
        }
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
    draw: Seed,
    promise: Promise,
    flight: &mut Flight,
    deadline: Instant,
) {
    let now = flight.dispatched;
    let finishes = match machine.view.state {
        InstanceState::NotListening => return fail(flight, Fault::Reset, now),
        InstanceState::Refusing => return fail(flight, Fault::Refused, now),
        InstanceState::Hanging => None,
        InstanceState::Serving => Some(work(machine, draw, promise, flight)),
    };
    flight.run = Some(Run {
        id: flight.arrival.id,
        slot,
        address: machine.spec.address,
        build: machine.view.build,
        reports: machine.view.reports,
        contract: match finishes {
            Some((_, status)) if status == promise.status => promise.contract,
            _ => Contract::Kept,
        },
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
fn work(
    machine: &mut Machine,
    draw: Seed,
    promise: Promise,
    flight: &mut Flight,
) -> (Instant, u16) {
    let (now, arrival) = (flight.dispatched, &flight.arrival);
    let response = machine.view.respond(draw, arrival.class, arrival.work);
    let service = arrival.upload + response.service + promise.extra;
    let status = match response.status {
        200 => promise.status,
        failing => failing,
    };
    let Some((start, finish)) = machine.queue.admit(now, service) else {
        flight.first_byte = now;
        return (now, 503);
    };
    machine.meter.add(start, finish);
    flight.first_byte = first_byte(arrival.class, finish, response.service);
    (finish + arrival.transfer, status)
}

/// A long answer streams for the second half of its time, so that it can be cut short after its
/// status is out (F47); every other begins at once.
fn first_byte(class: RequestClass, finish: Instant, service: Duration) -> Instant {
    match class {
        RequestClass::Long => finish - service / 2,
        _ => finish,
    }
}
