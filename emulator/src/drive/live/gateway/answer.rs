//! An answer's body on its way to the client, and the ledger line it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONNECTION;
use http_body::{Body, Frame, SizeHint};

use super::in_flight::Counted;
use super::pages;
use super::record::Record;
use super::upstream::Upstream;
use super::wire::{MemberBody, Truncated};
use crate::ledger::{Attempt, Fault};

/// The body of whatever the gateway answers.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A page of the gateway's own.
    Page(Option<Bytes>),
    /// A member's answer, passed on as it comes.
    Member(Box<Passing>),
}

/// A member's answer under way. It keeps the request counted, gives the connection back at the end
/// and writes the attempt's ledger line exactly once.
#[derive(Debug)]
pub(crate) struct Passing {
    /// `None` once it has been read to its end.
    pub(crate) body: Option<MemberBody>,
    pub(crate) status: u16,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) counted: Counted,
    pub(crate) record: Record,
    /// Whether it broke off, which its client learns once it has everything before.
    pub(crate) broken: bool,
}

impl Answer {
    pub(crate) fn page(page: http::Response<Bytes>) -> http::Response<Self> {
        page.map(|text| Self::Page(Some(text)))
    }

    /// The page of an error after which the connection is closed.
    pub(super) fn last_page(status: http::StatusCode) -> http::Response<Self> {
        let mut page = Self::page(pages::error(status));
        page.headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        page
    }

    /// An answer without a body.
    pub(super) const fn empty() -> Self {
        Self::Page(None)
    }

    /// A member's answer. One that came whole with its head is complete at once.
    pub(super) fn member(passing: Passing) -> Self {
        Self::Member(Box::new(passing))
    }

    /// A member's answer that came whole with its head.
    pub(super) fn whole(body: Bytes) -> Self {
        Self::Page(Some(body).filter(|body| !body.is_empty()))
    }
}

impl Passing {
    /// Writes the ledger line and gives the connection back.
    fn complete(&mut self) {
        self.record.finish(Attempt::Served {
            status: self.status,
        });
        let body = self.body.take();
        if let Some(connection) = body.and_then(MemberBody::into_connection) {
            self.upstream.keep(connection, self.record.now());
        }
    }

    /// Ends the answer: at the next look, for a server drops what it has not written yet when a body
    /// fails.
    fn break_off(
        &mut self,
        context: &Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Truncated>>> {
        self.body = None;
        self.broken = true;
        self.record
            .finish(if self.counted.is_cut() || self.record.client().is_cut() {
                Attempt::Cut
            } else {
                Attempt::Failed {
                    fault: Fault::Reset,
                    status: self.status,
                }
            });
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Truncated>>> {
        if self.broken {
            return Poll::Ready(Some(Err(Truncated)));
        }
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        if self.record.client().poll_cut(context) {
            return self.break_off(context);
        }
        let frame = std::task::ready!(Pin::new(&mut *body).poll_frame(context));
        if let Some(Err(Truncated)) = frame {
            return self.break_off(context);
        }
        if body.is_end_stream() {
            self.complete();
        }
        Poll::Ready(frame)
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Truncated;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Truncated>>> {
        match self.get_mut() {
            Self::Page(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Member(passing) => passing.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Page(text) => text.is_none(),
            Self::Member(passing) => passing.body.is_none() && !passing.broken,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Page(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Member(passing) => match &passing.body {
                Some(body) => body.size_hint(),
                None if passing.broken => SizeHint::default(),
                None => SizeHint::with_exact(0),
            },
        }
    }
}
