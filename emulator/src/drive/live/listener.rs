//! A loopback listener that owns its connections.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::clock::pass;

/// Connections that may wait to be accepted; a burst of new clients must not meet a full queue,
/// which a client could not tell from a refusal by the cloud.
const BACKLOG: u32 = 4_096;

/// Every free loopback port.
pub(crate) const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Knows whether any task of a drive still runs.
#[derive(Debug)]
pub(crate) struct Tasks {
    token: Alive,
    gone: mpsc::Receiver<()>,
}

/// Held by a task for as long as it runs.
#[derive(Clone, Debug)]
pub(crate) struct Alive {
    #[expect(dead_code, reason = "held for its drop, which the receiver sees")]
    token: mpsc::Sender<()>,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        let (token, gone) = mpsc::channel(1);
        Self {
            token: Alive { token },
            gone,
        }
    }

    pub(crate) fn alive(&self) -> Alive {
        self.token.clone()
    }

    /// Returns once no task holds a token.
    pub(crate) async fn all_gone(self) {
        let Self { token, mut gone } = self;
        drop(token);
        // Nothing is ever sent: the channel only closes.
        let _closed = gone.recv().await;
    }
}

/// A listening socket; dropping it closes the socket and cuts every connection it accepted.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    accepting: AbortHandle,
}

impl Listener {
    /// Listens on `address` and runs `serve` for each connection, in a task of its own.
    ///
    /// # Errors
    /// When the address cannot be bound; the error names it.
    pub(crate) fn bind<S, F>(address: SocketAddr, alive: Alive, serve: S) -> io::Result<Self>
    where
        S: Fn(TcpStream, SocketAddr) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let socket = listen(address)
            .map_err(|error| io::Error::new(error.kind(), in_use(address, &error)))?;
        let address = socket.local_addr()?;
        let accepting = tokio::spawn(accept(socket, alive, serve)).abort_handle();
        Ok(Self { address, accepting })
    }

    /// Where it listens, with the real port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The task owns its connections' tasks, so that they end with it.
        self.accepting.abort();
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        let reason = "only loopback addresses are served";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn in_use(address: SocketAddr, error: &io::Error) -> String {
    format!("cannot listen on `{address}`: {error}")
}

async fn accept<S, F>(socket: TcpListener, alive: Alive, serve: S)
where
    S: Fn(TcpStream, SocketAddr) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((stream, peer)) => {
                    let connection = serve(prepare(stream), peer);
                    let alive = alive.clone();
                    connections.spawn(async move {
                        connection.await;
                        drop(alive);
                    });
                }
                Err(error) => recover(&error).await,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

/// Small answers must not wait for acknowledgements of earlier ones.
fn prepare(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "setting no-delay failed");
    }
    stream
}

/// A failed accept is almost always a lack of file descriptors, which only time cures.
async fn recover(error: &io::Error) {
    tracing::warn!(%error, "accepting a connection failed");
    pass(Duration::from_millis(20)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn hold(mut stream: TcpStream, _peer: SocketAddr) {
        let _written = stream.write_all(b"x").await;
        std::future::pending::<()>().await;
    }

    #[tokio::test]
    async fn dropping_a_listener_cuts_its_connections_and_frees_its_port() {
        let tasks = Tasks::new();
        let listener = Listener::bind(ANY_PORT, tasks.alive(), hold).expect("a port is free");
        let address = listener.address();
        let mut client = TcpStream::connect(address).await.expect("it listens");
        assert_eq!(client.read_u8().await.expect("it serves"), b'x');
        drop(listener);
        tasks.all_gone().await;
        assert!(client.read_u8().await.is_err());
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error_that_names_the_address() {
        let tasks = Tasks::new();
        let first = Listener::bind(ANY_PORT, tasks.alive(), hold).expect("a port is free");
        let refused = Listener::bind(first.address(), tasks.alive(), hold)
            .expect_err("the port is taken by the first");
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        assert!(refused.to_string().contains(&first.address().to_string()));
    }

    #[tokio::test]
    async fn only_loopback_is_served() {
        let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let refused = Listener::bind(everywhere, Tasks::new().alive(), hold);
        assert_eq!(
            refused.expect_err("not a loopback address").kind(),
            io::ErrorKind::InvalidInput
        );
    }
}
