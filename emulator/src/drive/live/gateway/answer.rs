//! An answer's body on its way to the client, and the ledger line it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;

use super::in_flight::Counted;
use super::record::Record;
use super::upload::Upload;
use super::upstream::Upstream;
use crate::ledger::{Attempt, Fault};

/// The body of whatever the gateway answers.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A page of the gateway's own.
    Page(Option<Bytes>),
    /// A member's answer, passed on as it comes.
    Member(Box<Passing>),
}

/// A member's answer under way. It keeps the request counted, gives the connection back at the end,
/// and writes the attempt's ledger line exactly once.
#[derive(Debug)]
pub(crate) struct Passing {
    pub(crate) body: Incoming,
    pub(crate) status: u16,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) connection: Option<SendRequest<Upload>>,
    pub(crate) counted: Counted,
    pub(crate) record: Record,
}

/// The member's answer broke off.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the member's answer ended early")]
pub(crate) struct BrokenOff;

impl Answer {
    pub(crate) fn page(page: http::Response<Bytes>) -> http::Response<Self> {
        page.map(|text| Self::Page(Some(text)))
    }

    /// A member's answer. One without a body is complete at once: the server does not ask for it.
    pub(super) fn member(mut passing: Passing) -> Self {
        if passing.body.is_end_stream() {
            passing.complete();
            return Self::Page(None);
        }
        Self::Member(Box::new(passing))
    }
}

impl Passing {
    /// Writes the ledger line and gives the connection back.
    fn complete(&mut self) {
        self.record.finish(Attempt::Served {
            status: self.status,
        });
        if let Some(connection) = self.connection.take() {
            self.upstream.keep(connection, self.record.now());
        }
    }

    fn break_off(&mut self) -> BrokenOff {
        self.record.finish(if self.counted.is_cut() {
            Attempt::Cut
        } else {
            Attempt::Failed {
                fault: Fault::Reset,
                status: self.status,
            }
        });
        BrokenOff
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                if self.body.is_end_stream() {
                    self.complete();
                }
                Some(Ok(frame))
            }
            // A connection that is dropped in mid-body ends the stream as if it were complete.
            None if self.counted.is_cut() && !self.record.is_finished() => {
                Some(Err(self.break_off()))
            }
            None => {
                self.complete();
                None
            }
            Some(Err(_)) => Some(Err(self.break_off())),
        })
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Page(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Member(passing) => passing.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Page(text) => text.is_none(),
            Self::Member(passing) => passing.record.is_finished() && passing.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Page(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Member(passing) => passing.body.size_hint(),
        }
    }
}
