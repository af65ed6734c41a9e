//! What happened lately: bounded, numbered, for readers that come and go.

use std::collections::VecDeque;

use serde::Serialize;

use super::exchange::Exchange;
use super::traffic::Traffic;
use crate::event::{Event, Timed};
use crate::ledger::{Attempt, GatewayEntry, RequestId};
use crate::time::Instant;

/// Entries kept: some minutes of a busy cloud, at most a few MiB.
const KEPT: usize = 4_096;
/// Requests kept with their bodies.
const EXCHANGES: usize = 256;
/// Bytes of bodies kept, whatever their number.
const BODY_BYTES: usize = 4 * 1024 * 1024;
/// Lost requests told one by one of each batch; the counters have all of them.
const LOSSES: usize = 20;

/// What happened lately.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    last: u64,
    entries: VecDeque<Entry>,
    exchanges: VecDeque<(u64, Exchange)>,
    body_bytes: usize,
    traffic: Traffic,
}

/// One thing that happened; numbers grow by one, from 1.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) at_ms: u64,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "what", content = "detail")]
pub(crate) enum What {
    /// Something in the cloud; answered ARM requests are told as [`What::Request`] instead.
    Cloud(Event),
    /// An ARM request was answered; its bodies are kept apart.
    Request {
        method: String,
        target: String,
        caller: String,
        /// 0 when the connection ended without an answer.
        status: u16,
    },
    /// A request of a client that ended badly at a gateway.
    Loss {
        /// The client's `x-request-id`; 0 without one.
        request: RequestId,
        gateway_instance: u16,
        member: Option<String>,
        why: String,
    },
    /// Losses of one moment that are not told one by one.
    MoreLosses { count: usize },
    /// What somebody wanted to have in here.
    Note { text: String },
}

impl Chronicle {
    /// The number of the newest entry; 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Entries after `number`, oldest first.
    pub(crate) fn after(&self, number: u64) -> impl Iterator<Item = &Entry> {
        let first = self.entries.partition_point(|entry| entry.number <= number);
        self.entries.range(first..)
    }

    /// The kept requests, newest first.
    pub(crate) fn exchanges(&self) -> impl Iterator<Item = (u64, &Exchange)> {
        let newest_first = self.exchanges.iter().rev();
        newest_first.map(|(number, exchange)| (*number, exchange))
    }

    /// Requests through the gateways, by second and member.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Takes in what the cloud told.
    pub(crate) fn on_events(&mut self, events: &[Timed]) {
        for timed in events {
            if !matches!(timed.event, Event::Arm { .. }) {
                self.add(timed.at, What::Cloud(timed.event.clone()));
            }
        }
    }

    /// Takes in what gateways wrote until `uptime_s` seconds of wall clock; `speed` turns spans of
    /// the cloud into those of a client.
    pub(crate) fn on_attempts(&mut self, uptime_s: u64, speed: f64, attempts: &[GatewayEntry]) {
        self.traffic.on_attempts(uptime_s, speed, attempts);
        let lost = attempts.iter().filter_map(|attempt| {
            let why = why_lost(&attempt.outcome)?;
            Some((attempt, why))
        });
        let lost: Vec<_> = lost.collect();
        for (attempt, why) in lost.iter().take(LOSSES) {
            let loss = What::Loss {
                request: attempt.id,
                gateway_instance: attempt.instance,
                member: attempt.member.map(|member| member.to_string()),
                why: why.clone(),
            };
            self.add(attempt.ended, loss);
        }
        if let Some((attempt, _)) = lost.get(LOSSES) {
            let count = lost.len() - LOSSES;
            self.add(attempt.ended, What::MoreLosses { count });
        }
    }

    /// Takes in an ARM request with its answer.
    pub(crate) fn on_exchange(&mut self, at: Instant, exchange: Exchange) {
        let request = What::Request {
            method: exchange.method.to_string(),
            target: exchange.target.to_string(),
            caller: exchange.caller(),
            status: exchange.status,
        };
        self.add(at, request);
        self.body_bytes += exchange.body_bytes();
        self.exchanges.push_back((self.last, exchange));
        while self.exchanges.len() > EXCHANGES || self.body_bytes > BODY_BYTES {
            let Some((_, oldest)) = self.exchanges.pop_front() else {
                return;
            };
            self.body_bytes -= oldest.body_bytes();
        }
    }

    /// Adds one entry; the oldest makes room.
    pub(crate) fn add(&mut self, at: Instant, what: What) {
        self.last += 1;
        self.entries.push_back(Entry {
            number: self.last,
            at_ms: at.as_millis(),
            what,
        });
        if self.entries.len() > KEPT {
            self.entries.pop_front();
        }
    }
}

/// Why the client of an attempt got no good answer; `None` when it did, or will.
pub(super) fn why_lost(outcome: &Attempt) -> Option<String> {
    match outcome {
        Attempt::Served { status } if *status >= 500 => Some(format!("answered {status}")),
        Attempt::Failed { fault, status } => Some(format!("{fault:?}, answered {status}")),
        Attempt::Cut => Some("cut when its drain time-out had passed".to_owned()),
        Attempt::Served { .. } | Attempt::Retried(_) | Attempt::ClientGone => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::ledger::Fault;

    fn attempt(outcome: Attempt) -> GatewayEntry {
        GatewayEntry {
            id: 7,
            instance: 0,
            generation: 1,
            member: Some(Ipv4Addr::new(10, 0, 1, 4)),
            attempt: 0,
            dispatched: Instant::ZERO,
            ended: Instant::from_millis(5),
            outcome,
        }
    }

    #[test]
    fn a_reader_goes_on_where_it_stopped_and_the_oldest_goes_first() {
        let mut chronicle = Chronicle::default();
        for text in 0..KEPT + 2 {
            let note = What::Note {
                text: text.to_string(),
            };
            chronicle.add(Instant::ZERO, note);
        }
        let numbers: Vec<u64> = chronicle.after(0).map(|entry| entry.number).collect();
        assert_eq!(numbers.first(), Some(&3));
        assert_eq!(numbers.len(), KEPT);
        let last = chronicle.last();
        assert_eq!(chronicle.after(last - 1).count(), 1);
        assert_eq!(chronicle.after(last).count(), 0);
    }

    #[test]
    fn of_many_losses_some_are_told_and_the_rest_counted() {
        let mut chronicle = Chronicle::default();
        let failed = attempt(Attempt::Failed {
            fault: Fault::Refused,
            status: 502,
        });
        let mut attempts = vec![failed; LOSSES + 5];
        attempts.push(attempt(Attempt::Served { status: 200 }));
        attempts.push(attempt(Attempt::Retried(Fault::Refused)));
        chronicle.on_attempts(0, 1.0, &attempts);
        let told: Vec<_> = chronicle.after(0).map(|entry| &entry.what).collect();
        assert_eq!(told.len(), LOSSES + 1);
        assert!(matches!(told[LOSSES], What::MoreLosses { count: 5 }));
    }
}
