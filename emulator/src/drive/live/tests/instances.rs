//! What an instance's end does to what it serves.

use http::StatusCode;

use super::client::{Client, get};
use super::topology::{GREEN, Plan, Topology, address_of, gone};
use crate::drive::live::{Live, LiveOptions};
use crate::ledger::{Attempt, Fault};

#[tokio::test]
async fn an_instance_that_vanishes_cuts_what_it_serves() {
    let topology = Topology::build(Plan::default(), &[GREEN]).await;
    let socket = topology.socket();
    let slow = tokio::spawn(async move { get(socket, "/slow?ms=60000").await });
    topology
        .until(|t| {
            t.live
                .gateway_view()
                .iter()
                .any(|v| v.members[0].in_flight > 0)
        })
        .await;
    topology.apply(gone("green", 0));
    topology.apply(gone("green", 1));
    let got = slow.await.expect("the client lives").expect("an answer");
    assert_eq!(got.status, StatusCode::BAD_GATEWAY);
    let ledgers = topology.live.drain_ledgers();
    let stopped = ledgers.instances.iter().filter(|e| e.status.is_none());
    assert_eq!(stopped.count(), 1);
    assert!(ledgers.gateway.iter().any(|entry| entry.outcome
        == Attempt::Failed {
            fault: Fault::Reset,
            status: 502
        }));
    topology.live.shutdown().await;
}

#[tokio::test]
async fn a_load_balancer_is_reached_from_outside_too() {
    let topology = Topology::build(Plan::default(), &[]).await;
    let frontend = topology.live.frontend(GREEN, 80).expect("it listens");
    let got = get(frontend, "/").await.expect("an answer");
    assert_eq!(got.header("x-build-id"), "green");
    let instance = topology.live.frontend(address_of(GREEN, 0), 8_080);
    let got = get(instance.expect("it listens"), "/").await;
    assert_eq!(got.expect("an answer").header("x-instance"), "green_0");
    topology.live.shutdown().await;
}

#[tokio::test]
async fn shutdown_leaves_no_socket_behind() {
    let topology = Topology::build(Plan::default(), &[GREEN]).await;
    let addresses = topology.live.addresses();
    assert!(addresses.len() >= 6, "{addresses:?}");
    let mut client = Client::connect(topology.socket()).await;
    client.get("/").await.expect("an answer");
    topology.live.shutdown().await;
    for address in addresses {
        let refused = tokio::net::TcpStream::connect(address.listens).await;
        assert!(refused.is_err(), "{address:?} still listens");
    }
    assert!(client.get("/").await.is_err());
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let first = Live::start(LiveOptions::default()).await;
    let first = first.expect("free ports are there");
    let taken = first.arm_url().replace("http://", "");
    let options = LiveOptions {
        arm_address: taken.parse().expect("an address"),
        ..LiveOptions::default()
    };
    let refused = Live::start(options).await.expect_err("the port is taken");
    assert!(refused.to_string().contains(&taken), "{refused}");
    first.shutdown().await;
}
