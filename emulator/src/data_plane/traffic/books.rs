//! The three ledgers as they fill, given out in an order that every run of one seed shares.

use crate::ledger::{
    Attempt, ClientEntry, Contract, GatewayEntry, InstanceEntry, Ledgers, RequestId, Seen,
};
use crate::time::Instant;

use super::flight::{Flight, Run};

/// Room for as many entries as a short run writes (some 20 000 requests): grown from nothing, a
/// ledger would be copied once more as a whole.
const ROOM: usize = 32 * 1024;

/// Entries not yet given out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    ledgers: Ledgers,
    /// Entries of each ledger that are in order already.
    sorted: [usize; 3],
}

impl Books {
    /// Makes room once there is traffic; pages that nobody writes to cost nothing.
    pub(crate) fn reserve(&mut self) {
        self.ledgers.clients.reserve(ROOM);
        self.ledgers.gateway.reserve(ROOM);
        self.ledgers.instances.reserve(ROOM);
    }

    /// The client knows how its request ended.
    pub(crate) fn client(&mut self, flight: &super::arrival::Arrival, ended: Instant, seen: Seen) {
        self.ledgers.clients.push(ClientEntry {
            id: flight.id,
            class: flight.class,
            connection: flight.connection,
            user: flight.client,
            contract: Contract::Kept,
            due: flight.due,
            ended,
            seen,
        });
    }

    /// A gateway's attempt ended.
    pub(crate) fn gateway(&mut self, flight: &Flight, ended: Instant, outcome: Attempt) {
        self.ledgers.gateway.push(GatewayEntry {
            id: flight.arrival.id,
            instance: u16::try_from(flight.lane.instance).unwrap_or(u16::MAX),
            generation: flight.generation,
            member: Some(flight.member.0),
            attempt: flight.attempt,
            dispatched: flight.dispatched,
            ended,
            outcome,
        });
    }

    /// A gateway had no member to send a request to.
    pub(crate) fn unserved(&mut self, entry: GatewayEntry) {
        self.ledgers.gateway.push(entry);
    }

    /// An execution ended, with a status or stopped without one.
    pub(crate) fn instance(&mut self, run: &Run, ended: Instant, status: Option<u16>) {
        self.ledgers.instances.push(InstanceEntry {
            id: run.id,
            address: run.address,
            build: run.build,
            started: run.started,
            ended,
            status,
        });
    }

    /// Puts what was written since the last call in order: traffic is advanced in short spans, and
    /// what ends in a later one goes behind, so that short stretches are sorted instead of a run.
    pub(crate) fn sort_latest(&mut self) {
        let Ledgers {
            clients,
            gateway,
            instances,
        } = &mut self.ledgers;
        let [first, second, third] = &mut self.sorted;
        sort_behind(clients, first, by_client);
        sort_behind(gateway, second, by_attempt);
        sort_behind(instances, third, by_run);
    }

    /// Takes what ended before `now`, by end and id: the whole of what is ever given out is then
    /// in one order, however often it is asked for.
    pub(crate) fn drain_before(&mut self, now: Instant) -> Ledgers {
        let Ledgers {
            clients,
            gateway,
            instances,
        } = &mut self.ledgers;
        let drained = Ledgers {
            clients: split_before(clients, now, by_client),
            gateway: split_before(gateway, now, by_attempt),
            instances: split_before(instances, now, by_run),
        };
        self.sorted = [0; 3];
        drained
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

fn sort_behind<T>(entries: &mut [T], sorted: &mut usize, key: impl Fn(&T) -> Key) {
    entries[*sorted..].sort_by_key(key);
    *sorted = entries.len();
}

/// Takes the entries that ended before `now`. They are nearly in order, which makes the sort one
/// pass; what a cut wrote since the last sort may not be.
fn split_before<T>(entries: &mut Vec<T>, now: Instant, key: impl Fn(&T) -> Key) -> Vec<T> {
    entries.sort_by_key(&key);
    let kept = entries.partition_point(|entry| key(entry).0 < now);
    let rest = entries.split_off(kept);
    std::mem::replace(entries, rest)
}
