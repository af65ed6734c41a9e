//! One request and its answer over one connection.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use turquoise_emulator::ledger::{ConnectionClass, RequestClass, RequestId, Seen};

use super::connection::{Body, Dialer, Pool, Sender, Unanswered};
use crate::clients::profile::{Planned, Profile};

/// The request's id on the wire; the application echoes it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The answering application's build.
const BUILD_ID: HeaderName = HeaderName::from_static("x-build-id");
/// The FNV-1a digest of an answer's body, in hex, where the application tells it.
const CHECKSUM: HeaderName = HeaderName::from_static("x-checksum");
/// How long a request's body was when it arrived, where the application tells it.
const BODY_LENGTH: HeaderName = HeaderName::from_static("x-body-length");
/// The size of a download: D.7 of the failure catalogue asks for 5 MB.
const DOWNLOAD_BYTES: u64 = 5 * 1024 * 1024;
/// An upload's body leaves in this many pieces, so that sending it takes its time.
const UPLOAD_PIECES: u32 = 8;

/// What became of an attempt to send.
pub(super) enum Sent {
    /// The request may have reached someone: this is how it ended, with the build it named.
    Ended(Seen, Option<String>),
    /// The connection was closed before a byte was written.
    NotSent,
}

impl Sent {
    /// How it ended for good; on a connection just opened, not being able to send is a loss.
    pub(super) fn seen(self) -> (Seen, Option<String>) {
        match self {
            Self::Ended(seen, build) => (seen, build),
            Self::NotSent => (Seen::Reset, None),
        }
    }
}

/// One request.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) id: RequestId,
    pub(super) planned: Planned,
    pub(super) host: &'a HeaderValue,
    pub(super) profile: &'a Profile,
}

impl Exchange<'_> {
    /// Sends it over a kept connection, or a new one where none is open, and keeps that.
    pub(super) async fn over_kept(self, pool: &Pool, dialer: &Dialer) -> (Seen, Option<String>) {
        // A server may close a connection between our look and our write: then nothing was sent,
        // and the next one is tried. A reset after the write is an outcome.
        while let Some(mut kept) = pool.take() {
            match self.over(&mut kept).await {
                (Sent::NotSent, _) => {}
                (sent, whole) => return keep(pool, kept, sent, whole),
            }
        }
        match dialer.dial().await {
            Ok(mut sender) => {
                let (sent, whole) = self.over(&mut sender).await;
                keep(pool, sender, sent, whole)
            }
            Err(seen) => (seen, None),
        }
    }

    /// Sends it over the connection that multiplexed requests share. One that ended before a byte of
    /// this request was written is opened again, once.
    pub(super) async fn over_shared(self, dialer: &Dialer) -> (Seen, Option<String>) {
        for _try in 0..2 {
            let mut sender = match dialer.dial_shared().await {
                Ok(sender) => sender,
                Err(seen) => return (seen, None),
            };
            if let (Sent::Ended(seen, build), _) = self.over(&mut sender).await {
                return (seen, build);
            }
        }
        (Seen::Reset, None)
    }

    /// Sends it once; says how it ended and whether the connection is still good.
    pub(super) async fn over(&self, sender: &mut Sender) -> (Sent, bool) {
        match sender.send(self.request(sender.is_http_2())).await {
            Ok(response) => self.read(response).await,
            Err(Unanswered::NotSent) => (Sent::NotSent, false),
            Err(Unanswered::Lost) => (Sent::Ended(Seen::Reset, None), false),
        }
    }

    async fn read(&self, response: Response<Incoming>) -> (Sent, bool) {
        let status = response.status().as_u16();
        let header = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let build = header(BUILD_ID).map(str::to_owned);
        // Another request's answer is not this one's, however whole it is.
        let mine = header(REQUEST_ID).is_none_or(|id| id == self.id.to_string());
        let digest = header(CHECKSUM).map(str::to_owned);
        let uploaded = header(BODY_LENGTH).is_none_or(|length| length == self.sent().to_string());
        let declared = response.body().size_hint().exact();
        let received = drain(response.into_body()).await;
        let whole = received.is_some_and(|received| {
            declared.is_none_or(|length| length == received.length)
                && digest.is_none_or(|digest| digest == format!("{:016x}", received.digest))
        });
        (
            Sent::Ended(
                Seen::Answer {
                    status,
                    build: None,
                    complete: whole && mine && uploaded,
                },
                build,
            ),
            whole,
        )
    }

    fn request(&self, http_2: bool) -> Request<Body> {
        let (method, path, body) = match self.planned.class {
            RequestClass::Short
            | RequestClass::Page
            | RequestClass::Asset
            | RequestClass::Session => ("GET", "/".to_owned(), empty()),
            RequestClass::Download => ("GET", format!("/bytes?n={DOWNLOAD_BYTES}"), empty()),
            RequestClass::Write | RequestClass::Job => (
                "POST",
                "/orders".to_owned(),
                Full::new(order(self.id)).boxed_unsync(),
            ),
            // Over sockets a stream is a read that takes as long: the demo application has no upgrade.
            RequestClass::Long | RequestClass::WebSocket | RequestClass::EventStream => (
                "GET",
                format!("/slow?ms={}", self.planned.work.as_millis()),
                empty(),
            ),
            RequestClass::Upload | RequestClass::Expect => {
                ("POST", "/upload".to_owned(), self.upload())
            }
        };
        let mut request = Request::builder()
            .method(method)
            .header(REQUEST_ID, self.id);
        request = if http_2 {
            let host = self.host.to_str().unwrap_or_default();
            request.uri(format!("https://{host}{path}"))
        } else {
            request.uri(path).header(HOST, self.host)
        };
        if self.planned.class.is_upload() {
            request = request.header(CONTENT_LENGTH, self.profile.upload_bytes);
        }
        if self.planned.class.is_unrepeatable() {
            request = request.header("idempotency-key", self.id);
        }
        if self.planned.connection == ConnectionClass::New {
            request = request.header(CONNECTION, "close");
        }
        request
            .body(body)
            .expect("because the paths and header names are constants and the host is checked")
    }

    /// How long the request's body is.
    fn sent(&self) -> u64 {
        match self.planned.class {
            RequestClass::Write | RequestClass::Job => order(self.id).len() as u64,
            RequestClass::Upload | RequestClass::Expect => self.profile.upload_bytes,
            _ => 0,
        }
    }

    /// A body that leaves piece by piece over the planned time.
    fn upload(&self) -> Body {
        let pause = self.planned.work / UPLOAD_PIECES;
        let piece = self
            .profile
            .upload_bytes
            .div_ceil(u64::from(UPLOAD_PIECES))
            .max(1);
        let pieces = stream::unfold(self.profile.upload_bytes, move |left| async move {
            if left == 0 {
                return None;
            }
            tokio::time::sleep(pause).await;
            let now = left.min(piece);
            Some((Ok::<_, Infallible>(Frame::data(filled(now))), left - now))
        });
        StreamBody::new(pieces).boxed_unsync()
    }
}

fn keep(pool: &Pool, sender: Sender, sent: Sent, whole: bool) -> (Seen, Option<String>) {
    if whole {
        pool.put(sender);
    }
    sent.seen()
}

/// A body as it came.
struct Received {
    length: u64,
    digest: u64,
}

/// Reads a body to its end; nothing when it broke off.
async fn drain(mut body: Incoming) -> Option<Received> {
    // FNV-1a, as the application computes it; written again here, so that both cannot share a
    // mistake (H11).
    let mut received = Received {
        length: 0,
        digest: 0xcbf2_9ce4_8422_2325,
    };
    while let Some(frame) = body.frame().await {
        let frame = frame.ok()?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        received.length += data.len() as u64;
        for byte in data {
            received.digest = (received.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Some(received)
}

fn empty() -> Body {
    Empty::new().boxed_unsync()
}

fn order(id: RequestId) -> Bytes {
    Bytes::from(format!("{{\"order\":{id}}}"))
}

fn filled(length: u64) -> Bytes {
    Bytes::from(vec![b'x'; usize::try_from(length).unwrap_or(usize::MAX)])
}
