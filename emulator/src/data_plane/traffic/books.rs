//! The three ledgers as they fill, given out in an order that every run of one seed shares.

use crate::ledger::{Attempt, ClientEntry, GatewayEntry, InstanceEntry, Ledgers, RequestId, Seen};
use crate::time::Instant;

use super::flight::{Flight, Run};

/// Entries not yet given out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    ledgers: Ledgers,
}

impl Books {
    /// The client knows how its request ended.
    pub(crate) fn client(&mut self, flight: &super::arrival::Arrival, ended: Instant, seen: Seen) {
        self.ledgers.clients.push(ClientEntry {
            id: flight.id,
            class: flight.class,
            connection: flight.connection,
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

    /// Takes what ended before `now`, by end and id: the whole of what is ever given out is then
    /// in one order, however often it is asked for.
    pub(crate) fn drain_before(&mut self, now: Instant) -> Ledgers {
        let Ledgers {
            clients,
            gateway,
            instances,
        } = &mut self.ledgers;
        Ledgers {
            clients: split_before(clients, now, |entry| (entry.ended, entry.id, entry.due)),
            gateway: split_before(gateway, now, |entry| {
                (entry.ended, entry.id, entry.dispatched)
            }),
            instances: split_before(instances, now, |entry| {
                (entry.ended, entry.id, entry.started)
            }),
        }
    }
}

fn split_before<T>(
    entries: &mut Vec<T>,
    now: Instant,
    key: impl Fn(&T) -> (Instant, RequestId, Instant),
) -> Vec<T> {
    entries.sort_by_key(&key);
    let kept = entries.partition_point(|entry| key(entry).0 < now);
    let rest = entries.split_off(kept);
    std::mem::replace(entries, rest)
}
