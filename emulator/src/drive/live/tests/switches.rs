//! Switch after switch under open-loop load: nothing lost, no connection closed.
//!
//! Few switches at a moderate rate by default, because every check runs them. `benches/switches.sh`
//! runs a thousand at 3,000 requests a second and holds them to the longest gap as well.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use tokio::task::JoinSet;
use tokio::time::Instant as Wall;

use super::client::{Client, get};
use super::topology::{BLUE, GREEN, Plan, Topology};
use crate::data_plane::{Application, ServiceTime, Shape};
use crate::drive::live::clock::{pass, wall_now};

/// How the run is to be; the environment may ask for more.
#[derive(Clone, Copy, Debug)]
struct Run {
    switches: u32,
    /// Requests a second.
    rate: u32,
    /// The longest that no answer may come; not held to where the machine is shared.
    gap: Option<Duration>,
}

impl Run {
    fn asked() -> Self {
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        Self {
            switches: number("TURQUOISE_SWITCHES").unwrap_or(100),
            rate: number("TURQUOISE_RATE").unwrap_or(1_000),
            gap: number("TURQUOISE_GAP_MS").map(|ms| Duration::from_millis(ms.into())),
        }
    }
}

/// Clients with a kept connection each, of which every `NEW`th opens one per request instead.
const CLIENTS: u32 = 64;
const NEW: u32 = 8;

/// What all clients saw.
#[derive(Debug)]
struct Seen {
    began: Wall,
    stop: AtomicBool,
    answered: AtomicU64,
    /// When the last answer came, in microseconds since the begin, and the longest without one.
    last: AtomicU64,
    gap: AtomicU64,
}

impl Seen {
    fn answered(&self) {
        let now = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let last = self.last.fetch_max(now, Ordering::SeqCst);
        self.gap
            .fetch_max(now.saturating_sub(last), Ordering::SeqCst);
        self.answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// Sends when a request is due, whatever became of the one before. Returns what it lost.
async fn client(number: u32, run: Run, gateway: SocketAddr, seen: Arc<Seen>) -> Vec<String> {
    let every = Duration::from_secs(1) * CLIENTS / run.rate;
    let mut due = seen.began + every * number / CLIENTS;
    let mut kept = Client::connect(gateway).await;
    let mut lost = Vec::new();
    while !seen.stop.load(Ordering::SeqCst) {
        pass(due.saturating_duration_since(wall_now())).await;
        due += every;
        let got = if number.is_multiple_of(NEW) {
            get(gateway, "/").await
        } else {
            kept.get("/").await
        };
        match got {
            Ok(got) if got.status == StatusCode::OK => seen.answered(),
            Ok(got) => lost.push(got.status.to_string()),
            Err(error) => {
                lost.push(error.to_string());
                kept = Client::connect(gateway).await;
            }
        }
    }
    lost
}

fn plan() -> Plan {
    Plan {
        application: Application {
            service_time: ServiceTime {
                mean: Duration::from_millis(10),
                shape: Shape::Constant,
            },
            workers: 64,
            ..Plan::default().application
        },
        ..Plan::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switch_after_switch_under_load_loses_nothing_on_sockets() {
    let run = Run::asked();
    let mut topology = Topology::build(plan(), &[GREEN]).await;
    let seen = Arc::new(Seen {
        began: wall_now(),
        stop: AtomicBool::new(false),
        answered: AtomicU64::new(0),
        last: AtomicU64::new(0),
        gap: AtomicU64::new(0),
    });
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(client(number, run, topology.socket(), Arc::clone(&seen)));
    }
    for switch in 0..run.switches {
        let member = if switch % 2 == 0 { BLUE } else { GREEN };
        topology.write_pool(&[member], Duration::ZERO);
        topology.until(Topology::applied).await;
        // Some requests go by the new table before the next one comes.
        pass(Duration::from_millis(20)).await;
        drop((topology.live.drain_ledgers(), topology.live.drain_events()));
    }
    seen.stop.store(true, Ordering::SeqCst);
    let lost: Vec<String> = clients.join_all().await.into_iter().flatten().collect();
    let answered = seen.answered.load(Ordering::SeqCst);
    let gap = Duration::from_micros(seen.gap.load(Ordering::SeqCst));
    let outcome = format!(
        "{} switches, {answered} answered, {} lost, longest gap {gap:?}",
        run.switches,
        lost.len()
    );
    assert!(lost.is_empty(), "{outcome}: {lost:?}");
    assert!(answered > u64::from(run.switches), "{outcome}");
    assert!(run.gap.is_none_or(|limit| gap < limit), "{outcome}");
    if let Ok(file) = std::env::var("TURQUOISE_SWITCHES_REPORT") {
        std::fs::write(file, outcome + "\n").expect("the report can be written");
    }
    topology.live.shutdown().await;
}
