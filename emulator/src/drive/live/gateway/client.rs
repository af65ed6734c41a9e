//! One client connection at one gateway instance.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use super::headers::Entrance;
use super::instance::GatewayInstance;
use super::pages;
use super::tunnel::Tunnel;
use crate::http::Clock;
use crate::time::Instant;

/// What the requests of one connection share.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) entrance: Entrance,
    /// The frontend's address as Azure knows it.
    pub(crate) address: Ipv4Addr,
    opened: AtomicU64,
    under_way: Mutex<Option<UnderWay>>,
    /// Set by the answer that changes the protocol.
    tunnel: Mutex<Option<Tunnel>>,
    is_cut: AtomicBool,
    cut: Notify,
}

/// The attempt under way on a connection; HTTP/1.1 has one at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnderWay {
    pub(crate) member: Ipv4Addr,
    pub(crate) generation: u64,
    pub(crate) dispatched: Instant,
}

impl Client {
    fn new(entrance: Entrance, address: Ipv4Addr, opened: Instant) -> Self {
        Self {
            entrance,
            address,
            opened: AtomicU64::new(opened.as_nanos()),
            under_way: Mutex::default(),
            tunnel: Mutex::default(),
            is_cut: AtomicBool::new(false),
            cut: Notify::new(),
        }
    }

    /// When the connection was opened, for the choice of the configuration that serves it.
    pub(crate) fn opened(&self) -> Instant {
        Instant::from_nanos(self.opened.load(Ordering::Relaxed))
    }

    /// From here on the connection counts as opened now. Where Azure's update would close it, the
    /// live gateway keeps it and changes the configuration that serves it: closing would race with
    /// the client's next request.
    pub(crate) fn reopen(&self, now: Instant) {
        self.opened.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// An attempt begins, or none is under way any more.
    pub(crate) fn set_under_way(&self, attempt: Option<UnderWay>) {
        *self.under_way() = attempt;
    }

    /// When the connection's last answer has been sent, bytes pass through this.
    pub(crate) fn open_tunnel(&self, tunnel: Tunnel) {
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    }

    fn take_tunnel(&self) -> Option<Tunnel> {
        let mut tunnel = self.tunnel.lock().unwrap_or_else(PoisonError::into_inner);
        tunnel.take()
    }

    /// Ends the connection if the attempt under way is one that is `meant`; says whose it was.
    pub(crate) fn cut_if(&self, meant: impl FnOnce(UnderWay) -> bool) -> Option<Ipv4Addr> {
        let attempt = self.under_way().filter(|attempt| meant(*attempt))?;
        self.is_cut.store(true, Ordering::SeqCst);
        self.cut.notify_one();
        Some(attempt.member)
    }

    /// Whether the gateway ended the connection in mid-request.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
    }

    fn under_way(&self) -> MutexGuard<'_, Option<UnderWay>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

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
    let entrance = Entrance::new(client, port, tls.is_some());
    let opened = gateway.network.clock.now();
    let connection = Arc::new(Client::new(entrance, address, opened));
    let _registered = gateway.clients.register(&connection);
    match tls {
        None => converse(&gateway, stream, &connection).await,
        Some(config) => match TlsAcceptor::from(config).accept(stream).await {
            Ok(stream) => converse(&gateway, stream, &connection).await,
            Err(error) => tracing::debug!(%error, %client, "a TLS handshake failed"),
        },
    }
}

async fn converse(
    gateway: &Arc<GatewayInstance>,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    client: &Arc<Client>,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let (gateway, client) = (Arc::clone(gateway), Arc::clone(client));
        async move { gateway.answer(client, request).await }
    });
    let mut conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(gateway.client_idle())
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = &mut conversation => ended,
        () = client.cut.notified() => return,
    };
    let parts = conversation.into_parts();
    let stream = parts.io.into_inner();
    if let Some(tunnel) = client.take_tunnel() {
        tokio::select! {
            () = tunnel.carry(stream, &parts.read_buf) => {}
            () = client.cut.notified() => {}
        }
        return;
    }
    let Err(error) = ended else {
        return;
    };
    tracing::trace!(%error, "a client connection ended");
    if error.is_timeout() && !parts.read_buf.is_empty() {
        say_too_slow(stream).await;
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
