//! A cloud on the wall clock, with loopback sockets.
//!
//! [`Live`] runs one [`Cloud`] at the wall clock's pace times a speed. Everything of the control
//! plane, probes, drain time-outs and the gateway's request time-outs are spans of cloud time; the
//! service times of applications stay in wall clock, because real clients wait for them.
//!
//! Requests never take a lock that others share: a gateway instance reads an immutable snapshot of
//! the core's routing table behind an atomic pointer and counts in-flight requests on atomics. One
//! task, the ticker, holds the core's lock now and then, publishes snapshots and sends probes.

mod admin;
mod balancer;
mod clock;
mod directory;
mod gateway;
mod instance;
mod ledger;
mod listener;
mod loopback;
mod network;
mod probe;
mod process_group;
mod program;
mod snapshot;
mod sockets;
mod state;
#[cfg(test)]
mod tests;
mod ticker;
mod tls;
mod view;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::HeaderMap;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::admin::{Chronicle, Exchange};
use crate::cloud::{Cloud, CloudConfig};
use crate::data_plane::ProbeMode;
use crate::event::Timed;
use crate::http::{Address, Admin, Drive, Face, Gatekeeper, Hooks, serve_either};
use crate::identity::Identity;
use crate::ledger::{Ledgers, RequestId};
use crate::seed::Seed;
use crate::time::Instant;
use admin::Administered;
use directory::Directory;
use listener::{ANY_PORT, Listener, Tasks};
use network::Network;
use program::Programs;
use sockets::Sockets;
use ticker::Shared;

pub use clock::LiveClock;
pub use process_group::ProcessGroup;
pub use program::{Program, ProgramCommand, Restart};
pub use view::{GatewayView, MemberView};

/// How long [`Live::shutdown`] waits for its tasks; they only have to notice, so it is generous.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// How to begin a live cloud.
#[derive(Debug)]
pub struct LiveOptions {
    /// The cloud; who sends the probes is overruled: this drive does.
    pub cloud: CloudConfig,
    /// Cloud seconds in one second of wall clock.
    pub speed: f64,
    /// Where Resource Manager listens; port 0 takes a free one. Loopback only.
    pub arm_address: SocketAddr,
    /// What runs in the instances of which image, by the image's name, instead of the built-in
    /// application.
    pub programs: BTreeMap<String, Program>,
    /// Whether each address of the cloud listens on a loopback address of its own, such as
    /// `127.0.0.5` for `10.0.0.5`, where the machine has them; else on free ports of `127.0.0.1`.
    pub own_addresses: bool,
    /// TLS and sign-in at Resource Manager; `None` for plain HTTP and any bearer token.
    pub sign_in: Option<SignIn>,
}

/// What real clients need: they speak TLS, and sign in before they ask.
#[derive(Debug)]
pub struct SignIn {
    /// The server's certificate; HTTPS and HTTP answer on the same port.
    pub tls: Arc<rustls::ServerConfig>,
    /// Issues and checks tokens.
    pub identity: Identity,
}

impl Default for LiveOptions {
    /// Real time, on free ports.
    fn default() -> Self {
        Self {
            cloud: CloudConfig::default(),
            speed: 1.0,
            arm_address: ANY_PORT,
            programs: BTreeMap::new(),
            own_addresses: false,
            sign_in: None,
        }
    }
}

/// A running cloud. Dropping it closes every socket; [`Live::shutdown`] also waits until that is
/// done.
#[derive(Debug)]
pub struct Live {
    shared: Shared,
    directory: Arc<Directory>,
    /// What the admin API tells; fed by whoever drains events and ledgers.
    chronicle: Arc<Mutex<Chronicle>>,
    administered: Arc<Administered>,
    arm: Listener,
    arm_v6: Option<Listener>,
    ticker: Ticker,
    tasks: Tasks,
    /// How long its programs may take to end.
    grace: Duration,
}

/// The ticker's task; ends with its owner.
#[derive(Debug)]
struct Ticker(JoinHandle<()>);

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the face asks of this drive.
#[derive(Debug)]
struct FaceHooks {
    acted: Arc<Notify>,
    directory: Arc<Directory>,
    sockets: Arc<Mutex<Sockets>>,
    chronicle: Arc<Mutex<Chronicle>>,
}

impl Hooks for FaceHooks {
    fn keeps_exchanges(&self) -> bool {
        true
    }

    fn answered(&self, at: Instant, exchange: Exchange) {
        let mut chronicle = self
            .chronicle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        chronicle.on_exchange(at, exchange);
    }

    fn acted(&self) {
        self.acted.notify_one();
    }

    fn addresses(&self) -> Vec<Address> {
        self.directory.list()
    }

    fn metrics(&self) -> String {
        ticker::lock(&self.sockets).metrics()
    }
}

impl Live {
    /// Starts a cloud without resources and its Resource Manager. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on, in use or not loopback; the error names it.
    pub async fn start(options: LiveOptions) -> io::Result<Self> {
        let LiveOptions {
            mut cloud,
            speed,
            arm_address,
            programs,
            own_addresses,
            sign_in,
        } = options;
        let (tls, gatekeeper) = sign_in.map(SignIn::split).unzip();
        cloud.data_plane.probes = ProbeMode::External;
        for image in programs.keys() {
            cloud.data_plane.insert(image, program::stand_in(image));
        }
        let clock = LiveClock::start(speed);
        let tasks = Tasks::new();
        let network = Network::new(clock.clone(), tasks.alive(), own_addresses);
        let directory = Arc::clone(&network.directory);
        let draws = Seed::new(cloud.seed).child("live service times");
        let knobs = cloud.data_plane.knobs.clone();
        let grace = program::longest_grace(&programs);
        let acted = Arc::default();
        let programs = Programs::new(by_build(programs), Arc::clone(&acted));
        let sockets = Sockets::new(network.clone(), knobs, draws, programs);
        let shared = Shared {
            cloud: Arc::new(Mutex::new(Cloud::new(&cloud))),
            sockets: Arc::new(Mutex::new(sockets)),
            acted,
            clock: clock.clone(),
        };
        let chronicle: Arc<Mutex<Chronicle>> = Arc::default();
        let hooks = FaceHooks {
            acted: Arc::clone(&shared.acted),
            directory: Arc::clone(&directory),
            sockets: Arc::clone(&shared.sockets),
            chronicle: Arc::clone(&chronicle),
        };
        let administered = Arc::new(Administered::new(
            cloud,
            shared.clone(),
            Arc::clone(&directory),
        ));
        let admin = Admin::new(
            Arc::clone(&shared.cloud),
            Arc::clone(&chronicle),
            Arc::clone(&administered) as Arc<dyn Drive>,
        );
        let router = Face::new(Arc::clone(&shared.cloud), clock)
            .with_hooks(Arc::new(hooks))
            .with_identity(gatekeeper)
            .into_router()
            .merge(admin.into_router());
        let serve = move |stream, _peer| serve_either(stream, tls.clone(), router.clone());
        let arm = Listener::bind(arm_address, tasks.alive(), serve.clone())?;
        let arm_v6 = also_v6(arm.address(), tasks.alive(), serve);
        let ticker = Ticker(tokio::spawn(ticker::run(shared.clone(), network)));
        Ok(Self {
            shared,
            directory,
            chronicle,
            administered,
            arm,
            arm_v6,
            ticker,
            tasks,
            grace,
        })
    }

    /// Where the portal is, a page for people.
    #[must_use]
    pub fn portal_url(&self) -> String {
        format!("{}/_turquoise/", self.arm_url())
    }

    /// Resource Manager's base URL, without a trailing slash.
    #[must_use]
    pub fn arm_url(&self) -> String {
        format!("http://{}", self.arm.address())
    }

    /// The port of Resource Manager, and of HTTPS there where [`LiveOptions::sign_in`] asks for it.
    #[must_use]
    pub fn arm_port(&self) -> u16 {
        self.arm.address().port()
    }

    /// The socket that stands for an address of the cloud: a gateway's or load balancer's frontend
    /// or an instance. `None` while nothing listens there.
    #[must_use]
    pub fn frontend(&self, address: Ipv4Addr, port: u16) -> Option<SocketAddr> {
        self.directory.socket(address, port)
    }

    /// Every address of the cloud that has a socket.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        self.directory.list()
    }

    /// The cloud's clock.
    #[must_use]
    pub fn clock(&self) -> LiveClock {
        self.shared.clock.clone()
    }

    /// Looks into the cloud, or acts on it past Resource Manager. Requests under way do not wait
    /// for this; Resource Manager does.
    pub fn with_cloud<R>(&self, act: impl FnOnce(&mut Cloud) -> R) -> R {
        let outcome = act(&mut self.shared.cloud());
        self.shared.acted.notify_one();
        outcome
    }

    /// What happened in the cloud since the last call, in order of time.
    #[must_use]
    pub fn drain_events(&self) -> Vec<Timed> {
        let events = self.shared.cloud().drain_events();
        self.chronicle().on_events(&events);
        events
    }

    /// What gateways and instances wrote since the last call; clients keep their own ledger.
    #[must_use]
    pub fn drain_ledgers(&self) -> Ledgers {
        let ledgers = self.shared.sockets().drain_ledgers();
        let clock = &self.shared.clock;
        let uptime = clock.uptime().as_secs();
        self.chronicle()
            .on_attempts(uptime, clock.speed(), &ledgers.gateway);
        ledgers
    }

    fn chronicle(&self) -> MutexGuard<'_, Chronicle> {
        self.chronicle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What the gateways have counted, in Prometheus' text form.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.shared.sockets().metrics()
    }

    /// What each gateway instance dispatches by, for displays.
    #[must_use]
    pub fn gateway_view(&self) -> Vec<GatewayView> {
        self.shared.sockets().gateway_views()
    }

    /// Closes every socket, cuts every connection and returns when no task is left.
    pub async fn shutdown(self) {
        let Self {
            shared,
            directory: _,
            chronicle: _,
            administered,
            arm,
            arm_v6,
            ticker,
            tasks,
            grace,
        } = self;
        drop((ticker, arm, arm_v6, shared, administered));
        if timeout(SHUTDOWN_PATIENCE + grace, tasks.all_gone())
            .await
            .is_err()
        {
            tracing::error!("tasks of the live drive are still running");
        }
    }
}

/// By the name that the core gives the image's build.
fn by_build(programs: BTreeMap<String, Program>) -> BTreeMap<String, Program> {
    let named = programs.into_iter();
    named
        .map(|(image, program)| (image.to_ascii_lowercase(), program))
        .collect()
}

impl SignIn {
    fn split(self) -> (Arc<rustls::ServerConfig>, Gatekeeper) {
        let gatekeeper = Gatekeeper {
            identity: Arc::new(self.identity),
            now: clock::unix_seconds,
        };
        (self.tls, gatekeeper)
    }
}

/// The same port at `::1`, which some clients try first for `localhost`. A machine without IPv6, or
/// with another program there, does without: those clients then try `127.0.0.1`.
fn also_v6<S, F>(address: SocketAddr, alive: listener::Alive, serve: S) -> Option<Listener>
where
    S: Fn(tokio::net::TcpStream, SocketAddr) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()));
    let also = address.ip() == Ipv4Addr::LOCALHOST;
    also.then(|| Listener::bind(v6, alive, serve).ok())?
}

/// The request's id from `x-request-id`; 0 without one.
fn request_id(headers: &HeaderMap) -> RequestId {
    let value = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    value.and_then(|id| id.parse().ok()).unwrap_or_default()
}
