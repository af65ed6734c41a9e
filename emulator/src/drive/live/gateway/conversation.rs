//! A client connection from its first byte to its last: TLS, the version of HTTP, and its end.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::client::Client;
use super::forward::Closed;
use super::headers::Entrance;
use super::instance::GatewayInstance;
use super::pace::{CLIENT_PACE, Marked, Overdue, Pace};
use super::pages;
use crate::drive::live::tls::HTTP_2;
use crate::http::Clock;

/// The longest head of a request; a longer one is refused with 431.
const HEAD_LIMIT: usize = 64 * 1024;
/// The same in HTTP/2, where fields count 32 bytes more than they are (RFC 9113 §10.5.1).
const HTTP_2_HEAD_LIMIT: u32 = 64 * 1024;
/// How long an HTTP/2 connection may be unused (azure-facts.md §5.1).
const HTTP_2_IDLE: Duration = Duration::from_secs(180);
/// Requests at once on an HTTP/2 connection; nginx's default.
const HTTP_2_STREAMS: u32 = 128;

/// Serves a connection until either side ends it, or the gateway cuts it.
pub(crate) async fn serve(
    gateway: Arc<GatewayInstance>,
    stream: TcpStream,
    client: SocketAddr,
    (address, port): (Ipv4Addr, u16),
) {
    let Some(table) = gateway.table() else {
        return;
    };
    let tls = table.tls(address, port).map(Arc::clone);
    drop(table);
    let entrance = Entrance::new(client, port, tls.is_some());
    let _open = gateway.meter.connected();
    let opened = gateway.network.clock.now();
    let connection = Client::new(entrance, address, opened, Arc::new(Pace::new()));
    let connection = Arc::new(connection);
    let Some(config) = tls else {
        return converse(&gateway, stream, &connection).await;
    };
    let handshake = TlsAcceptor::from(config).accept(stream);
    match tokio::time::timeout(CLIENT_PACE, handshake).await {
        Ok(Ok(stream)) if speaks_http_2(&stream) => {
            converse_http_2(&gateway, stream, &connection).await;
        }
        Ok(Ok(stream)) => converse(&gateway, stream, &connection).await,
        Ok(Err(error)) => tracing::debug!(%error, %client, "a TLS handshake failed"),
        Err(_elapsed) => tracing::debug!(%client, "a TLS handshake took too long"),
    }
}

fn speaks_http_2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP_2)
}

async fn converse(
    gateway: &Arc<GatewayInstance>,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    client: &Arc<Client>,
) {
    gateway.clients.register(client);
    let service = service_fn(|request: Request<Incoming>| {
        let (gateway, client) = (Arc::clone(gateway), Arc::clone(client));
        async move { gateway.answer(client, request).await }
    });
    let stream = Marked {
        stream,
        pace: Arc::clone(&client.pace),
    };
    let mut conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        // How long a client may take is watched beside it, see `pace`.
        .header_read_timeout(None)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let overdue = tokio::select! {
        ended = &mut conversation => {
            if let Err(error) = ended {
                tracing::trace!(%error, "a client connection ended");
            }
            None
        }
        () = client.cut() => return,
        overdue = client.pace.overdue(gateway.client_idle()) => Some(overdue),
    };
    let parts = conversation.into_parts();
    let stream = parts.io.into_inner().stream;
    match client.take_tunnel() {
        Some(tunnel) => tokio::select! {
            () = tunnel.carry(stream, &parts.read_buf) => {}
            () = client.cut() => {}
        },
        None if overdue == Some(Overdue::Head) => say_too_slow(stream).await,
        None => {}
    }
}

/// Each request is a client of its own, for they overlap.
async fn converse_http_2(
    gateway: &Arc<GatewayInstance>,
    stream: TlsStream<TcpStream>,
    client: &Arc<Client>,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let (gateway, client) = (Arc::clone(gateway), Arc::new(client.for_one_request()));
        gateway.clients.register(&client);
        async move {
            tokio::select! {
                answer = gateway.answer(Arc::clone(&client), request) => answer,
                () = client.cut() => Err(Closed),
            }
        }
    });
    let conversation = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP_2_STREAMS)
        .max_header_list_size(HTTP_2_HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(conversation);
    let mut ending = false;
    loop {
        tokio::select! {
            ended = &mut conversation => {
                if let Err(error) = ended {
                    tracing::trace!(%error, "a client connection ended");
                }
                return;
            }
            _idle = client.pace.overdue(HTTP_2_IDLE), if !ending => {
                // Two notices, as RFC 9113 §6.8 has it: what is on its way is still answered.
                conversation.as_mut().graceful_shutdown();
                ending = true;
            }
        }
    }
}

/// A client that began a request and did not end it in time gets a 408 (azure-facts.md §5.2); one
/// that only kept its connection sees it close.
async fn say_too_slow(mut stream: impl AsyncWrite + Unpin) {
    let page = pages::bytes(StatusCode::REQUEST_TIMEOUT);
    let said = async {
        stream.write_all(&page).await?;
        stream.shutdown().await
    };
    if let Err(error) = said.await {
        tracing::trace!(%error, "a slow client had left");
    }
}
