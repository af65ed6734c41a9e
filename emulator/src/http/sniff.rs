//! HTTP and HTTPS on one port: the first bytes of a connection tell which.
//!
//! A TLS record begins with 22, an HTTP request with the letters of its method. Whoever sends
//! neither is told what this port speaks, in HTTP, because a person reads the answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::HeaderValue;
use http::header::HeaderName;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::serve::serve_connection;

/// How long a client may take to say its first word and to finish its handshake. Longer than any
/// client needs; a connection that never speaks must not be held for ever.
const GREETING_PATIENCE: Duration = Duration::from_secs(30);

/// How long an explained client may go on talking.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(1);

/// The first byte of a TLS record that begins a handshake.
const TLS_HANDSHAKE: u8 = 22;

/// What HTTP/2 without TLS begins with.
const HTTP2_PREFACE: &[u8] = b"PRI ";

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    Tls,
    Http,
    Http2,
    Unknown,
}

/// Serves one connection in whichever of the two it speaks; requests over TLS are marked as such.
pub(crate) async fn serve_either(
    mut stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
) {
    let Ok(Ok(speech)) = timeout(GREETING_PATIENCE, listen_in(&stream)).await else {
        return;
    };
    match (speech, tls) {
        (Speech::Tls, Some(tls)) => serve_tls(stream, tls, router).await,
        (Speech::Http, _) => serve_connection(stream, router).await,
        (Speech::Tls, None) => explain(&mut stream, 400, NO_TLS_HERE).await,
        (Speech::Http2, _) => explain(&mut stream, 505, NO_HTTP2_HERE).await,
        (Speech::Unknown, _) => explain(&mut stream, 400, NOT_HTTP).await,
    }
}

async fn serve_tls(stream: TcpStream, tls: Arc<ServerConfig>, router: Router) {
    match timeout(GREETING_PATIENCE, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => serve_connection(stream, over_tls(router)).await,
        Ok(Err(error)) => tracing::info!(
            %error,
            "a TLS handshake failed: does the client trust the CA file that `turquoise env` names?"
        ),
        Err(_elapsed) => tracing::debug!("a TLS handshake did not end"),
    }
}

/// The core builds its URLs by this header; a client cannot know better over a socket of ours.
fn over_tls(router: Router) -> Router {
    router.layer(tower::util::MapRequestLayer::new(
        |mut request: http::Request<axum::body::Body>| {
            let name = HeaderName::from_static("x-forwarded-proto");
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static("https"));
            request
        },
    ))
}

async fn listen_in(stream: &TcpStream) -> io::Result<Speech> {
    let mut seen = [0; HTTP2_PREFACE.len()];
    let length = stream.peek(&mut seen).await?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(speech(&seen[..length]))
}

/// What these first bytes mean. A client sends its first line at once, so that one look is enough.
fn speech(seen: &[u8]) -> Speech {
    match seen.first() {
        Some(&TLS_HANDSHAKE) => Speech::Tls,
        _ if seen.starts_with(HTTP2_PREFACE) => Speech::Http2,
        Some(b'\r' | b'\n') => Speech::Http,
        Some(byte) if byte.is_ascii_alphabetic() => Speech::Http,
        _ => Speech::Unknown,
    }
}

const NO_TLS_HERE: &str = "This port speaks plain HTTP: write `http://` instead of `https://`.";
const NO_HTTP2_HERE: &str = "This port speaks HTTP/1.1, with and without TLS, and not HTTP/2 without negotiation: leave out options such as `--http2-prior-knowledge`.";
const NOT_HTTP: &str = "This port speaks HTTP/1.1 and HTTPS (TLS 1.2 and 1.3): the first bytes of this connection were neither.";

/// Says what is wrong and ends the connection; a client that has gone away misses it.
async fn explain(stream: &mut TcpStream, status: u16, text: &str) {
    let body = serde_json::json!({"error": {"code": "ProtocolNotSpoken", "message": text}});
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: application/json; charset=utf-8\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}",
        reason = if status == 505 {
            "HTTP Version Not Supported"
        } else {
            "Bad Request"
        },
        length = body.len(),
    );
    let _gone = stream.write_all(answer.as_bytes()).await;
    let _gone = stream.shutdown().await;
    // Closing while bytes wait to be read would reset the connection, and with it the answer.
    let mut rest = [0; 1_024];
    let drain = async { while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {} };
    let _gone = timeout(FAREWELL_PATIENCE, drain).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_what_a_client_speaks() {
        for (seen, expected) in [
            (&b"\x16\x03\x01"[..], Speech::Tls),
            (b"GET ", Speech::Http),
            (b"P", Speech::Http),
            (b"PROP", Speech::Http),
            (b"PRI ", Speech::Http2),
            (b"\r\nGE", Speech::Http),
            (b"\x00\x01", Speech::Unknown),
            (b"", Speech::Unknown),
        ] {
            assert_eq!(speech(seen), expected, "{seen:?}");
        }
    }
}
