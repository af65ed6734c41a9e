//! Level L2: the orchestrator's own HTTP client over byte streams in memory, on tokio's paused
//! clock.
//!
//! Client, connection pool, parser and the emulator's server are those that run on sockets; only
//! the connector differs. What the other levels know as a lost reply is here a connection that ends
//! before the answer, or in the middle of it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures_util::future::{Ready, ready};
use futures_util::{StreamExt as _, stream};
use http::{Request, Response, Uri, header};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tower::{Service, ServiceExt};
use turquoise_emulator::http::{ConnectionReset, serve_connection};
use turquoise_orchestrator::Instant;
use turquoise_orchestrator::environment::TransportError;
use turquoise_orchestrator::live::HttpClient;

use super::in_process::{Clock, InProcess};
use super::level::{Level, SharedCloud, lost};

/// Bytes that one direction of a connection holds: less than a gateway's document, so that bodies
/// arrive in pieces.
const PIPE: usize = 4 << 10;
/// What ARM gives a request; never reached, since an answer takes no virtual time here.
const PATIENCE: Duration = Duration::from_secs(100);

/// Tokio's paused time, and calls through the whole HTTP stack.
#[derive(Debug)]
pub(crate) struct Duplex {
    in_process: InProcess,
    client: HttpClient<Pipes>,
}

impl Duplex {
    /// A level whose clock stands at `now`; must be made inside a paused runtime.
    pub(super) fn new(cloud: &SharedCloud, now: Instant) -> Self {
        let in_process = InProcess::new(cloud, now);
        let pipes = Pipes {
            router: truncating(in_process.router()),
        };
        Self {
            client: HttpClient::over(pipes),
            in_process,
        }
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.in_process.set_the_clock();
        self.client.send(request, PATIENCE).await
    }

    /// The level's clock, to be read once the level itself is lent.
    pub(super) const fn clock(&self) -> Clock {
        self.in_process.clock()
    }
}

impl Level for Duplex {
    fn now(&self) -> Instant {
        self.in_process.now()
    }

    async fn sleep_until(&self, at: Instant) {
        self.in_process.sleep_until(at).await;
    }

    /// How a connection ended is told in this level's own words, which go into the journal: all
    /// levels have to say the same.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.exchange(request).await.map_err(|error| match error {
            TransportError::Lost { .. } => lost(),
            other => other,
        })
    }
}

/// The router, with every second lost reply ended in the middle of its body: a client must take
/// both for the same ambiguous outcome.
fn truncating(router: Router) -> Router {
    let lost = Arc::new(AtomicU64::new(0));
    Router::new().fallback(move |request: Request<Body>| {
        let (router, lost) = (router.clone(), Arc::clone(&lost));
        async move {
            let answered = router.oneshot(request).await;
            let answer = match answered {
                Ok(answer) => answer,
                Err(never) => match never {},
            };
            let resets = answer.extensions().get::<ConnectionReset>().is_some();
            if resets && !lost.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                return cut_short();
            }
            answer
        }
    })
}

/// An answer whose body breaks off.
fn cut_short() -> Response<Body> {
    let begun = async { Ok(Bytes::from_static(br#"{"properties":"#)) };
    let broken = async {
        // What was begun leaves only once the server has to wait for more.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    };
    let pieces = stream::once(begun).chain(stream::once(broken));
    Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from_stream(pieces))
        .expect("because every part is a constant")
}

/// Connects to the router through memory.
#[derive(Clone, Debug)]
struct Pipes {
    router: Router,
}

impl Service<Uri> for Pipes {
    type Response = TokioIo<Pipe>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<Pipe>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (ours, theirs) = duplex(PIPE);
        tokio::spawn(serve_connection(theirs, self.router.clone()));
        ready(Ok(TokioIo::new(Pipe(ours))))
    }
}

/// The client's end of a connection.
#[derive(Debug)]
struct Pipe(DuplexStream);

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use turquoise_emulator::faults::{Fault, FaultKind, Matches};
    use turquoise_emulator::{Cloud, CloudConfig};

    use super::*;

    fn losing(replies: u32) -> SharedCloud {
        let lost = Fault {
            at_ms: 0,
            kind: FaultKind::ReplyLost {
                on: Matches::default(),
                count: replies,
            },
        };
        SharedCloud::new(Cloud::new(&CloudConfig {
            faults: vec![lost],
            ..CloudConfig::default()
        }))
    }

    fn read() -> Request<Bytes> {
        Request::builder()
            .method(Method::GET)
            .uri("http://management.turquoise.test/subscriptions?api-version=2022-12-01")
            .header(header::AUTHORIZATION, "Bearer t")
            .body(Bytes::new())
            .expect("every part is a constant")
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_lost_whole_or_in_part_is_the_same_ambiguous_outcome() {
        let level = Duplex::new(&losing(2), Instant::default());
        let reasons: Vec<String> = [level.exchange(read()).await, level.exchange(read()).await]
            .into_iter()
            .map(|answer| match answer {
                Err(TransportError::Lost { reason }) => reason,
                other => panic!("the reply was to be lost: {other:?}"),
            })
            .collect();
        assert_ne!(reasons[0], reasons[1], "one before the answer, one within");
        assert!(level.send(read()).await.is_ok(), "both faults are spent");
    }
}
