//! The open-loop load generator over real sockets.
//!
//! Requests are sent when they are due, whatever became of those before, and latency counts from
//! that instant. Each is sent once: a kept connection that is found closed before a byte was
//! written is reopened, and anything after that is an outcome (H02). [`LoadGenerator::stop`] waits
//! for every request to end, so that what was sent and what ended agree (H05).

mod book;
mod connection;
mod exchange;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant as Wall;
use turquoise_emulator::ledger::{
    Build, ClientEntry, ConnectionClass, Contract, InstanceEntry, RequestId, Seen,
};
use turquoise_emulator::{Instant, Seed};

use self::book::Book;
use self::connection::{Dialer, Pool};
use self::exchange::Exchange;
use crate::clients::profile::{Planned, Planner, Profile};

pub use self::book::Stats;
pub use self::connection::LoadError;

/// What to put under load, and how.
#[derive(Clone, Debug)]
pub struct LoadConfig {
    /// Where the gateway listens.
    pub target: SocketAddr,
    /// How to speak TLS to it; plain HTTP when absent.
    pub tls: Option<TlsTarget>,
    /// The `Host` header.
    pub host: String,
    /// What clients do, in their own (wall) time.
    pub profile: Profile,
    /// Source of all draws.
    pub seed: Seed,
    /// Cloud seconds per wall second, to date requests by when they were due.
    pub speed: f64,
    /// Build names already numbered elsewhere; further ones are appended as answers name them.
    pub builds: Vec<String>,
    /// At most this many requests at once; one that is due beyond it is not sent and recorded as
    /// the client's own abort (H13).
    pub max_in_flight: u32,
}

impl LoadConfig {
    /// Load on a plain HTTP gateway in wall time.
    #[must_use]
    pub fn new(target: SocketAddr, host: &str, profile: Profile, seed: Seed) -> Self {
        Self {
            target,
            tls: None,
            host: host.to_owned(),
            profile,
            seed,
            speed: 1.0,
            builds: Vec::new(),
            // Two seconds of a total stop at 2,000 requests a second, and the file descriptors
            // that a default `ulimit -n` of 1024 to 4096 can bear with both ends in one process.
            max_in_flight: 4096,
        }
    }
}

/// How to speak TLS to the gateway.
#[derive(Clone, Debug)]
pub struct TlsTarget {
    /// The root certificates to trust, each in DER.
    pub roots: Vec<Vec<u8>>,
    /// The name that the certificate must carry.
    pub server_name: String,
}

/// What the generator wrote down.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The clients' ledger, in the order requests ended.
    pub clients: Vec<ClientEntry>,
    /// Requests that left the generator.
    pub sent: u64,
    /// Names of the builds in the ledger, by number.
    pub builds: Vec<String>,
}

impl Recorded {
    /// Numbers the builds of an instances' ledger, written with names of its own, as here.
    pub fn renumber(&mut self, instances: &mut [InstanceEntry], names: &[String]) {
        let numbers: Vec<Build> = names
            .iter()
            .map(|name| book::number(&mut self.builds, name))
            .collect();
        for entry in instances {
            if let Some(number) = numbers.get(usize::from(entry.build)) {
                entry.build = *number;
            }
        }
    }
}

/// A running load generator.
pub struct LoadGenerator {
    shared: Arc<Shared>,
    scheduler: JoinHandle<()>,
}

/// What the scheduler and every request share.
struct Shared {
    planner: Planner,
    dialer: Dialer,
    pool: Pool,
    host: HeaderValue,
    book: Book,
    slots: Arc<Semaphore>,
    max_in_flight: u32,
    stop: Notify,
    speed: f64,
    patience: Duration,
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
}

impl LoadGenerator {
    /// Starts sending; `clock` is cloud time. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`LoadError`] when the host, the server name or a root certificate cannot be read.
    pub fn start(
        config: LoadConfig,
        clock: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Result<Self, LoadError> {
        let permits = config.max_in_flight.max(1);
        let shared = Arc::new(Shared {
            dialer: Dialer::new(config.target, config.tls.as_ref())?,
            pool: Pool::new(config.profile.reused_clients),
            host: HeaderValue::from_str(&config.host).map_err(|source| LoadError::Host {
                host: config.host.clone(),
                source,
            })?,
            book: Book::new(config.builds),
            slots: Arc::new(Semaphore::new(permits as usize)),
            max_in_flight: permits,
            stop: Notify::new(),
            speed: config.speed,
            patience: Duration::from_millis(config.profile.patience_ms),
            planner: Planner::new(config.profile, config.seed),
            clock: Box::new(clock),
        });
        let scheduler = tokio::spawn(schedule(Arc::clone(&shared)));
        Ok(Self { shared, scheduler })
    }

    /// How it goes, for progress displays.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.book.stats()
    }

    /// Sends nothing more, waits until every request has ended, and hands over the ledger.
    ///
    /// Takes as long as the slowest request, at most the profile's patience.
    pub async fn stop(mut self) -> Recorded {
        self.shared.stop.notify_one();
        // A scheduler that panicked has sent nothing more; the counts then tell.
        let _ = (&mut self.scheduler).await;
        let all = self
            .shared
            .slots
            .acquire_many(self.shared.max_in_flight)
            .await;
        drop(all);
        self.shared.book.take()
    }
}

impl Drop for LoadGenerator {
    fn drop(&mut self) {
        self.scheduler.abort();
    }
}

impl fmt::Debug for LoadGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadGenerator")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Launches each request when it is due, until told to stop.
async fn schedule(shared: Arc<Shared>) {
    let started = Wall::now();
    let mut due = Duration::ZERO;
    let mut id: RequestId = 1;
    loop {
        tokio::select! {
            biased;
            () = shared.stop.notified() => return,
            () = tokio::time::sleep_until(started + due) => {}
        }
        // After a stall everything that became due is sent at once: that is what open loop means.
        while started.elapsed() >= due {
            launch(&shared, id, started + due);
            due += shared.planner.gap_after(id, due);
            id += 1;
        }
    }
}

fn launch(shared: &Arc<Shared>, id: RequestId, due: Wall) {
    let planned = shared.planner.plan(id);
    let lateness = due.elapsed().mul_f64(shared.speed);
    let due_cloud = (shared.clock)() - lateness;
    shared.book.sent();
    match Arc::clone(&shared.slots).try_acquire_owned() {
        Ok(slot) => {
            let shared = Arc::clone(shared);
            tokio::spawn(async move { run(&shared, id, planned, due, due_cloud, slot).await });
        }
        Err(_) => record(shared, id, planned, due, due_cloud, (Seen::Aborted, None)),
    }
}

/// Sends one request and writes down how it ended.
async fn run(
    shared: &Shared,
    id: RequestId,
    planned: Planned,
    due: Wall,
    due_cloud: Instant,
    slot: OwnedSemaphorePermit,
) {
    let sending = send(shared, id, planned);
    let seen = tokio::time::timeout(shared.patience, sending).await;
    record(
        shared,
        id,
        planned,
        due,
        due_cloud,
        seen.unwrap_or((Seen::TimedOut, None)),
    );
    drop(slot);
}

async fn send(shared: &Shared, id: RequestId, planned: Planned) -> (Seen, Option<String>) {
    let exchange = Exchange {
        id,
        planned,
        host: &shared.host,
        profile: shared.planner.profile(),
    };
    match planned.connection {
        ConnectionClass::New | ConnectionClass::Direct => match shared.dialer.dial().await {
            Ok(mut sender) => exchange.over(&mut sender).await.0.seen(),
            Err(seen) => (seen, None),
        },
        ConnectionClass::Reused => exchange.over_kept(&shared.pool, &shared.dialer).await,
        ConnectionClass::Multiplexed => exchange.over_shared(&shared.dialer).await,
    }
}

fn record(
    shared: &Shared,
    id: RequestId,
    planned: Planned,
    due: Wall,
    due_cloud: Instant,
    (seen, build): (Seen, Option<String>),
) {
    let entry = ClientEntry {
        id,
        class: planned.class,
        connection: planned.connection,
        user: planned.client,
        contract: Contract::Kept,
        due: due_cloud,
        ended: (shared.clock)(),
        seen,
    };
    shared.book.ended(entry, build, due.elapsed());
}
