//! The body of a member's answer, read as its client takes it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::chunked::Piece;
use super::connection::{Connection, Raw};
use super::exchange::Exchange;
use super::head::Framing;

/// An answer's body. While it is read, what is left of the request is sent.
#[derive(Debug)]
pub(crate) struct MemberBody {
    exchange: Exchange,
    framing: Framing,
    keep: bool,
    ended: bool,
}

/// The answer broke off before its end.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the member's answer broke off")]
pub(crate) struct Truncated;

impl MemberBody {
    pub(super) fn new(exchange: Exchange, framing: Framing, keep: bool) -> Self {
        Self {
            exchange,
            framing,
            keep,
            ended: framing == Framing::Length(0),
        }
    }

    /// The whole body, where it came together with the head.
    pub(crate) fn take_whole(&mut self) -> Option<Bytes> {
        let Framing::Length(length) = self.framing else {
            return None;
        };
        let length = usize::try_from(length).ok()?;
        let input = &mut self.exchange.connection.input;
        (input.len() >= length).then(|| {
            self.framing = Framing::Length(0);
            self.ended = true;
            input.split_to(length).freeze()
        })
    }

    /// The connection, if it may carry another request: all of this one was sent and its answer
    /// read.
    pub(crate) fn into_connection(self) -> Option<Connection> {
        let reusable = self.ended && self.keep && self.exchange.is_sent();
        reusable.then_some(self.exchange.connection)
    }

    /// Whether both sides speak another protocol from here on.
    pub(crate) fn is_upgrade(&self) -> bool {
        self.framing == Framing::Upgraded
    }

    /// The connection as a stream of bytes, with those of the other protocol that came already.
    pub(crate) fn into_stream(self) -> Raw {
        self.exchange.connection.into_stream()
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Piece, Truncated>> {
        loop {
            let piece = self.take_piece()?;
            if piece != Piece::More {
                return Poll::Ready(Ok(piece));
            }
            match ready!(self.exchange.connection.poll_fill(context, true)) {
                Ok(0) if self.framing == Framing::UntilClosed => {
                    return Poll::Ready(Ok(Piece::End));
                }
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(Err(Truncated)),
            }
        }
    }

    fn take_piece(&mut self) -> Result<Piece, Truncated> {
        let input = &mut self.exchange.connection.input;
        match &mut self.framing {
            Framing::Chunked(chunked) => chunked.decode(input).map_err(|_| Truncated),
            Framing::Length(0) | Framing::Upgraded => Ok(Piece::End),
            _ if input.is_empty() => Ok(Piece::More),
            Framing::UntilClosed => Ok(Piece::Data(input.split().freeze())),
            Framing::Length(left) => {
                let take = usize::try_from(*left).map_or(input.len(), |l| l.min(input.len()));
                *left -= take as u64;
                Ok(Piece::Data(input.split_to(take).freeze()))
            }
        }
    }
}

impl Body for MemberBody {
    type Data = Bytes;
    type Error = Truncated;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Truncated>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        if this.exchange.connection.poll_closed(context) {
            return Poll::Ready(Some(Err(Truncated)));
        }
        if let Poll::Ready(Err(_gone)) = this.exchange.poll_send(context) {
            return Poll::Ready(Some(Err(Truncated)));
        }
        Poll::Ready(match ready!(this.poll_piece(context)) {
            Ok(Piece::Data(data)) => {
                this.ended = this.framing == Framing::Length(0);
                Some(Ok(Frame::data(data)))
            }
            Ok(Piece::Trailers(trailers)) => {
                this.ended = true;
                Some(Ok(Frame::trailers(trailers)))
            }
            Ok(Piece::End | Piece::More) => {
                this.ended = true;
                None
            }
            Err(truncated) => Some(Err(truncated)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Length(left) => SizeHint::with_exact(left),
            _ => SizeHint::default(),
        }
    }
}
