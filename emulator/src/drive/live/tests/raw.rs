//! Both ends of the gateway as literal bytes: a client that says what a test says, and a member
//! that answers what a test says.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A member that reads a head and then does what its script says; probes it answers by itself.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) address: SocketAddr,
    /// What it was asked: everything up to the end of the head, and what came with it.
    asked: mpsc::UnboundedReceiver<String>,
}

/// What a member does about a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Script {
    /// Writes these bytes and closes the connection.
    Say(&'static [u8]),
    /// Writes these bytes and keeps the connection.
    Keep(&'static [u8]),
    /// Reads until these bytes came, then writes those.
    Await(&'static [u8], &'static [u8]),
    /// Answers 101 and then sends back whatever comes.
    Echo,
    /// Never answers.
    Hang,
}

impl Member {
    pub(super) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (tell, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(play(stream, script, tell.clone()));
            }
        });
        Self { address, asked }
    }

    /// The next request as it came, without probes.
    pub(super) async fn asked(&mut self) -> String {
        let asked = timeout(PATIENCE, self.asked.recv()).await;
        asked.expect("a request comes").expect("the member lives")
    }
}

async fn play(mut stream: TcpStream, script: Script, tell: mpsc::UnboundedSender<String>) {
    loop {
        let Some(mut request) = until(&mut stream, Vec::new(), b"\r\n\r\n").await else {
            return;
        };
        if contains(&request, b"turquoise-probe") {
            let healthy = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            let _written = stream.write_all(healthy).await;
            continue;
        }
        if let Script::Await(end, _) = script {
            match until(&mut stream, request, end).await {
                Some(more) => request = more,
                None => return,
            }
        }
        let _sent = tell.send(String::from_utf8_lossy(&request).into_owned());
        let (bytes, keeps) = match script {
            Script::Say(bytes) => (bytes, false),
            Script::Keep(bytes) | Script::Await(_, bytes) => (bytes, true),
            Script::Hang => return std::future::pending().await,
            Script::Echo => return echo(stream).await,
        };
        let _written = stream.write_all(bytes).await;
        if !keeps {
            return;
        }
    }
}

async fn echo(mut stream: TcpStream) {
    let switch =
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    let _written = stream.write_all(switch).await;
    let (mut from, mut to) = stream.split();
    let _copied = tokio::io::copy(&mut from, &mut to).await;
}

/// Reads on from `read` until `end` has come; nothing when the stream ends first.
async fn until(stream: &mut TcpStream, mut read: Vec<u8>, end: &[u8]) -> Option<Vec<u8>> {
    while !contains(&read, end) {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    Some(read)
}

pub(super) fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// A client's connection.
#[derive(Debug)]
pub(super) struct Raw(pub(super) TcpStream);

impl Raw {
    /// Connects and says `bytes`.
    pub(super) async fn say(gateway: SocketAddr, bytes: &[u8]) -> Self {
        let mut stream = TcpStream::connect(gateway).await.expect("it listens");
        stream.write_all(bytes).await.expect("it reads");
        Self(stream)
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("it reads");
    }

    /// Everything until `end` has come.
    pub(super) async fn until(&mut self, end: &[u8]) -> String {
        let read = timeout(PATIENCE, until(&mut self.0, Vec::new(), end)).await;
        let read = read.expect("an answer in time");
        String::from_utf8_lossy(&read.unwrap_or_default()).into_owned()
    }

    /// Everything until the gateway closes the connection.
    pub(super) async fn rest(&mut self) -> String {
        let mut read = Vec::new();
        let ended = timeout(PATIENCE, self.0.read_to_end(&mut read)).await;
        // A reset after the answer is an end as well.
        let _ended = ended.expect("the connection ends in time");
        String::from_utf8_lossy(&read).into_owned()
    }
}
