//! How long a client may keep the gateway waiting.
//!
//! A timer per request would cost more than the request's routing, so nobody sets one: reads and
//! answers leave marks, and one task per connection looks at them as seldom as the limits allow.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant as Wall;

use crate::drive::live::clock::{pass, wall_now};

/// How long a client may take to send a head, or the next piece of a body: then it gets a 408
/// (azure-facts.md §5.1). Wall clock, for clients are real.
pub(crate) const CLIENT_PACE: Duration = Duration::from_secs(60);

/// The marks of one connection, in microseconds since it was opened.
#[derive(Debug)]
pub(crate) struct Pace {
    opened: Wall,
    /// When the last answer ended.
    idle_since: AtomicU64,
    /// When the first bytes came of a request that is not complete; 0 without.
    begun: AtomicU64,
    /// Requests being answered.
    busy: AtomicU64,
}

/// What a client waited too long with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Another request.
    Idle,
    /// The rest of the head of one.
    Head,
}

/// One request being answered.
#[derive(Debug)]
pub(super) struct Busy(Arc<Pace>);

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            opened: wall_now(),
            idle_since: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            busy: AtomicU64::new(0),
        }
    }

    /// A request came whole.
    pub(super) fn answering(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.begun.store(0, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Returns when the client is overdue, who may keep an unused connection for `idle`.
    pub(super) async fn overdue(&self, idle: Duration) -> Overdue {
        loop {
            match self.look(self.now(), idle) {
                Ok(overdue) => return overdue,
                Err(wait) => pass(wait).await,
            }
        }
    }

    /// What the client is overdue with, or when to look again.
    fn look(&self, now: Duration, idle: Duration) -> Result<Overdue, Duration> {
        let mark = |mark: &AtomicU64| Duration::from_micros(mark.load(Ordering::Relaxed));
        let begun = mark(&self.begun);
        let (since, limit, overdue) = if begun.is_zero() {
            (mark(&self.idle_since), idle, Overdue::Idle)
        } else {
            (begun, CLIENT_PACE, Overdue::Head)
        };
        if self.busy.load(Ordering::Relaxed) > 0 {
            return Err(CLIENT_PACE);
        }
        match (since + limit).checked_sub(now) {
            // A head may begin meanwhile, which has the shorter limit.
            Some(left) if !left.is_zero() => Err(left.min(CLIENT_PACE / 4)),
            _ => Ok(overdue),
        }
    }

    /// Bytes came.
    fn read(&self) {
        if self.busy.load(Ordering::Relaxed) == 0 && self.begun.load(Ordering::Relaxed) == 0 {
            let now = u64::try_from(self.now().as_micros()).unwrap_or(u64::MAX);
            self.begun.store(now.max(1), Ordering::Relaxed);
        }
    }

    fn now(&self) -> Duration {
        self.opened.elapsed()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.now().as_micros()).unwrap_or(u64::MAX);
        self.0.idle_since.store(now, Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A client's stream whose reads leave marks.
#[derive(Debug)]
pub(super) struct Marked<S> {
    pub(super) stream: S,
    pub(super) pace: Arc<Pace>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Marked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pace.read();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Marked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(75);
    const STEP: Duration = Duration::from_millis(1);

    #[test]
    fn an_unused_connection_and_half_a_head_have_their_own_limits() {
        let pace = Arc::new(Pace::new());
        assert!(pace.look(IDLE - STEP, IDLE).is_err());
        assert_eq!(pace.look(IDLE, IDLE), Ok(Overdue::Idle));
        pace.begun.store(1_000_000, Ordering::Relaxed);
        let due = Duration::from_secs(61);
        assert!(pace.look(due - STEP, IDLE).is_err());
        assert_eq!(pace.look(due, IDLE), Ok(Overdue::Head));
        let busy = pace.answering();
        assert!(pace.look(IDLE * 10, IDLE).is_err());
        drop(busy);
        assert!(pace.look(IDLE - STEP, IDLE).is_err());
    }
}
