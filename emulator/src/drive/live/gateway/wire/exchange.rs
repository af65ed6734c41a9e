//! One request and the head of its answer.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, Response};
use http_body::{Body, Frame};

use super::body::MemberBody;
use super::connection::Connection;
use super::head::{self, Head};
use super::output::Output;
use crate::drive::live::clock::wall_now;
use crate::drive::live::gateway::headers::put_field;
use crate::drive::live::gateway::upload::{NoUpload, Upload};

/// A request on its connection: what is still to be sent, and what comes back.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(super) connection: Connection,
    output: Output,
    upload: Option<Upload>,
    coding: Coding,
    /// Whether the head was written.
    begun: bool,
    /// Whether the member takes no more of the request; it may still answer.
    refused: bool,
}

/// How the upload is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    /// As it is: the head tells its length.
    Plain,
    /// In chunks, the last of which is still to be sent.
    Chunked,
    /// In chunks, all sent.
    Ended,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The member closed the connection before it took a byte; the upload is as it was.
    Unsent(Upload),
    /// The connection ended, or what came is no answer.
    Broken,
    /// It was closed from outside.
    Cut,
    /// The answer did not come in time.
    Late,
    /// The client did not send the body that it announced.
    Upload(NoUpload),
}

impl Exchange {
    /// The exchange of the request with this head and upload, on `connection`.
    pub(crate) fn new(connection: Connection, head: Bytes, upload: Upload) -> Self {
        let coding = if upload.is_chunked() {
            Coding::Chunked
        } else {
            Coding::Plain
        };
        let mut output = Output::default();
        output.push([head, Bytes::new(), Bytes::new()]);
        Self {
            connection,
            output,
            upload: Some(upload),
            coding,
            begun: false,
            refused: false,
        }
    }

    /// Sends the request and waits for the head of its answer: for `patience` once all is sent, as
    /// a gateway that buffers requests would.
    pub(crate) async fn answer(
        mut self,
        method: &Method,
        patience: Duration,
    ) -> Result<Response<MemberBody>, Unanswered> {
        let mut deadline = None;
        let head = poll_fn(|context| {
            if self.connection.poll_closed(context) {
                return Poll::Ready(Err(Unanswered::Cut));
            }
            let sent = match self.poll_send(context) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Unanswered::Upload(error))),
                Poll::Ready(Ok(())) => true,
                Poll::Pending => false,
            };
            if self.refused && !self.begun {
                return Poll::Ready(Err(self.unsent()));
            }
            if let Poll::Ready(head) = self.poll_head(context, method) {
                return Poll::Ready(head);
            }
            if sent {
                let deadline = *deadline.get_or_insert_with(|| wall_now() + patience);
                if self.connection.poll_late(context, deadline) {
                    return Poll::Ready(Err(Unanswered::Late));
                }
            }
            Poll::Pending
        })
        .await?;
        let Head {
            parts,
            framing,
            keep,
        } = head;
        let body = MemberBody::new(self, framing, keep);
        Ok(Response::from_parts(parts, body))
    }

    /// Whether all of the request was sent, so that the connection may carry another.
    pub(super) fn is_sent(&self) -> bool {
        self.upload.is_none() && self.output.is_empty() && !self.refused
    }

    /// Sends what the client has sent so far. A member that takes no more is no error: what it has
    /// to say about that is still to be read.
    pub(super) fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), NoUpload>> {
        loop {
            if self.refused {
                return Poll::Ready(Ok(()));
            }
            if !self.output.is_empty() {
                if ready!(self.connection.poll_flush(context, &mut self.output)).is_err() {
                    self.refused = true;
                    continue;
                }
                self.begun = true;
            }
            let Some(upload) = &mut self.upload else {
                return Poll::Ready(Ok(()));
            };
            match ready!(Pin::new(upload).poll_frame(context)) {
                Some(frame) => {
                    let pieces = match frame?.into_data() {
                        Ok(data) => self.coding.frame(data),
                        Err(frame) => self.coding.trailers(frame),
                    };
                    self.output.push(pieces);
                }
                None => {
                    self.upload = None;
                    self.output.push(self.coding.end());
                }
            }
        }
    }

    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        method: &Method,
    ) -> Poll<Result<Head, Unanswered>> {
        loop {
            match head::take(&mut self.connection.input, method) {
                Ok(Some(head)) => return Poll::Ready(Ok(head)),
                Ok(None) => {}
                Err(_no_answer) => return Poll::Ready(Err(Unanswered::Broken)),
            }
            if !matches!(ready!(self.connection.poll_fill(context, false)), Ok(1..)) {
                return Poll::Ready(Err(Unanswered::Broken));
            }
        }
    }

    fn unsent(&mut self) -> Unanswered {
        let upload = self.upload.take();
        upload.map_or(Unanswered::Broken, Unanswered::Unsent)
    }
}

impl Coding {
    fn frame(self, data: Bytes) -> [Bytes; 3] {
        match self {
            // An empty chunk would end the body.
            Self::Chunked if !data.is_empty() => [
                Bytes::from(format!("{:x}\r\n", data.len())),
                data,
                Bytes::from_static(b"\r\n"),
            ],
            _ => [data, Bytes::new(), Bytes::new()],
        }
    }

    /// The trailers, which a body of known length has no place for.
    fn trailers(&mut self, frame: Frame<Bytes>) -> [Bytes; 3] {
        let Ok(trailers) = frame.into_trailers() else {
            return Default::default();
        };
        if *self != Self::Chunked {
            return Default::default();
        }
        *self = Self::Ended;
        let mut text = BytesMut::from(&b"0\r\n"[..]);
        for (name, value) in &trailers {
            put_field(&mut text, name.as_str(), value.as_bytes());
        }
        text.extend_from_slice(b"\r\n");
        [text.freeze(), Bytes::new(), Bytes::new()]
    }

    fn end(&mut self) -> [Bytes; 3] {
        match std::mem::replace(self, Self::Ended) {
            Self::Chunked => [Bytes::from_static(b"0\r\n\r\n"), Bytes::new(), Bytes::new()],
            _ => Default::default(),
        }
    }
}
