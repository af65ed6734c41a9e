//! One member as one gateway instance knows it: its kept connections and what is in flight.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::in_flight::{Counted, InFlight};
use super::upload::Upload;
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
    idle: Vec<(SendRequest<Upload>, Instant)>,
    tasks: Vec<AbortHandle>,
    closed: bool,
}

/// A request that did not get an answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    /// The request's body, where nothing of it was sent.
    pub(crate) unsent: Option<Upload>,
}

type Answered = (Response<Incoming>, SendRequest<Upload>);

enum Exchange {
    Answered(Box<Answered>),
    Unsent(Box<Request<Upload>>),
    Failed(Fault),
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
        mut request: Request<Upload>,
    ) -> Result<Answered, Failure> {
        let answer = network.clock.patience(patience.answer);
        while let Some(sender) = self.checkout(network.clock.now(), patience.idle) {
            match exchange(sender, request, answer).await {
                Exchange::Answered(answered) => return Ok(*answered),
                // The member had closed it while idle: nothing was sent, so nothing is lost.
                Exchange::Unsent(unsent) => request = *unsent,
                Exchange::Failed(fault) => return Err(Failure::sent(fault)),
            }
        }
        let sender = match self.open(network, patience.connect).await {
            Ok(sender) => sender,
            Err(fault) => return Err(Failure::unsent(fault, request)),
        };
        match exchange(sender, request, answer).await {
            Exchange::Answered(answered) => Ok(*answered),
            Exchange::Unsent(request) => Err(Failure::unsent(Fault::Reset, *request)),
            Exchange::Failed(fault) => Err(Failure::sent(fault)),
        }
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(crate) fn keep(&self, sender: SendRequest<Upload>, now: Instant) {
        let mut connections = self.connections();
        if !connections.closed && !sender.is_closed() {
            connections.idle.push((sender, now));
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
        for task in connections.tasks.drain(..) {
            task.abort();
        }
    }

    /// The kept connection used last that is ready now; what is unused too long is closed.
    fn checkout(&self, now: Instant, keep: Duration) -> Option<SendRequest<Upload>> {
        let mut connections = self.connections();
        let idle = &mut connections.idle;
        idle.retain(|(sender, since)| !sender.is_closed() && now.since(*since) < keep);
        let at = idle.iter_mut().rposition(|(sender, _)| {
            // An answer's last byte may be read before its connection knows that it is free.
            matches!(sender.ready().now_or_never(), Some(Ok(())))
        })?;
        Some(idle.swap_remove(at).0)
    }

    async fn open(
        &self,
        network: &Network,
        patience: Duration,
    ) -> Result<SendRequest<Upload>, Fault> {
        let stream = network
            .connect(self.source, self.destination, patience)
            .await?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Fault::Reset)?;
        let mut connections = self.connections();
        if connections.closed {
            return Err(Fault::Reset);
        }
        let alive = network.alive.clone();
        let task = tokio::spawn(async move {
            // How it ended is seen by whoever waits for an answer on it.
            let _ended = connection.await;
            drop(alive);
        });
        connections.tasks.retain(|task| !task.is_finished());
        connections.tasks.push(task.abort_handle());
        Ok(sender)
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

impl Failure {
    const fn sent(fault: Fault) -> Self {
        Self {
            fault,
            unsent: None,
        }
    }

    fn unsent(fault: Fault, request: Request<Upload>) -> Self {
        Self {
            fault,
            unsent: Some(request.into_body()),
        }
    }
}

async fn exchange(
    mut sender: SendRequest<Upload>,
    mut request: Request<Upload>,
    patience: Duration,
) -> Exchange {
    let sent = request.body_mut().sent();
    let mut answer = Box::pin(sender.try_send_request(request));
    let answered = tokio::select! {
        biased;
        answered = &mut answer => Ok(answered),
        _sent = sent => timeout(patience, &mut answer).await,
    };
    match answered {
        Ok(Ok(response)) => Exchange::Answered(Box::new((response, sender))),
        Ok(Err(mut error)) => error
            .take_message()
            .map_or(Exchange::Failed(Fault::Reset), |unsent| {
                Exchange::Unsent(Box::new(unsent))
            }),
        Err(_elapsed) => Exchange::Failed(Fault::RequestTimeout),
    }
}
