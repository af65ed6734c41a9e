//! A plain HTTP client: one connection, one request at a time.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A kept-alive connection.
#[derive(Debug)]
pub(super) struct Client(SendRequest<Full<Bytes>>);

/// A whole answer.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Client {
    pub(super) async fn connect(socket: SocketAddr) -> Self {
        let stream = TcpStream::connect(socket).await.expect("it listens");
        Self::over(stream).await
    }

    pub(super) async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .expect("a fresh stream takes a handshake");
        tokio::spawn(connection);
        Self(sender)
    }

    pub(super) async fn get(&mut self, path: &str) -> Result<Got, hyper::Error> {
        self.send(Request::get(path), Bytes::new()).await
    }

    pub(super) async fn send(
        &mut self,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<Got, hyper::Error> {
        let request = request
            .header("host", "app.contoso.com")
            .body(Full::new(body))
            .expect("a valid request");
        self.0.ready().await?;
        let (head, body) = self.0.send_request(request).await?.into_parts();
        Ok(Got {
            status: head.status,
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    }
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

/// One request on a connection of its own.
pub(super) async fn get(socket: SocketAddr, path: &str) -> Result<Got, hyper::Error> {
    Client::connect(socket).await.get(path).await
}
