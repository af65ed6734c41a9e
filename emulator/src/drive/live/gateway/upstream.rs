//! One member as one gateway instance knows it: its kept connections and what is in flight.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response};

use super::in_flight::{Counted, InFlight};
use super::upload::{NoUpload, Upload};
use super::wire::{Closer, Connection, Exchange, MemberBody, Unanswered};
use crate::drive::live::network::Network;
use crate::http::Clock;
use crate::ledger::Fault;
use crate::time::Instant;

/// How long the gateway waits for a member, in cloud time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For a connection.
    pub(crate) connect: Duration,
    /// For the answer's head, once the whole request has been sent.
    pub(crate) answer: Duration,
    /// How long an unused connection is kept.
    pub(crate) idle: Duration,
}

/// A request as it goes to a member.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) head: Bytes,
    pub(crate) upload: Upload,
}

/// A member and the connections to it. The lock is this gateway instance's and member's own, and
/// held for a push or a pop.
#[derive(Debug)]
pub(crate) struct Upstream {
    source: Ipv4Addr,
    destination: (Ipv4Addr, u16),
    in_flight: Arc<InFlight>,
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    /// The one used last comes last.
    idle: VecDeque<(Connection, Instant)>,
    open: Vec<Weak<Closer>>,
    closed: bool,
}

/// A request that did not get an answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The member's.
    Member {
        fault: Fault,
        /// The request's body, where nothing of it was sent.
        unsent: Option<Upload>,
    },
    /// The client's: the body that it announced did not come.
    Client(NoUpload),
}

impl Upstream {
    /// The member at `destination`, called from `source`.
    pub(crate) fn new(source: Ipv4Addr, destination: (Ipv4Addr, u16)) -> Self {
        Self {
            source,
            destination,
            in_flight: Arc::default(),
            connections: Mutex::default(),
        }
    }

    /// Requests in flight to the member.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.count()
    }

    /// Counts a request in; `None` when the member was given up and another must be chosen.
    pub(crate) fn enter(&self) -> Option<Counted> {
        self.in_flight.enter()
    }

    /// Sends a request on a kept connection, else on a new one, and waits for the answer's head.
    pub(crate) async fn send(
        &self,
        network: &Network,
        patience: Patience,
        request: Outgoing,
    ) -> Result<Response<MemberBody>, Failure> {
        let answer = network.clock.patience(patience.answer);
        let Outgoing {
            method,
            head,
            mut upload,
        } = request;
        while let Some(connection) = self.checkout(network.clock.now(), patience.idle) {
            let exchange = Exchange::new(connection, head.clone(), upload);
            match exchange.answer(&method, answer).await {
                Ok(response) => return Ok(response),
                // The member had closed it while idle: nothing was sent, so nothing is lost.
                Err(Unanswered::Unsent(unsent)) => upload = unsent,
                Err(failed) => return Err(failed.into()),
            }
        }
        let connection = match self.open(network, patience.connect).await {
            Ok(connection) => connection,
            Err(fault) => {
                return Err(Failure::Member {
                    fault,
                    unsent: Some(upload),
                });
            }
        };
        let exchange = Exchange::new(connection, head, upload);
        Ok(exchange.answer(&method, answer).await?)
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(crate) fn keep(&self, connection: Connection, now: Instant) {
        let mut connections = self.connections();
        if !connections.closed {
            connections.idle.push_back((connection, now));
        }
    }

    /// Ends every connection with whatever is in flight on it.
    pub(crate) fn close(&self) {
        let cut = self.in_flight.close();
        if cut > 0 {
            tracing::info!(member = %self.destination.0, cut, "cut what a drain had left");
        }
        let mut connections = self.connections();
        connections.closed = true;
        connections.idle.clear();
        let open = std::mem::take(&mut connections.open);
        drop(connections);
        for closer in open.iter().filter_map(Weak::upgrade) {
            closer.close();
        }
    }

    /// The kept connection used last that is good; what is unused too long is closed.
    fn checkout(&self, now: Instant, keep: Duration) -> Option<Connection> {
        let mut connections = self.connections();
        let idle = &mut connections.idle;
        while idle
            .front()
            .is_some_and(|(_, since)| now.since(*since) >= keep)
        {
            idle.pop_front();
        }
        while let Some((connection, _)) = idle.pop_back() {
            if connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    async fn open(&self, network: &Network, patience: Duration) -> Result<Connection, Fault> {
        let stream = network
            .connect(self.source, self.destination, patience)
            .await?;
        let closer = Arc::default();
        let mut connections = self.connections();
        if connections.closed {
            return Err(Fault::Reset);
        }
        connections.open.retain(|known| known.strong_count() > 0);
        connections.open.push(Arc::downgrade(&closer));
        Ok(Connection::new(stream, closer))
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.close();
    }
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        let (fault, unsent) = match unanswered {
            Unanswered::Unsent(upload) => (Fault::Reset, Some(upload)),
            Unanswered::Broken | Unanswered::Cut => (Fault::Reset, None),
            Unanswered::Late => (Fault::RequestTimeout, None),
            Unanswered::Upload(error) => return Self::Client(error),
        };
        Self::Member { fault, unsent }
    }
}
