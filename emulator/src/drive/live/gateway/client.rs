//! One client connection at one gateway instance.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Context;

use super::clients::Registered;
use super::headers::Entrance;
use super::pace::Pace;
use super::tunnel::Tunnel;
use super::wire::Closer;
use crate::time::Instant;

/// What the requests of one connection share; in HTTP/2, where requests overlap, each has its own.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) entrance: Arc<Entrance>,
    /// The frontend's address as Azure knows it.
    pub(crate) address: Ipv4Addr,
    opened: AtomicU64,
    under_way: Mutex<Option<UnderWay>>,
    /// Set by the answer that changes the protocol.
    tunnel: Mutex<Option<Tunnel>>,
    /// How the client keeps the gateway waiting.
    pub(super) pace: Arc<Pace>,
    is_cut: AtomicBool,
    cut: Closer,
    /// Its place among the gateway instance's clients, given back when it is dropped.
    pub(super) registered: OnceLock<Registered>,
}

/// The attempt under way on a connection; HTTP/1.1 has one at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnderWay {
    pub(crate) member: Ipv4Addr,
    pub(crate) generation: u64,
    pub(crate) dispatched: Instant,
}

impl Client {
    pub(super) fn new(
        entrance: Entrance,
        address: Ipv4Addr,
        opened: Instant,
        pace: Arc<Pace>,
    ) -> Self {
        Self {
            entrance: Arc::new(entrance),
            address,
            opened: AtomicU64::new(opened.as_nanos()),
            under_way: Mutex::default(),
            tunnel: Mutex::default(),
            pace,
            is_cut: AtomicBool::new(false),
            cut: Closer::default(),
            registered: OnceLock::new(),
        }
    }

    /// The same client for one request of several at once.
    pub(super) fn for_one_request(&self) -> Self {
        Self {
            entrance: Arc::clone(&self.entrance),
            address: self.address,
            opened: AtomicU64::new(self.opened.load(Ordering::Relaxed)),
            under_way: Mutex::default(),
            tunnel: Mutex::default(),
            pace: Arc::clone(&self.pace),
            is_cut: AtomicBool::new(false),
            cut: Closer::default(),
            registered: OnceLock::new(),
        }
    }

    /// When the connection was opened, for the choice of the configuration that serves it.
    pub(crate) fn opened(&self) -> Instant {
        Instant::from_nanos(self.opened.load(Ordering::Relaxed))
    }

    /// From here on the connection counts as opened now. Where Azure's update would close it, the
    /// live gateway keeps it and changes the configuration that serves it: closing would race with
    /// the client's next request.
    pub(crate) fn reopen(&self, now: Instant) {
        self.opened.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// An attempt begins, or none is under way any more.
    pub(crate) fn set_under_way(&self, attempt: Option<UnderWay>) {
        *self.under_way() = attempt;
    }

    /// When the connection's last answer has been sent, bytes pass through this.
    pub(crate) fn open_tunnel(&self, tunnel: Tunnel) {
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    }

    pub(super) fn take_tunnel(&self) -> Option<Tunnel> {
        let mut tunnel = self.tunnel.lock().unwrap_or_else(PoisonError::into_inner);
        tunnel.take()
    }

    /// Ends the connection if the attempt under way is one that is `meant`; says whose it was.
    pub(crate) fn cut_if(&self, meant: impl FnOnce(UnderWay) -> bool) -> Option<Ipv4Addr> {
        let attempt = self.under_way().filter(|attempt| meant(*attempt))?;
        self.is_cut.store(true, Ordering::SeqCst);
        self.cut.close();
        Some(attempt.member)
    }

    /// Whether the gateway ended the connection in mid-request.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
    }

    /// Returns when the gateway ends the attempt under way.
    pub(super) async fn cut(&self) {
        self.cut.closed().await;
    }

    /// Whether it did; if not, `context` is woken when it does.
    pub(super) fn poll_cut(&self, context: &Context<'_>) -> bool {
        self.cut.poll_closed(context)
    }

    fn under_way(&self) -> MutexGuard<'_, Option<UnderWay>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
