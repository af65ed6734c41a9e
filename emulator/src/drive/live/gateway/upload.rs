//! A request's body on its way to a member.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;

/// The client's stream, or nothing. Nothing can be sent again, which is what a second attempt
/// needs; a stream can be sent once.
#[derive(Debug)]
pub(crate) enum Upload {
    /// No body.
    Empty,
    /// The client's body, passed on as it comes.
    Stream {
        /// The body.
        body: Incoming,
        /// Dropped when the last byte has been handed on, or the stream is given up.
        sending: Option<oneshot::Sender<()>>,
    },
}

impl Upload {
    pub(crate) fn of(body: Incoming) -> Self {
        if body.is_end_stream() {
            Self::Empty
        } else {
            Self::Stream {
                body,
                sending: None,
            }
        }
    }

    /// Resolves once the whole body has been handed on: only then does the member's time to answer
    /// begin, as a gateway that buffers requests would have it.
    pub(crate) fn sent(&mut self) -> oneshot::Receiver<()> {
        let (sender, sent) = oneshot::channel();
        if let Self::Stream { sending, .. } = self {
            *sending = Some(sender);
        }
        // Without a stream the sender is dropped here, so the time begins at once.
        sent
    }

    /// The body for an attempt; afterwards the slot holds what a further attempt could send.
    pub(crate) fn take(slot: &mut Option<Self>) -> Option<Self> {
        match slot {
            Some(Self::Empty) => Some(Self::Empty),
            Some(Self::Stream { .. }) | None => slot.take(),
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Stream { body, sending } => {
                let frame = std::task::ready!(Pin::new(&mut *body).poll_frame(context));
                if frame.is_none() || body.is_end_stream() {
                    *sending = None;
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Stream { body, .. } => body.size_hint(),
        }
    }
}
