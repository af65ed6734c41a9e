//! What is left of a connection after a change of protocol: bytes, both ways.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};

use super::in_flight::Counted;
use super::record::Record;
use super::wire::Raw;
use crate::drive::live::clock::pass;
use crate::ledger::Attempt;

/// Bytes that are passed on at once.
const PIECE: usize = 16 * 1024;

/// A member's connection that waits for its client. It stays counted as in flight, so that a drain
/// waits for it and ends it.
#[derive(Debug)]
pub(crate) struct Tunnel {
    pub(super) member: Raw,
    /// How long both sides may be silent: the settings' request time-out (azure-facts.md §5.1).
    pub(super) idle: Duration,
    pub(super) counted: Counted,
    pub(super) record: Record,
}

impl Tunnel {
    /// Passes bytes until both sides have ended, one breaks, nothing is said for too long, or the
    /// member is given up. `read` is what the client said already.
    pub(super) async fn carry(mut self, client: impl AsyncRead + AsyncWrite + Unpin, read: &[u8]) {
        let passed = AtomicU64::new(0);
        let closer = std::sync::Arc::clone(&self.member.closer);
        let (client_in, client_out) = split(client);
        let (member_in, member_out) = self.member.stream.split();
        let both = async {
            tokio::join!(
                pass_on(client_in, member_out, read, &passed),
                pass_on(member_in, client_out, &self.member.read, &passed),
            )
        };
        tokio::select! {
            _ended = both => {}
            () = closer.closed() => {}
            () = silence(&passed, self.idle) => tracing::debug!("nothing was said for too long"),
        }
        self.record.finish(if self.counted.is_cut() {
            Attempt::Cut
        } else {
            Attempt::Served { status: 101 }
        });
    }
}

/// Passes bytes one way, and then the end of the stream.
async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    first: &[u8],
    passed: &AtomicU64,
) -> io::Result<()> {
    to.write_all(first).await?;
    let mut piece = vec![0; PIECE];
    loop {
        let count = from.read(&mut piece).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..count]).await?;
        passed.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// Returns when nothing was passed during a whole span of `idle`, so at the latest after two.
async fn silence(passed: &AtomicU64, idle: Duration) {
    let mut before = u64::MAX;
    loop {
        let now = passed.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
        pass(idle).await;
    }
}
