//! What one request meets at the gateway.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::client::{Client, get};
use super::topology::{BLUE, GREEN, Plan, Topology};
use crate::data_plane::Application;
use crate::desired::Certificate;
use crate::faults::Sickness;
use crate::ledger::{Attempt, Fault};

#[tokio::test]
async fn a_request_reaches_an_instance_and_every_ledger() {
    let topology = Topology::build(Plan::default(), &[GREEN]).await;
    let mut client = Client::connect(topology.socket()).await;
    let request = Request::get("/").header("x-request-id", "17");
    let got = client.send(request, Bytes::new()).await.expect("an answer");
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.header("x-build-id"), "green");
    assert_eq!(got.header("x-request-id"), "17");
    assert!(got.header("x-instance").starts_with("green_"));
    let ledgers = topology.live.drain_ledgers();
    let [attempt] = ledgers.gateway.as_slice() else {
        panic!("one attempt, not {:?}", ledgers.gateway);
    };
    assert_eq!((attempt.id, attempt.member), (17, Some(GREEN)));
    assert_eq!(attempt.outcome, Attempt::Served { status: 200 });
    let [execution] = ledgers.instances.as_slice() else {
        panic!("one execution, not {:?}", ledgers.instances);
    };
    assert_eq!((execution.id, execution.status), (17, Some(200)));
    topology.live.shutdown().await;
}

#[tokio::test]
async fn members_take_turns_on_one_connection() {
    let topology = Topology::build(Plan::default(), &[GREEN, BLUE]).await;
    let mut client = Client::connect(topology.socket()).await;
    let mut builds = Vec::new();
    for _request in 0..4 {
        let got = client.get("/").await.expect("an answer");
        builds.push(got.header("x-build-id").to_owned());
    }
    builds.sort();
    assert_eq!(builds, ["blue", "blue", "green", "green"]);
    topology.live.shutdown().await;
}

#[tokio::test]
async fn an_empty_pool_is_a_502_page() {
    let topology = Topology::build(Plan::default(), &[]).await;
    let got = get(topology.socket(), "/").await.expect("an answer");
    assert_eq!(got.status, StatusCode::BAD_GATEWAY);
    assert_eq!(
        got.header("server"),
        "Microsoft-Azure-Application-Gateway/v2"
    );
    let ledgers = topology.live.drain_ledgers();
    let failed = Attempt::Failed {
        fault: Fault::NoHealthyMember,
        status: 502,
    };
    assert_eq!(ledgers.gateway[0].outcome, failed);
    topology.live.shutdown().await;
}

#[tokio::test]
async fn a_member_that_hangs_is_a_504_after_the_request_time_out() {
    let plan = Plan {
        request_timeout: Duration::from_secs(10),
        ..Plan::default()
    };
    let topology = Topology::build(plan, &[GREEN]).await;
    let got = get(topology.socket(), "/slow?ms=60000").await;
    assert_eq!(got.expect("an answer").status, StatusCode::GATEWAY_TIMEOUT);
    topology.live.shutdown().await;
}

#[tokio::test]
async fn an_upload_arrives_whole() {
    let topology = Topology::build(Plan::default(), &[GREEN]).await;
    let mut client = Client::connect(topology.socket()).await;
    let body = Bytes::from(vec![b'a'; 300_000]);
    let got = client.send(Request::post("/upload"), body).await;
    let got = got.expect("an answer");
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.header("x-body-length"), "300000");
    let download = client.get("/bytes?n=300000").await.expect("an answer");
    assert_eq!(download.body.len(), 300_000);
    topology.live.shutdown().await;
}

#[tokio::test]
async fn the_affinity_cookie_keeps_a_client_at_its_side() {
    let plan = Plan {
        affinity: Some("ApplicationGatewayAffinity".to_owned()),
        ..Plan::default()
    };
    let topology = Topology::build(plan, &[GREEN, BLUE]).await;
    let mut client = Client::connect(topology.socket()).await;
    let first = client.get("/").await.expect("an answer");
    let cookie = first
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap_or_default();
    assert!(cookie.starts_with("ApplicationGatewayAffinity="));
    for _request in 0..4 {
        let request = Request::get("/").header("cookie", cookie);
        let got = client.send(request, Bytes::new()).await.expect("an answer");
        assert_eq!(got.header("x-build-id"), first.header("x-build-id"));
        assert_eq!(got.header("set-cookie"), "");
    }
    topology.live.shutdown().await;
}

#[tokio::test]
async fn a_sick_build_is_seen_through_the_gateway() {
    let plan = Plan {
        application: Application {
            sickness: Some(Sickness::ErrorsBehindHealthyProbe),
            ..Plan::default().application
        },
        ..Plan::default()
    };
    let topology = Topology::build(plan, &[GREEN]).await;
    let got = get(topology.socket(), "/").await.expect("an answer");
    assert_eq!(got.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(got.header("x-build-id"), "green");
    topology.live.shutdown().await;
}

#[tokio::test]
async fn tls_ends_at_the_gateway() {
    let made = rcgen::generate_simple_self_signed(vec!["app.contoso.com".to_owned()]);
    let made = made.expect("a self-signed certificate can be made");
    let plan = Plan {
        certificate: Some(Certificate {
            chain: vec![made.cert.der().to_vec()],
            key: made.signing_key.serialize_der(),
        }),
        ..Plan::default()
    };
    let topology = Topology::build(plan, &[GREEN]).await;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(topology.socket())
        .await
        .expect("it listens");
    let name = ServerName::try_from("app.contoso.com").expect("a host name");
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await;
    let mut client = Client::over(stream.expect("the certificate is trusted")).await;
    let got = client.get("/").await.expect("an answer");
    assert_eq!(got.header("x-build-id"), "green");
    topology.live.shutdown().await;
}
