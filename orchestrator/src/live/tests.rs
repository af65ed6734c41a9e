//! The live environment against sockets of this machine.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers every connection with `answer` and ends it; `None` ends it without one.
async fn server(answer: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback has free ports");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let read = socket.read(&mut request).await;
            if let (Ok(_), Some(answer)) = (read, answer) {
                socket
                    .write_all(answer.as_bytes())
                    .await
                    .expect("the client reads");
            }
        }
    });
    address
}

fn world() -> LiveEnvironment {
    LiveEnvironment::new(Trust::authorities([]))
}

fn get(address: SocketAddr) -> http::Request<Bytes> {
    let request = http::Request::get(format!("http://{address}/x"));
    request.body(Bytes::new()).expect("the URL is well-formed")
}

const OK: &str = "HTTP/1.1 200 OK\r\nx-build-id: v1\r\ncontent-length: 2\r\n\r\n{}";

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let address = server(Some(OK)).await;
    let answer = world().arm(get(address)).await.expect("the server answers");
    assert_eq!(answer.headers()["x-build-id"], "v1");
    assert_eq!(answer.body().as_ref(), b"{}");
}

#[tokio::test]
async fn a_refused_connection_did_not_act_and_names_the_endpoint() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback has free ports");
    let address = free.local_addr().expect("a bound socket has an address");
    drop(free);
    let error = world().arm(get(address)).await.expect_err("nobody listens");
    assert!(
        matches!(error, TransportError::Unreachable { .. }),
        "{error}"
    );
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_connection_that_ends_without_an_answer_is_ambiguous() {
    for answer in [None, Some("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}")] {
        let address = server(answer).await;
        let error = world()
            .arm(get(address))
            .await
            .expect_err("the answer is not whole");
        assert!(matches!(error, TransportError::Lost { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_probe_reaches_an_address_of_the_cloud_through_its_socket() {
    let address = std::net::Ipv4Addr::new(20, 0, 0, 4);
    let listens = server(Some(OK)).await;
    let world = world().with_addresses([((address, 80), listens)].into_iter().collect());
    let probe = ProbeRequest {
        address,
        port: 80,
        tls: false,
        host: "app.internal".to_owned(),
        path: "/".to_owned(),
        timeout: Duration::from_secs(5),
    };
    let answer = world.probe(probe).await.expect("the server answers");
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .headers
            .contains(&("x-build-id".to_owned(), "v1".to_owned()))
    );
}

#[tokio::test]
async fn a_fast_clock_passes_twenty_seconds_in_one() {
    let world = world().with_speed(2_000.0);
    let until = world.now() + Duration::from_secs(100);
    world.sleep_until(until).await;
    assert!(world.now() >= until);
    assert!(
        world.now().0 < 100_000 * 200,
        "100 s of its clock are 50 ms of ours"
    );
}

#[tokio::test]
async fn an_interrupt_is_heard() {
    let world = world();
    assert!(!world.interrupted());
    world.interrupt().request();
    assert!(world.interrupted());
}

#[tokio::test]
async fn addresses_are_read_from_the_emulator() {
    let body = r#"[{"address":"20.0.0.4","port":80,"tls":false,"listens":"127.0.0.1:4711"}]"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let address = server(Some(answer.leak())).await;
    let mut world = world();
    let loaded = world.load_addresses(&format!("http://{address}/")).await;
    assert!(loaded.is_ok(), "{loaded:?}");
    let cloud = std::net::Ipv4Addr::new(20, 0, 0, 4);
    assert_eq!(world.addresses.socket(cloud, 80).port(), 4711);
}
