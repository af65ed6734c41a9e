//! Pool edits under traffic: the reason this program exists.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use tokio::task::JoinSet;

use super::client::{Client, get};
use super::topology::{BLUE, GREEN, Plan, Topology};
use crate::drive::live::clock::pass;
use crate::event::Event;
use crate::ledger::Attempt;

/// Clients with a kept-alive connection each, sending every 10 ms until told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    clients: JoinSet<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    sent: u64,
    lost: Vec<String>,
    last_build: String,
}

impl Load {
    fn start(topology: &Topology, clients: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut set = JoinSet::new();
        for _client in 0..clients {
            let (stop, socket) = (Arc::clone(&stop), topology.socket());
            set.spawn(async move {
                let mut client = Client::connect(socket).await;
                let mut tally = Tally::default();
                while !stop.load(Ordering::SeqCst) {
                    tally.sent += 1;
                    match client.get("/").await {
                        Ok(got) if got.status == StatusCode::OK => {
                            got.header("x-build-id").clone_into(&mut tally.last_build);
                        }
                        Ok(got) => tally.lost.push(got.status.to_string()),
                        Err(error) => {
                            tally.lost.push(error.to_string());
                            break;
                        }
                    }
                    pass(Duration::from_millis(10)).await;
                }
                tally
            });
        }
        Self { stop, clients: set }
    }

    async fn stop(self) -> Vec<Tally> {
        self.stop.store(true, Ordering::SeqCst);
        self.clients.join_all().await
    }
}

async fn edit_and_wait(topology: &mut Topology, members: &[Ipv4Addr]) {
    topology.set_pool(members);
    topology.until(Topology::applied).await;
    pass(Duration::from_millis(200)).await;
}

#[tokio::test]
async fn pool_edits_under_load_lose_nothing_and_close_no_connection() {
    let mut topology = Topology::build(Plan::default(), &[GREEN]).await;
    let load = Load::start(&topology, 16);
    for members in [
        &[GREEN, BLUE][..],
        &[BLUE],
        &[GREEN, BLUE],
        &[GREEN],
        &[BLUE],
    ] {
        edit_and_wait(&mut topology, members).await;
    }
    // Old configurations keep their connections for at most the drain time-out, 0.6 s of wall clock.
    pass(Duration::from_millis(900)).await;
    let tallies = load.stop().await;
    let sent: u64 = tallies.iter().map(|tally| tally.sent).sum();
    assert!(sent > 500, "only {sent} requests were sent");
    for tally in tallies {
        assert_eq!(tally.lost, Vec::<String>::new());
        assert_eq!(tally.last_build, "blue");
    }
    topology.live.shutdown().await;
}

#[tokio::test]
async fn a_request_within_the_drain_time_out_is_finished_by_the_removed_member() {
    let plan = Plan {
        drain: Duration::from_secs(100),
        ..Plan::default()
    };
    let mut topology = Topology::build(plan, &[GREEN]).await;
    let socket = topology.socket();
    let slow = tokio::spawn(async move { get(socket, "/slow?ms=500").await });
    topology.until(in_flight).await;
    topology.set_pool(&[BLUE]);
    let got = slow.await.expect("the client lives").expect("an answer");
    assert_eq!(got.header("x-build-id"), "green");
    topology.until(Topology::applied).await;
    let next = get(socket, "/").await.expect("an answer");
    assert_eq!(next.header("x-build-id"), "blue");
    topology.live.shutdown().await;
}

#[tokio::test]
async fn what_is_left_when_the_drain_time_out_passes_is_cut() {
    let plan = Plan {
        drain: Duration::from_secs(5),
        ..Plan::default()
    };
    let mut topology = Topology::build(plan, &[GREEN]).await;
    let socket = topology.socket();
    let slow = tokio::spawn(async move { get(socket, "/slow?ms=60000").await });
    topology.until(in_flight).await;
    topology.set_pool(&[BLUE]);
    assert!(slow.await.expect("the client lives").is_err());
    let attempts = topology.live.drain_ledgers().gateway;
    assert!(attempts.iter().any(|entry| entry.outcome == Attempt::Cut));
    let events = topology.live.drain_events();
    let cut = events.iter().find_map(|timed| match timed.event {
        Event::DrainCut { address, cut, .. } => Some((address, cut)),
        _ => None,
    });
    assert_eq!(cut, Some((GREEN, 1)));
    topology.live.shutdown().await;
}

/// The knob's reading of a kept connection (F42), while the drain leaves room for it.
#[tokio::test]
async fn a_kept_connection_stays_with_the_configuration_it_was_opened_under() {
    let plan = Plan {
        drain: Duration::from_secs(3_600),
        request_timeout: Duration::from_secs(60),
        ..Plan::default()
    };
    let mut topology = Topology::build(plan, &[GREEN]).await;
    let mut kept = Client::connect(topology.socket()).await;
    kept.get("/").await.expect("an answer");
    topology.set_pool(&[BLUE]);
    topology.until(Topology::applied).await;
    let on_kept = kept.get("/").await.expect("an answer");
    assert_eq!(on_kept.header("x-build-id"), "green");
    let on_new = get(topology.socket(), "/").await.expect("an answer");
    assert_eq!(on_new.header("x-build-id"), "blue");
    topology.live.shutdown().await;
}

fn in_flight(topology: &Topology) -> bool {
    let views = topology.live.gateway_view();
    let mut members = views.iter().flat_map(|view| &view.members);
    members.any(|member| member.in_flight > 0)
}
