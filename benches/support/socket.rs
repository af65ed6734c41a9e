//! Requests as bytes over kept loopback connections: the cheapest client there is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Connections at once, as in the baselines' measurements.
pub(crate) const CONNECTIONS: u64 = 8;

/// How long many requests take on [`CONNECTIONS`] connections.
#[expect(clippy::disallowed_methods, reason = "a bench measures the wall clock")]
pub(crate) fn on_connections(address: SocketAddr, request: &[u8], times: u64) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let share = times / CONNECTIONS + u64::from(connection < times % CONNECTIONS);
            scope.spawn(move || exchange(address, request, share));
        }
    });
    start.elapsed()
}

/// Sends the same bytes, one after the other, and reads each answer whole.
fn exchange(address: SocketAddr, request: &[u8], times: u64) {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    let mut writer = stream.try_clone().expect("a socket");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    for _ in 0..times {
        writer.write_all(request).expect("it reads");
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line).expect("it answers");
            let header = line.trim_end().to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length: ") {
                length = value.parse().expect("a number");
            }
            if header.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the whole answer");
    }
}
