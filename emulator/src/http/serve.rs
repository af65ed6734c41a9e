//! One connection of the face on a byte stream.

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt;

use super::reset::ConnectionReset;

/// Serves `router` on one byte stream until either side ends it, HTTP/1.1 with keep-alive.
///
/// The stream may be a socket, a TLS session or an in-memory pipe. An answer that carries
/// [`ConnectionReset`] is not sent: the stream is closed instead.
pub async fn serve_connection(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router) {
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let answer = router.oneshot(request.map(Body::new)).await;
            let response = match answer {
                Ok(response) => response,
                Err(never) => match never {},
            };
            ConnectionReset::check(response)
        }
    });
    let ended = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of the face ended");
    }
}
