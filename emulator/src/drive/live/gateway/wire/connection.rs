//! One kept connection to a member.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::task::AtomicWaker;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant as Wall, Sleep};

use super::output::Output;
use crate::drive::live::clock::timer;

/// What a read asks for: the head and body of a small answer come in one.
const READ: usize = 8 * 1024;
/// The same while a large body is passed on.
const READ_LARGE: usize = 64 * 1024;

/// A connection with what was read from it and not yet understood.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    pub(super) input: BytesMut,
    closer: Arc<Closer>,
    patience: Pin<Box<Sleep>>,
}

/// Ends a connection from outside of whoever uses it.
#[derive(Debug, Default)]
pub(crate) struct Closer {
    closed: AtomicBool,
    user: AtomicWaker,
}

/// A connection on which HTTP has ended.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    /// What was read already.
    pub(crate) read: Bytes,
    /// Tells when it is to end.
    pub(crate) closer: Arc<Closer>,
}

impl Closer {
    /// Whoever uses the connection finds it closed.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.user.wake();
    }

    /// Returns once it is closed.
    pub(crate) async fn closed(&self) {
        poll_fn(|context| {
            if self.poll_closed(context) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Whether it is closed; if not, `context` is woken when it is.
    pub(crate) fn poll_closed(&self, context: &Context<'_>) -> bool {
        self.user.register(context.waker());
        self.closed.load(Ordering::SeqCst)
    }
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, closer: Arc<Closer>) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            closer,
            patience: timer(Duration::ZERO),
        }
    }

    /// Whether an unused connection can carry a request: its member neither closed it nor said
    /// anything unasked. What the kernel knows and this process does not yet is seen later.
    pub(crate) fn is_usable(&self) -> bool {
        let untouched = self.stream.try_read(&mut [0]);
        self.input.is_empty()
            && untouched.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Whether it was closed from outside; if not, `context` is woken when it is.
    pub(super) fn poll_closed(&self, context: &Context<'_>) -> bool {
        self.closer.poll_closed(context)
    }

    /// Whether `deadline` has passed; if not, `context` is woken when it has. The timer is set anew
    /// only when it rings or would ring too late: with a request every millisecond, once in a
    /// request time-out.
    pub(super) fn poll_late(&mut self, context: &mut Context<'_>, deadline: Wall) -> bool {
        if self.patience.deadline() > deadline {
            self.patience.as_mut().reset(deadline);
        }
        while self.patience.as_mut().poll(context).is_ready() {
            if self.patience.deadline() >= deadline {
                return true;
            }
            self.patience.as_mut().reset(deadline);
        }
        false
    }

    /// Reads more into `input`; 0 at the end of the stream.
    pub(super) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        large: bool,
    ) -> Poll<io::Result<usize>> {
        let wanted = if large { READ_LARGE } else { READ };
        if self.input.capacity() - self.input.len() < wanted / 4 {
            self.input.reserve(wanted);
        }
        pin!(self.stream.read_buf(&mut self.input)).poll(context)
    }

    pub(super) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        output: &mut Output,
    ) -> Poll<io::Result<()>> {
        output.poll_flush(context, Pin::new(&mut self.stream))
    }

    /// The connection as a stream of bytes.
    pub(super) fn into_stream(self) -> Raw {
        Raw {
            stream: self.stream,
            read: self.input.freeze(),
            closer: self.closer,
        }
    }
}
