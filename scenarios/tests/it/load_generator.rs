//! The live load generator against small servers with known faults: what it reports must be what
//! they did (failure-catalogue.md C.8).

#![expect(
    clippy::disallowed_methods,
    reason = "servers and clients on real sockets live in wall time"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Wall};

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use turquoise_emulator::ledger::{ClientEntry, ConnectionClass, RequestClass, Seen};
use turquoise_emulator::{Instant, Seed};
use turquoise_scenarios::clients::live::{LoadConfig, LoadGenerator, Recorded, TlsTarget};
use turquoise_scenarios::clients::profile::{Profile, Share};

/// What a server does with the request of this number.
#[derive(Clone, Copy, Debug)]
enum Does {
    Answers,
    AnswersThenCloses,
    Truncates,
    Resets,
    WaitsThenAnswers(Duration),
    Fails,
    Corrupts,
}

type Script = Arc<dyn Fn(u64) -> Does + Send + Sync>;

/// A server that follows a script, one decision per request; returns where it listens.
async fn server(script: impl Fn(u64) -> Does + Send + Sync + 'static) -> SocketAddr {
    serve(Arc::new(script), None).await
}

async fn serve(script: Script, tls: Option<TlsAcceptor>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    let count = Arc::new(AtomicU64::new(0));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (script, count, tls) = (Arc::clone(&script), Arc::clone(&count), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => connection(stream, &script, &count).await,
                    Some(tls) => {
                        let stream = tls.accept(stream).await.expect("a handshake");
                        connection(stream, &script, &count).await;
                    }
                }
            });
        }
    });
    address
}

async fn connection<S>(mut stream: S, script: &Script, count: &AtomicU64)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(id) = read_request(&mut stream).await {
        let does = script(count.fetch_add(1, Ordering::Relaxed));
        if let Does::WaitsThenAnswers(pause) = does {
            tokio::time::sleep(pause).await;
        }
        let (status, length) = match does {
            Does::Resets => return,
            Does::Truncates => ("200 OK", 10),
            Does::Fails => ("502 Bad Gateway", 2),
            _ => ("200 OK", 2),
        };
        // FNV-1a of what is sent; another body's where the server corrupts.
        let digest = if matches!(does, Does::Corrupts) {
            "cbf29ce484222325"
        } else {
            "08b05d07b5566bef"
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nx-build-id: v1\r\nx-request-id: {id}\r\nx-checksum: {digest}\r\n\r\nok"
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        if matches!(does, Does::Truncates | Does::AnswersThenCloses) {
            return;
        }
    }
}

/// Reads a request with its body; its `x-request-id`.
async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut read = Vec::new();
    let head = loop {
        let mut piece = [0; 4096];
        let length = stream
            .read(&mut piece)
            .await
            .ok()
            .filter(|length| *length > 0)?;
        read.extend_from_slice(&piece[..length]);
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let text = String::from_utf8_lossy(&read[..head]).to_lowercase();
    let header = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    };
    let body: usize =
        header("content-length").map_or(0, |length| length.parse().expect("a length"));
    let mut left = (head + 4 + body).saturating_sub(read.len());
    while left > 0 {
        let mut piece = [0; 4096];
        left = left.saturating_sub(
            stream
                .read(&mut piece)
                .await
                .ok()
                .filter(|length| *length > 0)?,
        );
    }
    header("x-request-id")
}

fn only(class: RequestClass, connection: ConnectionClass, rate: f64) -> Profile {
    let mix = vec![Share {
        class,
        connection,
        weight: 1,
    }];
    Profile {
        mix,
        patience_ms: 2000,
        upload_ms: (20, 40),
        long_ms: (1, 2),
        ..Profile::rehearsal(rate)
    }
}

fn clock() -> impl Fn() -> Instant + Send + Sync + 'static {
    let began = Wall::now();
    move || Instant::ZERO + began.elapsed()
}

/// Runs load until `requests` have been sent.
async fn load(config: LoadConfig, requests: u64) -> Recorded {
    load_by(clock(), config, requests).await
}

async fn load_by(
    clock: impl Fn() -> Instant + Send + Sync + 'static,
    config: LoadConfig,
    requests: u64,
) -> Recorded {
    let generator = LoadGenerator::start(config, clock).expect("a good configuration");
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    while generator.stats().sent < requests {
        tick.tick().await;
    }
    let recorded = generator.stop().await;
    assert_eq!(
        recorded.sent,
        recorded.clients.len() as u64,
        "what was sent has ended"
    );
    recorded
}

fn plain(target: SocketAddr, profile: Profile) -> LoadConfig {
    LoadConfig::new(target, "shop.test", profile, Seed::new(1))
}

fn count(recorded: &Recorded, wanted: impl Fn(&ClientEntry) -> bool) -> usize {
    recorded
        .clients
        .iter()
        .filter(|entry| wanted(entry))
        .count()
}

fn is_ok(entry: &ClientEntry) -> bool {
    matches!(
        entry.seen,
        Seen::Answer {
            status: 200,
            build: Some(0),
            complete: true
        }
    )
}

#[tokio::test]
async fn every_kind_of_request_is_served_and_accounted_for() {
    let target = server(|_| Does::Answers).await;
    let profile = Profile {
        upload_ms: (20, 40),
        long_ms: (1, 2),
        ..Profile::rehearsal(1000.0)
    };
    let recorded = load(plain(target, profile), 1000).await;
    assert_eq!(count(&recorded, is_ok), recorded.clients.len());
    assert_eq!(recorded.builds, ["v1"]);
    for class in [
        RequestClass::Short,
        RequestClass::Write,
        RequestClass::Long,
        RequestClass::Upload,
    ] {
        assert!(
            count(&recorded, |entry| entry.class == class) > 0,
            "some are {class:?}"
        );
    }
}

#[tokio::test]
async fn a_reset_after_sending_is_a_loss_and_is_never_sent_again() {
    let target = server(|number| {
        if number % 100 == 99 {
            Does::Resets
        } else {
            Does::Answers
        }
    })
    .await;
    let profile = only(RequestClass::Short, ConnectionClass::Reused, 1000.0);
    let recorded = load(plain(target, profile), 1000).await;
    let resets = count(&recorded, |entry| entry.seen == Seen::Reset);
    let expected = recorded.clients.len() / 100;
    assert_eq!(resets, expected, "one of a hundred, as the server did");
}

#[tokio::test]
async fn a_kept_connection_closed_while_idle_costs_no_request() {
    let target = server(|_| Does::AnswersThenCloses).await;
    // Slow enough that the close has arrived before the next request is due.
    let profile = only(RequestClass::Short, ConnectionClass::Reused, 50.0);
    let recorded = load(plain(target, profile), 25).await;
    assert_eq!(count(&recorded, is_ok), recorded.clients.len());
}

#[tokio::test]
async fn an_answer_cut_short_is_not_complete() {
    let target = server(|_| Does::Truncates).await;
    let recorded = load(
        plain(
            target,
            only(RequestClass::Short, ConnectionClass::New, 500.0),
        ),
        20,
    )
    .await;
    let truncated = |entry: &ClientEntry| {
        matches!(
            entry.seen,
            Seen::Answer {
                status: 200,
                complete: false,
                ..
            }
        )
    };
    assert_eq!(count(&recorded, truncated), recorded.clients.len());
}

#[tokio::test]
async fn an_answer_of_the_right_length_with_other_bytes_is_not_complete() {
    let target = server(|_| Does::Corrupts).await;
    let profile = only(RequestClass::Short, ConnectionClass::Reused, 500.0);
    let recorded = load(plain(target, profile), 20).await;
    assert_eq!(count(&recorded, is_ok), 0, "whatever the status says (H04)");
}

#[tokio::test]
async fn an_error_status_is_seen_as_it_came() {
    let target = server(|_| Does::Fails).await;
    let recorded = load(
        plain(
            target,
            only(RequestClass::Write, ConnectionClass::Reused, 500.0),
        ),
        20,
    )
    .await;
    let failed = |entry: &ClientEntry| {
        matches!(
            entry.seen,
            Seen::Answer {
                status: 502,
                complete: true,
                ..
            }
        )
    };
    assert_eq!(count(&recorded, failed), recorded.clients.len());
}

#[tokio::test]
async fn nobody_listening_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let target = listener.local_addr().expect("bound");
    drop(listener);
    let recorded = load(
        plain(
            target,
            only(RequestClass::Short, ConnectionClass::New, 500.0),
        ),
        20,
    )
    .await;
    assert_eq!(
        count(&recorded, |entry| entry.seen == Seen::Refused),
        recorded.clients.len()
    );
}

#[tokio::test]
async fn a_total_stop_delays_every_request_that_falls_due_in_it() {
    // H01: 300 ms of stop at 500 requests a second concerns 150 requests, the first of them for
    // all of it; a closed loop would report one.
    let began = Wall::now();
    let stop = Duration::from_millis(200)..Duration::from_millis(500);
    let (from, until) = (stop.start, stop.end);
    let target = server(move |_| {
        let now = began.elapsed();
        if stop.contains(&now) {
            Does::WaitsThenAnswers(until - now)
        } else {
            Does::Answers
        }
    })
    .await;
    let recorded = load(
        plain(
            target,
            only(RequestClass::Short, ConnectionClass::Reused, 500.0),
        ),
        350,
    )
    .await;
    assert_eq!(count(&recorded, is_ok), recorded.clients.len());
    let slow = count(&recorded, |entry| {
        entry.ended.since(entry.due) > Duration::from_millis(30)
    });
    assert!(
        slow >= 120,
        "{slow} requests waited in a stop from {from:?} to {until:?}"
    );
}

#[tokio::test]
async fn patience_ends_a_request_that_nobody_answers() {
    let target = server(|_| Does::WaitsThenAnswers(Duration::from_secs(60))).await;
    let profile = Profile {
        patience_ms: 50,
        ..only(RequestClass::Short, ConnectionClass::New, 200.0)
    };
    let recorded = load(plain(target, profile), 10).await;
    assert_eq!(
        count(&recorded, |entry| entry.seen == Seen::TimedOut),
        recorded.clients.len()
    );
}

#[tokio::test]
async fn requests_beyond_the_bound_are_the_clients_own_aborts() {
    let target = server(|_| Does::WaitsThenAnswers(Duration::from_millis(300))).await;
    let profile = only(RequestClass::Short, ConnectionClass::New, 500.0);
    let recorded = load(
        LoadConfig {
            max_in_flight: 5,
            ..plain(target, profile)
        },
        50,
    )
    .await;
    let aborted = count(&recorded, |entry| entry.seen == Seen::Aborted);
    assert!(
        (20..50).contains(&aborted),
        "{aborted} of {} were not sent",
        recorded.sent
    );
    assert_eq!(count(&recorded, is_ok) + aborted, recorded.clients.len());
}

#[tokio::test]
async fn tls_is_checked_against_the_given_root() {
    let key = rcgen::generate_simple_self_signed(vec!["shop.test".to_owned()]).expect("a key");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .expect("a certificate");
    let script: Script = Arc::new(|_| Does::Answers);
    let target = serve(script, Some(TlsAcceptor::from(Arc::new(config)))).await;
    let tls = TlsTarget {
        roots: vec![key.cert.der().to_vec()],
        server_name: "shop.test".to_owned(),
    };
    let profile = only(RequestClass::Short, ConnectionClass::New, 200.0);
    let recorded = load(
        LoadConfig {
            tls: Some(tls),
            ..plain(target, profile)
        },
        20,
    )
    .await;
    assert_eq!(count(&recorded, is_ok), recorded.clients.len());
}

#[tokio::test]
async fn time_stamps_are_cloud_time_when_the_cloud_runs_faster() {
    let target = server(|_| Does::WaitsThenAnswers(Duration::from_millis(20))).await;
    let began = Wall::now();
    let fast = move || Instant::ZERO + began.elapsed() * 20;
    let profile = only(RequestClass::Short, ConnectionClass::Reused, 200.0);
    let config = LoadConfig {
        speed: 20.0,
        ..plain(target, profile)
    };
    let recorded = load_by(fast, config, 10).await;
    let first = recorded
        .clients
        .iter()
        .min_by_key(|entry| entry.id)
        .expect("some");
    assert!(
        first.ended.since(first.due) >= Duration::from_millis(400),
        "20 ms are 400 ms of cloud time"
    );
}
