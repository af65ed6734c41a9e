//! Connections to the gateway: opened one by one, or kept alive in a pool.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::Instant as Wall;
use tokio_rustls::TlsConnector;
use turquoise_emulator::ledger::Seen;

use super::TlsTarget;

/// A request's body.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The sending half of an open connection.
#[derive(Debug)]
pub(super) enum Sender {
    /// HTTP/1.1: one request at a time.
    One(http1::SendRequest<Body>),
    /// HTTP/2: many at once.
    Many(http2::SendRequest<Body>),
}

/// A request that was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// The connection was closed before a byte was written.
    NotSent,
    /// It may have reached someone.
    Lost,
}

impl Sender {
    /// Sends a request once.
    pub(super) async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let sent = match self {
            Self::One(sender) => {
                sender.ready().await.map_err(|_| Unanswered::NotSent)?;
                sender.try_send_request(request).await
            }
            Self::Many(sender) => {
                sender.ready().await.map_err(|_| Unanswered::NotSent)?;
                sender.try_send_request(request).await
            }
        };
        sent.map_err(|error| match error.message() {
            Some(_) => Unanswered::NotSent,
            None => Unanswered::Lost,
        })
    }

    /// Whether requests name scheme and host themselves.
    pub(super) fn is_http_2(&self) -> bool {
        matches!(self, Self::Many(_))
    }

    fn is_closed(&self) -> bool {
        match self {
            Self::One(sender) => sender.is_closed(),
            Self::Many(sender) => sender.is_closed(),
        }
    }
}

/// A kept connection idle for longer is closed by its client. Clients that wait for the server to
/// close race it with their next request, and a lost race looks like a loss; the gateway's own
/// limit is 75 s of cloud time (azure-facts.md §5.1), 3.75 s at twentyfold speed.
const KEEP_IDLE: Duration = Duration::from_secs(1);

/// HTTP/2 as client and gateway agree on it (RFC 9113 §3.2).
const HTTP_2: &[u8] = b"h2";

/// Why load cannot be put on a target.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The host cannot stand in a header.
    #[error("`{host}` is not a host")]
    Host {
        /// What was given.
        host: String,
        /// What is wrong with it.
        #[source]
        source: http::header::InvalidHeaderValue,
    },
    /// A root certificate is none.
    #[error("root certificate {index} cannot be trusted")]
    Root {
        /// Which one, counted from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// The server's name is no name.
    #[error("`{name}` is not a server name")]
    ServerName {
        /// What was given.
        name: String,
        /// What is wrong with it.
        #[source]
        source: InvalidDnsNameError,
    },
    /// The platform offers no safe protocol version.
    #[error("no TLS version can be offered")]
    Versions(#[source] rustls::Error),
}

/// Opens connections.
pub(super) struct Dialer {
    target: SocketAddr,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// The same, offering HTTP/2.
    tls_http_2: Option<TlsConnector>,
    /// The connection that all multiplexed requests share.
    shared: tokio::sync::Mutex<Option<http2::SendRequest<Body>>>,
}

impl Dialer {
    pub(super) fn new(target: SocketAddr, tls: Option<&TlsTarget>) -> Result<Self, LoadError> {
        Ok(Self {
            target,
            tls: tls.map(|tls| connector(tls, false)).transpose()?,
            tls_http_2: match tls {
                Some(tls) => Some(connector(tls, true)?.0),
                None => None,
            },
            shared: tokio::sync::Mutex::default(),
        })
    }

    /// The connection that requests share, opened if need be; one of HTTP/1.1 and its own where the
    /// gateway speaks nothing else.
    pub(super) async fn dial_shared(&self) -> Result<Sender, Seen> {
        let (Some(connector), Some((_, name))) = (&self.tls_http_2, &self.tls) else {
            return self.dial().await;
        };
        let mut shared = self.shared.lock().await;
        if let Some(sender) = shared.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(Sender::Many(sender.clone()));
        }
        let stream = self.connect().await?;
        let stream = connector.connect(name.clone(), stream).await;
        let stream = stream.map_err(|_| Seen::Reset)?;
        if stream.get_ref().1.alpn_protocol() != Some(HTTP_2) {
            return handshake(stream).await;
        }
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(|_| Seen::Reset)?;
        tokio::spawn(connection);
        *shared = Some(sender.clone());
        Ok(Sender::Many(sender))
    }

    /// Opens a connection, or says what the client sees instead.
    pub(super) async fn dial(&self) -> Result<Sender, Seen> {
        let stream = self.connect().await?;
        match &self.tls {
            None => handshake(stream).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await;
                handshake(stream.map_err(|_| Seen::Reset)?).await
            }
        }
    }

    async fn connect(&self) -> Result<TcpStream, Seen> {
        let stream = TcpStream::connect(self.target)
            .await
            .map_err(|error| refusal(&error))?;
        // A request is one write; waiting for more only adds latency.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

/// Kept connections that nobody uses at the moment, longest idle first.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<VecDeque<(Sender, Wall)>>,
    keep: usize,
}

impl Pool {
    pub(super) fn new(clients: u32) -> Self {
        Self {
            idle: Mutex::new(VecDeque::new()),
            keep: clients as usize,
        }
    }

    /// A kept connection that is still open, as far as anyone can know.
    pub(super) fn take(&self) -> Option<Sender> {
        let mut idle = self
            .idle
            .lock()
            .expect("because nothing panics while it holds the pool");
        // Longest idle first, so that all of them stay in use.
        while let Some((sender, since)) = idle.pop_front() {
            if !sender.is_closed() && since.elapsed() < KEEP_IDLE {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps a connection for later.
    pub(super) fn put(&self, sender: Sender) {
        let mut idle = self
            .idle
            .lock()
            .expect("because nothing panics while it holds the pool");
        if idle.len() < self.keep && !sender.is_closed() {
            idle.push_back((sender, Wall::now()));
        }
    }
}

fn connector(
    target: &TlsTarget,
    http_2: bool,
) -> Result<(TlsConnector, ServerName<'static>), LoadError> {
    let mut roots = RootCertStore::empty();
    for (index, root) in target.roots.iter().enumerate() {
        let root = CertificateDer::from(root.clone());
        roots
            .add(root)
            .map_err(|source| LoadError::Root { index, source })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(LoadError::Versions)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    if http_2 {
        config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
    }
    let name = ServerName::try_from(target.server_name.clone()).map_err(|source| {
        LoadError::ServerName {
            name: target.server_name.clone(),
            source,
        }
    })?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

async fn handshake<S>(stream: S) -> Result<Sender, Seen>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    TokioIo<S>: Read + Write,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Seen::Reset)?;
    // Its end is seen through the sender.
    tokio::spawn(connection);
    Ok(Sender::One(sender))
}

/// What a client sees when it cannot connect. Running out of ports or file descriptors is the
/// generator's own fault and no loss (H13): nothing was sent.
fn refusal(error: &io::Error) -> Seen {
    const EMFILE: i32 = 24;
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Seen::Refused,
        io::ErrorKind::TimedOut => Seen::TimedOut,
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => Seen::Aborted,
        _ if error.raw_os_error() == Some(EMFILE) => Seen::Aborted,
        _ => Seen::Reset,
    }
}
