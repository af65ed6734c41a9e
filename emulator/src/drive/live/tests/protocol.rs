//! Clients that behave, in literal bytes: changes of protocol, streams, expectations, HTTP/2.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::raw::{Member, Raw, Script};
use super::topology::{BLUE, GREEN, Plan, Topology};
use crate::desired::{Certificate, Rewrite, RewriteRule, UrlRewrite};
use crate::ledger::Attempt;

async fn behind(script: Script) -> (Topology, Member) {
    let member = Member::start(script).await;
    let plan = Plan {
        backend: Some(member.address),
        ..Plan::default()
    };
    (Topology::build(plan, &[GREEN]).await, member)
}

const UPGRADE: &[u8] =
    b"GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n";

#[tokio::test]
async fn a_change_of_protocol_passes_bytes_both_ways_until_either_side_ends() {
    let (topology, mut member) = behind(Script::Echo).await;
    // What is said before the answer is not lost.
    let mut client = Raw::say(topology.socket(), &[UPGRADE, b"early "].concat()).await;
    let head = client.until(b"\r\n\r\n").await;
    assert!(
        head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{head}"
    );
    assert!(head.contains("upgrade: echo\r\n"), "{head}");
    let asked = member.asked().await;
    assert!(
        asked.contains("connection: upgrade\r\nupgrade: echo\r\n"),
        "{asked}"
    );
    client.write(b"and late").await;
    let mut said = head
        .split_once("\r\n\r\n")
        .map_or("", |(_, rest)| rest)
        .to_owned();
    while said.len() < "early and late".len() {
        said += &client.until(b"e").await;
    }
    assert!(said.starts_with("early and late"), "{said}");
    drop(client);
    topology.until(|t| in_flight(t) == 0).await;
    let ended = topology.live.drain_ledgers().gateway;
    assert_eq!(ended[0].outcome, Attempt::Served { status: 101 });
    topology.live.shutdown().await;
}

#[tokio::test]
async fn a_drain_waits_for_an_open_tunnel_and_then_cuts_it() {
    let member = Member::start(Script::Echo).await;
    let plan = Plan {
        backend: Some(member.address),
        drain: Duration::from_secs(10),
        ..Plan::default()
    };
    let mut topology = Topology::build(plan, &[GREEN]).await;
    let mut client = Raw::say(topology.socket(), UPGRADE).await;
    client.until(b"\r\n\r\n").await;
    topology.set_pool(&[BLUE]);
    topology.until(Topology::applied).await;
    assert_eq!(in_flight(&topology), 1);
    assert_eq!(client.rest().await, "");
    let attempts = topology.live.drain_ledgers().gateway;
    assert_eq!(attempts[0].outcome, Attempt::Cut);
    topology.live.shutdown().await;
}

#[tokio::test]
async fn what_a_member_streams_reaches_its_client_piece_by_piece() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                 transfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
    let (topology, _member) = behind(Script::Keep(head)).await;
    let mut client = Raw::say(topology.socket(), b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // The member keeps the connection and never ends its answer.
    let answer = client.until(b"data: 1\n\n").await;
    assert!(
        answer.contains("content-type: text/event-stream\r\n"),
        "{answer}"
    );
    topology.live.shutdown().await;
}

#[tokio::test]
async fn what_a_client_streams_reaches_its_member_before_it_is_complete() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let (topology, mut member) = behind(Script::Await(b"first", answer)).await;
    let head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
    let mut client = Raw::say(topology.socket(), head).await;
    let asked = member.asked().await;
    assert!(asked.contains("transfer-encoding: chunked\r\n"), "{asked}");
    assert!(asked.ends_with("5\r\nfirst\r\n"), "{asked}");
    // Answered before the upload has ended.
    let answer = client.until(b"ok").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    topology.live.shutdown().await;
}

#[tokio::test]
async fn an_expectation_is_met_by_the_gateway() {
    let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n";
    let (topology, mut member) = behind(Script::Await(b"body!", answer)).await;
    let head = b"PUT /x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    let mut client = Raw::say(topology.socket(), head).await;
    let interim = client.until(b"\r\n\r\n").await;
    assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write(b"body!").await;
    let answer = client.until(b"\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    let asked = member.asked().await;
    assert!(!asked.contains("expect"), "{asked}");
    topology.live.shutdown().await;
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let answer = b"HTTP/1.1 200 OK\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n\
                   2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n";
    let (topology, _member) = behind(Script::Keep(answer)).await;
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n";
    let mut client = Raw::say(topology.socket(), request).await;
    let answer = client.until(b"x-sum: 7\r\n\r\n").await;
    assert!(answer.contains("2\r\nok\r\n0\r\n"), "{answer}");
    topology.live.shutdown().await;
}

#[tokio::test]
async fn a_pipeline_is_answered_in_order() {
    let (topology, _member) = behind(Script::Keep(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ))
    .await;
    let one = b"GET /1 HTTP/1.1\r\nhost: a\r\n\r\n";
    let last = b"GET /2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut client = Raw::say(topology.socket(), &[&one[..], one, last].concat()).await;
    let answers = client.rest().await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
    topology.live.shutdown().await;
}

#[tokio::test]
async fn rewrite_rules_change_what_passes() {
    let answer = b"HTTP/1.1 200 OK\r\nserver: secret\r\ncontent-length: 2\r\n\r\nok";
    let mut member = Member::start(Script::Keep(answer)).await;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let rule = RewriteRule {
        conditions: Vec::new(),
        request_headers: vec![
            pair("X-Forwarded-For", "{var_add_x_forwarded_for_proxy}"),
            pair("Accept", ""),
            pair("Content-Length", "9"),
        ],
        answer_headers: vec![pair("Server", ""), pair("X-Path", "{var_uri_path}")],
        url: Some(UrlRewrite {
            path: Some("/new{var_uri_path}".to_owned()),
            query: None,
            reroute: false,
        }),
    };
    let plan = Plan {
        backend: Some(member.address),
        rewrites: vec![Rewrite { rules: vec![rule] }],
        ..Plan::default()
    };
    let topology = Topology::build(plan, &[GREEN]).await;
    let request = b"GET /a?b=c HTTP/1.1\r\nhost: a\r\naccept: */*\r\n\r\n";
    let mut client = Raw::say(topology.socket(), request).await;
    let answer = client.until(b"ok").await;
    assert!(answer.contains("x-path: /a\r\n"), "{answer}");
    assert!(!answer.contains("secret"), "{answer}");
    let asked = member.asked().await;
    assert!(asked.starts_with("GET /new/a?b=c HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("x-forwarded-for: 127.0.0.1\r\n"), "{asked}");
    assert!(asked.contains("x-original-url: /a?b=c\r\n"), "{asked}");
    for gone in ["accept:", "content-length:"] {
        assert!(!asked.contains(gone), "{gone} in {asked}");
    }
    topology.live.shutdown().await;
}

fn in_flight(topology: &Topology) -> u64 {
    let views = topology.live.gateway_view();
    let members = views.iter().flat_map(|view| &view.members);
    members.map(|member| member.in_flight).sum()
}

/// A gateway with a certificate, and the client side of a TLS connection to it.
async fn over_tls(
    plan: Plan,
    offers: &[&[u8]],
) -> (Topology, tokio_rustls::client::TlsStream<TcpStream>) {
    let made = rcgen::generate_simple_self_signed(vec!["app.contoso.com".to_owned()]);
    let made = made.expect("a self-signed certificate can be made");
    let plan = Plan {
        certificate: Some(Certificate {
            chain: vec![made.cert.der().to_vec()],
            key: made.signing_key.serialize_der(),
        }),
        ..plan
    };
    let topology = Topology::build(plan, &[GREEN]).await;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = offers.iter().map(|offer| offer.to_vec()).collect();
    let stream = TcpStream::connect(topology.socket()).await;
    let stream = stream.expect("it listens");
    let name = ServerName::try_from("app.contoso.com").expect("a host name");
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await;
    (topology, stream.expect("the certificate is trusted"))
}

type Sender = http2::SendRequest<Full<Bytes>>;

async fn http_2(plan: Plan) -> (Topology, Sender) {
    let (topology, stream) = over_tls(plan, &[b"h2", b"http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (sender, connection) = handshake.expect("it speaks HTTP/2");
    tokio::spawn(connection);
    (topology, sender)
}

async fn ask(sender: &Sender, path: &str, body: Bytes) -> Result<Response<Bytes>, hyper::Error> {
    let uri = format!("https://app.contoso.com{path}");
    let request = Request::post(uri).body(Full::new(body));
    let response = sender
        .clone()
        .send_request(request.expect("a valid request"))
        .await?;
    let (head, body) = response.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

#[tokio::test]
async fn http_2_over_tls_carries_requests_that_overlap() {
    let (topology, sender) = http_2(Plan::default()).await;
    let slow = tokio::spawn({
        let sender = sender.clone();
        async move { ask(&sender, "/slow?ms=400", Bytes::new()).await }
    });
    topology.until(|t| in_flight(t) == 1).await;
    let body = Bytes::from(vec![b'a'; 200_000]);
    let got = ask(&sender, "/upload", body).await.expect("an answer");
    assert_eq!(got.status(), StatusCode::OK);
    assert_eq!(got.headers()["x-body-length"], "200000");
    assert_eq!(in_flight(&topology), 1, "the slow one is still under way");
    let download = ask(&sender, "/bytes?n=300000", Bytes::new())
        .await
        .expect("an answer");
    assert_eq!(download.body().len(), 300_000);
    let slow = slow.await.expect("it lives").expect("an answer");
    assert_eq!(slow.status(), StatusCode::OK);
    topology.live.shutdown().await;
}

#[tokio::test]
async fn a_cut_ends_one_request_of_http_2_and_not_its_connection() {
    let plan = Plan {
        drain: Duration::from_secs(10),
        ..Plan::default()
    };
    let (mut topology, sender) = http_2(plan).await;
    let slow = tokio::spawn({
        let sender = sender.clone();
        async move { ask(&sender, "/slow?ms=60000", Bytes::new()).await }
    });
    topology.until(|t| in_flight(t) == 1).await;
    topology.set_pool(&[BLUE]);
    slow.await.expect("it lives").expect_err("it is cut");
    let next = ask(&sender, "/", Bytes::new()).await.expect("an answer");
    assert_eq!(next.headers()["x-build-id"], "blue");
    let attempts = topology.live.drain_ledgers().gateway;
    assert!(attempts.iter().any(|entry| entry.outcome == Attempt::Cut));
    topology.live.shutdown().await;
}

/// The real tool, where this machine has it: versions, an upload with its expectation, a download.
#[tokio::test]
async fn curl_speaks_both_versions() {
    let (topology, stream) = over_tls(Plan::default(), &[b"http/1.1"]).await;
    drop(stream);
    let url = format!("https://{}", topology.socket());
    for (version, path, told) in [
        ("--http1.1", "/", "1.1 200 "),
        ("--http2", "/bytes?n=300000", "2 200 300000"),
        ("--http2", "/upload", "2 200 "),
    ] {
        let mut curl = tokio::process::Command::new("curl");
        curl.args(["--silent", "--insecure", "--output", "/dev/null", version])
            .args([
                "--write-out",
                "%{http_version} %{http_code} %{size_download}",
            ])
            .arg(format!("{url}{path}"));
        if path == "/upload" {
            curl.args(["--data-binary", &"x".repeat(100_000)]);
        }
        let ended = curl.kill_on_drop(true).output().await;
        let Ok(ended) = ended else {
            // A machine without curl checks the same with hyper above.
            break;
        };
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(said.starts_with(told), "{version} {path}: {said}");
    }
    topology.live.shutdown().await;
}

#[tokio::test]
async fn a_client_that_offers_only_http_1_gets_it() {
    let (topology, stream) = over_tls(Plan::default(), &[b"http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    topology.live.shutdown().await;
}
