//! What is still to be written to a member.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

/// At most three pieces, written together: a chunk is its size line, its data and its end.
#[derive(Debug, Default)]
pub(super) struct Output([Bytes; 3]);

impl Output {
    pub(super) fn push(&mut self, pieces: [Bytes; 3]) {
        debug_assert!(self.is_empty(), "what was there is written first");
        self.0 = pieces;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    /// Writes all of it.
    pub(super) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        mut stream: Pin<&mut (impl AsyncWrite + ?Sized)>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let [one, two, three] = &self.0;
            let written = if two.is_empty() && three.is_empty() {
                ready!(stream.as_mut().poll_write(context, one))?
            } else {
                let slices = [IoSlice::new(one), IoSlice::new(two), IoSlice::new(three)];
                ready!(stream.as_mut().poll_write_vectored(context, &slices))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        for piece in &mut self.0 {
            let part = written.min(piece.len());
            piece.advance(part);
            written -= part;
        }
    }
}
