//! Whether a program takes requests yet.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::HOST;
use http_body_util::Empty;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Between two looks. The wait is for a condition in another process, which nobody tells us of.
const LOOK: Duration = Duration::from_millis(25);
/// A look that is not answered by then is repeated.
const PATIENCE: Duration = Duration::from_secs(2);

/// A loopback port that was free a moment ago. A program that finds it taken ends, and its next
/// start gets another.
///
/// # Errors
/// When no port is free.
pub(super) async fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok(listener.local_addr()?.port())
}

/// Returns once the program at `socket` is ready.
pub(super) async fn until_ready(socket: SocketAddr, path: Option<&str>) {
    let mut tick = tokio::time::interval(LOOK);
    loop {
        tick.tick().await;
        let look = async {
            match path {
                None => TcpStream::connect(socket).await.is_ok(),
                Some(path) => answers(socket, path).await.unwrap_or(false),
            }
        };
        if timeout(PATIENCE, look).await.unwrap_or(false) {
            return;
        }
    }
}

async fn answers(socket: SocketAddr, path: &str) -> Option<bool> {
    let stream = TcpStream::connect(socket).await.ok()?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    let request = Request::get(path)
        .header(HOST, socket.to_string())
        .body(Empty::<Bytes>::new())
        .ok()?;
    let exchange = sender.send_request(request);
    tokio::pin!(exchange, connection);
    let response = tokio::select! {
        response = &mut exchange => response.ok()?,
        _ended = &mut connection => return None,
    };
    let status = response.status();
    Some(status.is_success() || status.is_redirection())
}
