//! The three ledgers as they fill, given out in an order that every run of one seed shares.

use crate::ledger::{
    Attempt, ClientEntry, Contract, Exchange, Finished, GatewayEntry, InstanceEntry, Ledgers,
    RequestId, Seen,
};
use crate::time::Instant;

use super::arrival::Arrival;
use super::flight::{Fate, Flight, Run};

/// Entries not yet given out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// Requests that went as they should, in no order.
    exchanges: Vec<Exchange>,
    /// What happened to all others.
    ledgers: Ledgers,
}

impl Books {
    /// A member's answer has been passed on whole.
    pub(crate) fn served(&mut self, flight: &Flight) {
        let (Fate::Served(status), Some(run)) = (flight.fate, &flight.run) else {
            return;
        };
        let ended = flight.ends;
        let seen = run.answer(status);
        if flight.lane.is_direct() {
            self.client(&flight.arrival, ended, seen, run.contract);
            self.instance(run, ended, Some(status));
            return;
        }
        let exchange = Exchange {
            client: client(&flight.arrival, ended, seen, run.contract),
            gateway: gateway(flight, ended, Attempt::Served { status }),
            instance: instance(run, ended, Some(status)),
        };
        if flight.attempt == 0 {
            self.exchanges.push(exchange);
        } else {
            self.ledgers.add(&exchange);
        }
    }

    /// The client knows how its request ended.
    pub(crate) fn client(
        &mut self,
        arrival: &Arrival,
        ended: Instant,
        seen: Seen,
        contract: Contract,
    ) {
        let entry = client(arrival, ended, seen, contract);
        self.ledgers.clients.push(entry);
    }

    /// A gateway's attempt ended; of what passed by every gateway none knows.
    pub(crate) fn gateway(&mut self, flight: &Flight, ended: Instant, outcome: Attempt) {
        if !flight.lane.is_direct() {
            self.ledgers.gateway.push(gateway(flight, ended, outcome));
        }
    }

    /// A gateway had no member to send a request to.
    pub(crate) fn unserved(&mut self, entry: GatewayEntry) {
        self.ledgers.gateway.push(entry);
    }

    /// An execution ended, with a status or stopped without one.
    pub(crate) fn instance(&mut self, run: &Run, ended: Instant, status: Option<u16>) {
        self.ledgers.instances.push(instance(run, ended, status));
    }

    /// Takes what ended before `now`, by end and id: the whole of what is ever given out is then
    /// in one order, however often it is asked for.
    pub(crate) fn drain_before(&mut self, now: Instant) -> Ledgers {
        let mut drained = Ledgers::default();
        drained.reserve(self.exchanges.len());
        let mut order: Vec<(Instant, RequestId, usize)> = self
            .exchanges
            .iter()
            .enumerate()
            .map(|(index, exchange)| (exchange.client.ended, exchange.client.id, index))
            .collect();
        order.sort_unstable();
        for (_, _, index) in order {
            drained.add(&self.exchanges[index]);
        }
        self.exchanges.clear();
        let others = self.others_before(now);
        merge(&mut drained.clients, others.clients, by_client);
        merge(&mut drained.gateway, others.gateway, by_attempt);
        merge(&mut drained.instances, others.instances, by_run);
        drained
    }

    /// How many exchanges wait.
    pub(crate) fn finished(&self) -> usize {
        self.exchanges.len()
    }

    /// Takes what ended before `finished.until`, which no exchange outlasted.
    pub(crate) fn finished_before(&mut self, finished: &mut Finished) {
        finished.exchanges.clear();
        std::mem::swap(&mut finished.exchanges, &mut self.exchanges);
        finished.others = self.others_before(finished.until);
    }

    fn others_before(&mut self, now: Instant) -> Ledgers {
        let Ledgers {
            clients,
            gateway,
            instances,
        } = &mut self.ledgers;
        Ledgers {
            clients: split_before(clients, now, by_client),
            gateway: split_before(gateway, now, by_attempt),
            instances: split_before(instances, now, by_run),
        }
    }
}

fn client(arrival: &Arrival, ended: Instant, seen: Seen, contract: Contract) -> ClientEntry {
    ClientEntry {
        id: arrival.id,
        class: arrival.class,
        connection: arrival.connection,
        user: arrival.client,
        contract,
        due: arrival.due,
        ended,
        seen,
    }
}

fn gateway(flight: &Flight, ended: Instant, outcome: Attempt) -> GatewayEntry {
    GatewayEntry {
        id: flight.arrival.id,
        instance: u16::try_from(flight.lane.instance).unwrap_or(u16::MAX),
        generation: flight.generation,
        member: Some(flight.member.0),
        attempt: flight.attempt,
        dispatched: flight.dispatched,
        ended,
        outcome,
    }
}

fn instance(run: &Run, ended: Instant, status: Option<u16>) -> InstanceEntry {
    InstanceEntry {
        id: run.id,
        address: run.address,
        build: run.build,
        started: run.started,
        ended,
        status,
    }
}

/// When an entry ended, and what tells it from others that ended then.
type Key = (Instant, RequestId, Instant);

fn by_client(entry: &ClientEntry) -> Key {
    (entry.ended, entry.id, entry.due)
}

fn by_attempt(entry: &GatewayEntry) -> Key {
    (entry.ended, entry.id, entry.dispatched)
}

fn by_run(entry: &InstanceEntry) -> Key {
    (entry.ended, entry.id, entry.started)
}

/// Adds entries to others, both in order.
fn merge<T>(entries: &mut Vec<T>, others: Vec<T>, key: impl Fn(&T) -> Key) {
    if !others.is_empty() {
        entries.extend(others);
        entries.sort_by_key(key);
    }
}

/// Takes the entries that ended before `now`.
fn split_before<T>(entries: &mut Vec<T>, now: Instant, key: impl Fn(&T) -> Key) -> Vec<T> {
    entries.sort_by_key(&key);
    let kept = entries.partition_point(|entry| key(entry).0 < now);
    let rest = entries.split_off(kept);
    std::mem::replace(entries, rest)
}
