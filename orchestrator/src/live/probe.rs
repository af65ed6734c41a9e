//! One request to the application on a connection of its own.
//!
//! A new connection every time, so that requests spread over the gateway's instances (F14).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::trust::Trust;
use crate::environment::{ProbeAnswer, ProbeRequest, TransportError};

/// As much of a body as anyone looks at.
const LARGEST_BODY: usize = 64 << 10;

pub(super) async fn send(
    trust: &Trust,
    socket: SocketAddr,
    request: &ProbeRequest,
    limit: Duration,
) -> Result<ProbeAnswer, TransportError> {
    let exchange = exchange(trust, socket, request);
    let Ok(answer) = tokio::time::timeout(limit, exchange).await else {
        let reason = format!("no answer from `{socket}` within {} ms", limit.as_millis());
        return Err(TransportError::Lost { reason });
    };
    answer
}

async fn exchange(
    trust: &Trust,
    socket: SocketAddr,
    request: &ProbeRequest,
) -> Result<ProbeAnswer, TransportError> {
    let unreachable = |reason: String| TransportError::Unreachable {
        endpoint: socket.to_string(),
        reason,
    };
    let stream = TcpStream::connect(socket).await;
    let stream = stream.map_err(|error| unreachable(error.to_string()))?;
    if !request.tls {
        return ask(stream, request).await;
    }
    let name = ServerName::try_from(request.host.clone());
    let name = name.map_err(|error| unreachable(format!("`{}`: {error}", request.host)))?;
    let stream = TlsConnector::from(trust.config())
        .connect(name, stream)
        .await;
    ask(
        stream.map_err(|error| unreachable(error.to_string()))?,
        request,
    )
    .await
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: &ProbeRequest,
) -> Result<ProbeAnswer, TransportError> {
    let lost = |error: hyper::Error| TransportError::Lost {
        reason: super::http_client::chain(&error),
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    let driver = tokio::spawn(connection);
    let wire = http::Request::get(&request.path)
        .header("host", &request.host)
        .header("connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| TransportError::Unreachable {
            endpoint: request.path.clone(),
            reason: error.to_string(),
        })?;
    let response = sender.send_request(wire).await.map_err(lost);
    let answer = match response {
        Ok(response) => read(response).await,
        Err(error) => Err(error),
    };
    driver.abort();
    answer
}

async fn read(
    response: http::Response<hyper::body::Incoming>,
) -> Result<ProbeAnswer, TransportError> {
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, LARGEST_BODY).collect().await;
    let body = body.map_err(|error| TransportError::Lost {
        reason: error.to_string(),
    })?;
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    Ok(ProbeAnswer {
        status: parts.status.as_u16(),
        headers: headers.collect(),
        body: body.to_bytes(),
    })
}
