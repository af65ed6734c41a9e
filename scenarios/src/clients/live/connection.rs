//! Connections to the gateway: opened one by one, or kept alive in a pool.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
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
pub(super) type Sender = SendRequest<Body>;

/// A kept connection idle for longer is closed by its client. Clients that wait for the server to
/// close race it with their next request, and a lost race looks like a loss; the gateway's own
/// limit is 75 s of cloud time (azure-facts.md §5.1), 3.75 s at twentyfold speed.
const KEEP_IDLE: Duration = Duration::from_secs(1);

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
}

impl Dialer {
    pub(super) fn new(target: SocketAddr, tls: Option<&TlsTarget>) -> Result<Self, LoadError> {
        Ok(Self {
            target,
            tls: tls.map(connector).transpose()?,
        })
    }

    /// Opens a connection, or says what the client sees instead.
    pub(super) async fn dial(&self) -> Result<Sender, Seen> {
        let stream = TcpStream::connect(self.target)
            .await
            .map_err(|error| refusal(&error))?;
        // A request is one write; waiting for more only adds latency.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => handshake(stream).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await;
                handshake(stream.map_err(|_| Seen::Reset)?).await
            }
        }
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

fn connector(target: &TlsTarget) -> Result<(TlsConnector, ServerName<'static>), LoadError> {
    let mut roots = RootCertStore::empty();
    for (index, root) in target.roots.iter().enumerate() {
        let root = CertificateDer::from(root.clone());
        roots
            .add(root)
            .map_err(|source| LoadError::Root { index, source })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(LoadError::Versions)?
        .with_root_certificates(roots)
        .with_no_client_auth();
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
    Ok(sender)
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
