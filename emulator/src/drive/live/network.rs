//! The virtual network as its machines use it: opening connections.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;

use super::clock::LiveClock;
use super::directory::{Directory, Found};
use super::listener::{Alive, Listener};
use super::loopback;
use crate::data_plane::FiveTuple;
use crate::ledger::Fault;

/// What a task inside the cloud needs to open connections; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: LiveClock,
    pub(crate) alive: Alive,
    next_port: Arc<AtomicU16>,
    /// Whether each address listens on a loopback address of its own.
    own_addresses: bool,
}

impl Network {
    pub(crate) fn new(clock: LiveClock, alive: Alive, own_addresses: bool) -> Self {
        Self {
            directory: Arc::default(),
            clock,
            alive,
            next_port: Arc::default(),
            own_addresses,
        }
    }

    /// Listens for callers from outside, who mean `at`.
    ///
    /// # Errors
    /// When no socket can be opened, not even on any free port.
    pub(crate) fn listen<S, F>(&self, at: (Ipv4Addr, u16), serve: S) -> io::Result<Listener>
    where
        S: Fn(TcpStream, SocketAddr) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut outcome = Err(io::ErrorKind::AddrNotAvailable.into());
        for candidate in loopback::candidates(self.own_addresses, at.0, at.1) {
            outcome = Listener::bind(candidate, self.alive.clone(), serve.clone());
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    /// Opens a connection from a machine to an address and port; `patience` is cloud time.
    pub(crate) async fn connect(
        &self,
        source: Ipv4Addr,
        destination: (Ipv4Addr, u16),
        patience: Duration,
    ) -> Result<TcpStream, Fault> {
        // A counter stands for the source port that a kernel would have chosen.
        let port = self.next_port.fetch_add(1, Ordering::Relaxed);
        let flow = FiveTuple {
            source: (source, port),
            destination,
        };
        self.open(flow, patience).await
    }

    /// Opens the connection of a flow whose source port is known.
    pub(crate) async fn open(
        &self,
        flow: FiveTuple,
        patience: Duration,
    ) -> Result<TcpStream, Fault> {
        match self.directory.find(flow) {
            Found::Refusal => Err(Fault::Refused),
            Found::Silence => {
                self.clock.sleep(patience).await;
                Err(Fault::ConnectTimeout)
            }
            // A loopback connect is answered at once, so it needs no time-out of its own.
            Found::Socket(socket) => {
                let stream = TcpStream::connect(socket)
                    .await
                    .map_err(|_| Fault::Refused)?;
                stream.set_nodelay(true).map_err(|_| Fault::Reset)?;
                Ok(stream)
            }
        }
    }
}
