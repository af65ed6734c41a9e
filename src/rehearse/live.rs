//! A rehearsal on sockets: a local Azure, the real orchestrator, real HTTP through the gateway.
//!
//! [`rehearse`] plays it and leaves what is judged. Everything it starts ends with it, whoever
//! stops it.

mod acting;
mod deployment;
mod external;
mod residue;

use std::cell::RefCell;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use turquoise_emulator::drive::live::Live;
use turquoise_emulator::http::Clock;
use turquoise_emulator::{CloudConfig, Instant, Seed};
use turquoise_orchestrator::live::{LiveEnvironment, Trust};
use turquoise_orchestrator::{Access, Config, Environment, FileStore, StaticToken, SwapReport};
use turquoise_scenarios::Observation;
use turquoise_scenarios::clients::LoadGenerator;
use turquoise_scenarios::clients::live::{LoadConfig, TlsTarget};

use super::certificate::Certificate;
use super::evidence::{self, Acted};
use super::plan::{BUILDS, HOST, Plan};
use super::watch::{Moment, Watch};
use crate::emulate::{self, Images};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::session::forward;

pub(crate) use external::VARIABLES;

/// How often the display follows.
const REFRESH: Duration = Duration::from_millis(150);
/// Traffic after the swap, on the wall clock: what comes late is still counted.
const AFTER: Duration = Duration::from_secs(2);
/// The token of everyone here.
const TOKEN: &str = "rehearsal";

/// What a rehearsal left.
#[derive(Debug)]
pub(crate) enum Played {
    /// It came to its end.
    Ended(Box<Observation>, Box<Acted>),
    /// Someone stopped it.
    Stopped(Exit, Option<Box<SwapReport>>),
}

/// Plays a rehearsal; the journal goes to `state`.
pub(crate) async fn rehearse(
    plan: &Plan,
    output: &Output,
    interrupt: &Interrupt,
    state: &Path,
) -> Result<Played, Failure> {
    let stage = Stage::set_up(plan, output, state).await?;
    forward(interrupt, &stage.environment);
    let played = tokio::select! {
        biased;
        played = stage.play(interrupt) => played,
        never = stage.show() => match never {},
    };
    stage.watch.finish();
    stage.live.shutdown().await;
    match played {
        Err(Stop::Asked(exit, report)) => Ok(Played::Stopped(exit, report)),
        Err(Stop::Failed(failure)) => Err(failure),
        Ok((observation, acted)) => Ok(Played::Ended(observation, Box::new(acted))),
    }
}

/// Why a rehearsal ended early.
#[derive(Debug)]
enum Stop {
    Asked(Exit, Option<Box<SwapReport>>),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Everything that runs during a rehearsal.
#[derive(Debug)]
struct Stage<'a> {
    plan: &'a Plan,
    config: Config,
    certificate: Certificate,
    live: Live,
    environment: LiveEnvironment,
    access: Access,
    store: FileStore,
    /// Where the journal goes, and what a program is given to read.
    state: PathBuf,
    watch: Watch,
    load: RefCell<Option<LoadGenerator>>,
    /// The cloud's clock when the orchestrator's began.
    offset: Duration,
}

impl<'a> Stage<'a> {
    async fn set_up(plan: &'a Plan, output: &Output, state: &Path) -> Result<Self, Failure> {
        let certificate = Certificate::for_host(HOST).map_err(|error| {
            Failure::new(Exit::Internal, "cannot make a certificate").because(&error)
        })?;
        let cloud = CloudConfig {
            seed: plan.seed,
            ..CloudConfig::default()
        };
        let config = plan
            .config()
            .in_subscription(&cloud.control_plane.subscription);
        let live = emulate::start(cloud, Images::default(), plan.speed, plan.port).await?;
        let trust = Trust::authorities([certificate.authority.to_vec()]);
        let environment = LiveEnvironment::new(trust).with_speed(plan.speed);
        let began = Instant::from_millis(environment.now().0);
        output.event(
            &json!({"event": "ready", "arm": live.arm_url(), "state": state.display().to_string()}),
        );
        Ok(Self {
            plan,
            offset: live.clock().now().since(began),
            access: Access::new(&live.arm_url(), StaticToken::new(TOKEN)),
            store: FileStore::new(state),
            state: state.to_owned(),
            watch: Watch::new(output, &config),
            load: RefCell::default(),
            config,
            certificate,
            live,
            environment,
        })
    }

    /// Follows with the display, for as long as it is asked to.
    async fn show(&self) -> Infallible {
        let mut tick = tokio::time::interval(REFRESH);
        loop {
            tick.tick().await;
            let cloud = self.live.clock().now().since(Instant::ZERO);
            let stats = self.load.borrow().as_ref().map(LoadGenerator::stats);
            self.watch.refresh(Moment {
                elapsed: cloud.div_f64(self.plan.speed),
                cloud,
                gateway: &self.live.gateway_view(),
                traffic: stats.as_ref(),
            });
        }
    }

    async fn play(&self, interrupt: &Interrupt) -> Result<(Box<Observation>, Acted), Stop> {
        unless_stopped(interrupt, self.deploy()).await??;
        let environment = unless_stopped(interrupt, self.serving()).await??;
        self.start_load()?;
        let baseline_start = self.live.clock().now();
        self.watch.step("baseline");
        unless_stopped(interrupt, self.pass(self.plan.baseline)).await?;
        let before = self.snapshot().await;
        let swap_start = self.live.clock().now();
        let acted = self.act(&environment, interrupt).await?;
        let swap_end = self.live.clock().now();
        let after = self.snapshot().await;
        self.retire(&environment, &acted, interrupt).await?;
        self.watch.step("last requests");
        unless_stopped(interrupt, self.pass(AFTER)).await?;
        let load = self.load.take();
        let recorded = match load {
            Some(load) => load.stop().await,
            None => Default::default(),
        };
        let observation = evidence::collect(evidence::Sources {
            plan: self.plan,
            config: &self.config,
            live: &self.live,
            recorded,
            marks: self.watch.marks(),
            offset: self.offset,
            window: (baseline_start, swap_start, swap_end),
            snapshots: (before, after),
            acted: &acted,
        });
        Ok((Box::new(observation), acted))
    }

    fn start_load(&self) -> Result<(), Failure> {
        let failed = |what: &str| Failure::new(Exit::Internal, what.to_owned());
        let listens = self
            .listener()
            .ok_or_else(|| failed("the gateway has no TLS listener"))?
            .listens;
        let profile = self.plan.profile();
        let seed = Seed::new(self.plan.seed).child("clients");
        let mut load = LoadConfig::new(listens, HOST, profile, seed);
        load.tls = Some(TlsTarget {
            roots: vec![self.certificate.authority.to_vec()],
            server_name: HOST.to_owned(),
        });
        load.speed = self.plan.speed;
        load.builds = BUILDS.map(str::to_owned).to_vec();
        let clock = self.live.clock();
        let started = LoadGenerator::start(load, move || clock.now());
        let started = started.map_err(|error| failed("cannot start traffic").because(&error))?;
        self.load.replace(Some(started));
        Ok(())
    }

    /// Lets a span of the wall clock pass.
    async fn pass(&self, span: Duration) {
        let cloud = span.mul_f64(self.plan.speed);
        self.environment
            .sleep_until(self.environment.now() + cloud)
            .await;
    }

    /// The names of the live side and of the idle one, before the swap.
    fn sides(&self) -> (&str, &str) {
        let old = self.config.target.initial.as_str();
        (old, self.config.other_side(old).unwrap_or(old))
    }
}

/// Work that may be dropped at any await when someone asks for a stop.
async fn unless_stopped<T>(
    interrupt: &Interrupt,
    work: impl Future<Output = T>,
) -> Result<T, Stop> {
    tokio::select! {
        biased;
        exit = interrupt.wait() => Err(Stop::Asked(exit, None)),
        done = work => Ok(done),
    }
}
