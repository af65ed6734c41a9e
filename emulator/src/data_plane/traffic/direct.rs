//! Requests that no gateway sees: of clients that once looked a side's address up (F53), and queued
//! jobs that instances take by themselves (F112).

use std::net::Ipv4Addr;
use std::time::Duration;

use super::arrival::Arrival;
use super::attempt::Member;
use super::flight::{Fate, Flight, Lane};
use super::{Pending, Traffic};
use crate::data_plane::load_balancer::table::FiveTuple;
use crate::data_plane::network::{Network, Reached};
use crate::ledger::{Contract, Fault, RequestClass, Seen};
use crate::time::Instant;

/// A job that nobody could take is offered again after this long.
const REDELIVERY: Duration = Duration::from_secs(1);

impl Traffic {
    /// A request past the gateway, at `now`.
    pub(super) fn bypass(
        &mut self,
        network: &mut Network,
        source: usize,
        arrival: Arrival,
        now: Instant,
    ) {
        if arrival.class == RequestClass::Job {
            self.offer(network, source, arrival, now);
            return;
        }
        let kept = self.sources[source].clients.get(arrival.client).address;
        let Some(member) = kept.or_else(|| self.live_member(network, source, &arrival)) else {
            self.tell(source, &arrival, now, Seen::Refused, Contract::Kept);
            return;
        };
        self.sources[source].clients.get(arrival.client).address = Some(member);
        match network.connect(self.flow(&arrival, member)) {
            Reached::Instance { slot, .. } => {
                self.run_directly(network, source, arrival, (member, slot), now);
            }
            Reached::Refusal => self.tell(source, &arrival, now, Seen::Refused, Contract::Kept),
            Reached::Silence => {
                let at = arrival.due + arrival.patience;
                let flight = Flight {
                    ends: at,
                    fate: Fate::ClientGone,
                    ..Flight::direct(source, arrival, member, now)
                };
                self.flights.add(flight);
            }
        }
    }

    /// A queue offers a job: an instance of a live side takes it, and each eager side works on a
    /// copy of its own. A job that no side takes is offered again for as long as its sender cares.
    fn offer(&mut self, network: &mut Network, source: usize, arrival: Arrival, now: Instant) {
        let live = self.live_member(network, source, &arrival);
        let taker = live.and_then(|member| self.worker_behind(network, &arrival, member));
        let Some(taker) = taker else {
            let given_up = arrival.due + arrival.patience;
            if now >= given_up {
                self.tell(source, &arrival, now, Seen::TimedOut, Contract::Kept);
                return;
            }
            let again = (now + REDELIVERY).min(given_up);
            self.later
                .insert((again, arrival.id), Pending::Job(source, arrival));
            return;
        };
        for copy in eager_sides(network, live) {
            if let Some(worker) = self.worker_behind(network, &arrival, copy) {
                self.copy(network, source, arrival, worker, now);
            }
        }
        self.run_directly(network, source, arrival, taker, now);
    }

    /// A second worker runs the same job.
    fn copy(
        &mut self,
        network: &mut Network,
        source: usize,
        arrival: Arrival,
        (member, slot): (Member, usize),
        now: Instant,
    ) {
        let mut flight = Flight::direct(source, arrival, member, now);
        self.execute(network, slot, &mut flight, now + arrival.patience);
        if let Some(run) = flight.run.filter(|run| run.finishes.is_some()) {
            self.runs.add(run);
        }
    }

    fn run_directly(
        &mut self,
        network: &mut Network,
        source: usize,
        arrival: Arrival,
        (member, slot): (Member, usize),
        now: Instant,
    ) {
        let mut flight = Flight::direct(source, arrival, member, now);
        let leaves = now.max(arrival.due) + arrival.patience;
        self.execute(network, slot, &mut flight, leaves);
        if !matches!(flight.fate, Fate::Served(_)) || flight.ends > leaves {
            (flight.fate, flight.ends) = (Fate::ClientGone, leaves);
        }
        self.take_off(&flight);
    }

    /// How a request without a gateway fails: nobody tries another member for it. A job goes back
    /// to its queue.
    pub(super) fn fail_directly(&mut self, flight: &Flight, now: Instant, broken: Seen) {
        let source = flight.lane.source;
        if flight.arrival.class == RequestClass::Job {
            let again = Pending::Job(source, flight.arrival);
            self.later
                .insert((now + REDELIVERY, flight.arrival.id), again);
        } else {
            self.tell(source, &flight.arrival, now, broken, Contract::Kept);
        }
    }

    /// A member that the gateway now sends this source's requests to.
    fn live_member(
        &mut self,
        network: &Network,
        source: usize,
        arrival: &Arrival,
    ) -> Option<Member> {
        let gateway = self.gateway_of(network, source)?;
        let state = network.gateways[gateway].as_ref()?;
        let lane = Lane {
            source,
            gateway,
            instance: super::dispatch::listening_from(state, 0)?,
        };
        let table = &state.instances[lane.instance].table;
        let target = self.target(lane, table)?;
        let turn = self.seeds.port.at(arrival.id).value();
        let address = target.pick(turn, None, None)?;
        Some((address, table.settings(target).port))
    }

    fn worker_behind(
        &self,
        network: &Network,
        arrival: &Arrival,
        member: Member,
    ) -> Option<(Member, usize)> {
        let Reached::Instance { slot, .. } = network.connect(self.flow(arrival, member)) else {
            return None;
        };
        network.machines[slot].view.ready.then_some((member, slot))
    }

    /// A flow from the client's own address, on a port of this request.
    fn flow(&self, arrival: &Arrival, destination: Member) -> FiveTuple {
        let [_, _, high, low] = arrival.client.to_be_bytes();
        FiveTuple {
            source: (
                Ipv4Addr::new(10, 200, high, low),
                self.seeds.source_port((arrival.id, 0)),
            ),
            destination,
        }
    }
}

/// Other sides whose instances take jobs though their side is not the one chosen.
fn eager_sides(network: &Network, live: Option<Member>) -> Vec<Member> {
    if network.shared.is_none() {
        return Vec::new();
    }
    let frontends = network.balancers.values().flat_map(|balancer| {
        let rules = balancer.table.rules.iter();
        rules.map(|rule| ((rule.address, rule.frontend_port), &rule.healthy))
    });
    let eager = |healthy: &[Ipv4Addr]| {
        healthy.iter().any(|address| {
            let slot = network.by_address.get(address);
            slot.is_some_and(|slot| network.machines[*slot].view.application.flaws.eager)
        })
    };
    frontends
        .filter(|(member, healthy)| live != Some(*member) && eager(healthy))
        .map(|(member, _)| member)
        .collect()
}

impl Flight {
    /// A request that no gateway instance works on.
    pub(super) fn direct(source: usize, arrival: Arrival, member: Member, now: Instant) -> Self {
        Self {
            arrival,
            lane: Lane::direct(source),
            generation: 0,
            target: 0,
            member,
            attempt: 0,
            dispatched: now,
            ends: now,
            fate: Fate::Failed(Fault::Reset),
            first_byte: now,
            run: None,
            connection: (arrival.id, 0),
        }
    }
}
