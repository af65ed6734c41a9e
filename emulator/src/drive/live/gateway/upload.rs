//! A request's body on its way to a member.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::pace::CLIENT_PACE;
use crate::drive::live::clock::{timer, wall_now};

/// The client's stream, or nothing. Nothing can be sent again, which is what a second attempt
/// needs; a stream can be sent once.
#[derive(Debug)]
pub(crate) enum Upload {
    /// No body.
    Empty,
    /// The client's body, passed on as it comes.
    Stream {
        body: Incoming,
        /// Rings when the client has sent nothing for too long.
        stalled: Pin<Box<Sleep>>,
    },
}

/// The client's body did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoUpload {
    /// It is malformed, or broke off.
    Malformed,
    /// The client sent nothing for [`CLIENT_PACE`].
    Stalled,
}

impl Upload {
    pub(crate) fn of(body: Incoming) -> Self {
        if body.is_end_stream() {
            Self::Empty
        } else {
            Self::Stream {
                body,
                stalled: timer(CLIENT_PACE),
            }
        }
    }

    /// The body for an attempt; afterwards the slot holds what a further attempt could send.
    pub(crate) fn take(slot: &mut Option<Self>) -> Option<Self> {
        match slot {
            Some(Self::Empty) => Some(Self::Empty),
            Some(Self::Stream { .. }) | None => slot.take(),
        }
    }

    /// Its length, where the client told it.
    pub(crate) fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// Whether it goes to the member in chunks, because nobody knows how long it will be.
    pub(crate) fn is_chunked(&self) -> bool {
        matches!(self, Self::Stream { body, .. } if body.size_hint().exact().is_none())
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = NoUpload;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, NoUpload>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Stream { body, stalled } => match Pin::new(body).poll_frame(context) {
                Poll::Ready(frame) => {
                    stalled.as_mut().reset(wall_now() + CLIENT_PACE);
                    Poll::Ready(frame.map(|frame| frame.map_err(|_| NoUpload::Malformed)))
                }
                Poll::Pending => stalled
                    .as_mut()
                    .poll(context)
                    .map(|()| Some(Err(NoUpload::Stalled))),
            },
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
