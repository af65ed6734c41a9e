//! The ledger line of one attempt, written exactly once.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::client::{Client, UnderWay};
use super::instance::GatewayInstance;
use super::pace::Busy;
use crate::http::Clock;
use crate::ledger::{Attempt, GatewayEntry, RequestId};
use crate::time::Instant;

/// An attempt that has begun. A server drops a request's future only when its connection ends, so
/// an attempt dropped without an end was cut by the gateway or given up by the client.
#[derive(Debug)]
pub(crate) struct Record {
    gateway: Arc<GatewayInstance>,
    client: Arc<Client>,
    entry: Option<GatewayEntry>,
    busy: Option<Busy>,
}

/// What is known of an attempt when it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    pub(crate) id: RequestId,
    pub(crate) generation: u64,
    pub(crate) member: Option<Ipv4Addr>,
    pub(crate) attempt: u8,
}

impl Record {
    pub(crate) fn begin(
        gateway: &Arc<GatewayInstance>,
        client: &Arc<Client>,
        attempt: Beginning,
    ) -> Self {
        let now = gateway.network.clock.now();
        client.set_under_way(attempt.member.map(|member| UnderWay {
            member,
            generation: attempt.generation,
            dispatched: now,
        }));
        let entry = GatewayEntry {
            id: attempt.id,
            instance: gateway.number,
            generation: attempt.generation,
            member: attempt.member,
            attempt: attempt.attempt,
            dispatched: now,
            ended: now,
            outcome: Attempt::ClientGone,
        };
        Self {
            gateway: Arc::clone(gateway),
            client: Arc::clone(client),
            entry: Some(entry),
            busy: Some(client.pace.answering()),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.gateway.network.clock.now()
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Writes the line; later calls do nothing.
    pub(crate) fn finish(&mut self, outcome: Attempt) {
        if let Some(mut entry) = self.entry.take() {
            entry.ended = self.now();
            entry.outcome = outcome;
            self.gateway.meter.attempted(outcome);
            self.gateway.lines.push(entry);
            self.client.set_under_way(None);
            self.busy = None;
        }
    }

    /// Nothing was attempted after all.
    pub(crate) fn discard(mut self) {
        self.entry = None;
        self.client.set_under_way(None);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let outcome = if self.client.is_cut() {
            Attempt::Cut
        } else {
            Attempt::ClientGone
        };
        self.finish(outcome);
    }
}
