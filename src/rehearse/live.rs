//! A rehearsal on sockets: a local Azure, the real orchestrator, real HTTP through the gateway.
//!
//! [`rehearse`] plays it and leaves what is judged. Everything it starts ends with it, whoever
//! stops it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use turquoise_emulator::drive::live::Live;
use turquoise_emulator::http::Clock;
use turquoise_emulator::{CloudConfig, Instant, Seed};
use turquoise_orchestrator::environment::ProbeRequest;
use turquoise_orchestrator::live::{LiveEnvironment, Trust};
use turquoise_orchestrator::{
    Access, Config, DeployInputs, Environment, FileStore, Outcome, Part, Pkcs12, Run, Settings,
    Start, StaticToken, SwapReport, deploy, retire, swap,
};
use turquoise_scenarios::clients::live::{LoadConfig, TlsTarget};
use turquoise_scenarios::clients::{LoadGenerator, Profile};
use turquoise_scenarios::observation::Snapshot;
use turquoise_scenarios::subject::Subject;
use turquoise_scenarios::target::{Target, TargetSide};
use turquoise_scenarios::{Observation, published};

use super::certificate::Certificate;
use super::evidence::{self, Acted};
use super::plan::{BUILDS, HOST, Plan, TLS_PORT};
use super::watch::{Moment, Watch};
use crate::emulate;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::session::{forward, owner};

/// How often the display follows.
const REFRESH: Duration = Duration::from_millis(150);
/// Traffic after the swap, on the wall clock: what comes late is still counted.
const AFTER: Duration = Duration::from_secs(2);
/// After Ctrl-C the orchestrator has this long, in cloud time, to reach a safe point.
const SAFE_POINT_WITHIN: Duration = Duration::from_secs(300);
/// The gateway serves within this long after its deployment, in cloud time.
const SERVES_WITHIN: Duration = Duration::from_secs(600);
/// The frontend's network is there within this long, in cloud time; later, its side says so.
const NETWORK_WITHIN: Duration = Duration::from_secs(120);
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
        let live = emulate::start(cloud, plan.speed, plan.port).await?;
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

    /// All three groups side by side; the sides begin once the frontend's network is there.
    async fn deploy(&self) -> Result<(), Failure> {
        let (old, new) = self.sides();
        self.watch.step(&format!("deploy frontend, {old}, {new}"));
        let (frontend, old, new) = tokio::join!(
            self.deploy_part(Part::Frontend),
            self.deploy_side(old),
            self.deploy_side(new),
        );
        frontend.and(old).and(new)
    }

    async fn deploy_side(&self, name: &str) -> Result<(), Failure> {
        let network = &self.config.frontend.network.name;
        let deadline = self.environment.now() + NETWORK_WITHIN;
        while !self.watch.is_deployed(network) && self.environment.now() < deadline {
            self.environment
                .sleep_until(self.environment.now() + Duration::from_secs(1))
                .await;
        }
        self.deploy_part(Part::Side(name.to_owned())).await
    }

    async fn deploy_part(&self, part: Part) -> Result<(), Failure> {
        let inputs = DeployInputs {
            certificate: Some(Pkcs12 {
                bytes: self.certificate.pfx.clone(),
                password: self.certificate.password.clone(),
            }),
        };
        let deployed = deploy(
            &self.environment,
            &self.access,
            &self.config,
            &part,
            &inputs,
            &self.watch,
        );
        deployed.await.map(drop).map_err(|error| {
            Failure::new(
                Exit::from_code(error.exit_code()),
                format!("cannot deploy {part:?}"),
            )
            .because(&error)
            .next("run it again with -vv to see every request")
        })
    }

    /// The world with the sockets of the deployed system, once the gateway answers.
    async fn serving(&self) -> Result<LiveEnvironment, Failure> {
        self.watch.step("first answer");
        let not_serving = || {
            Failure::new(Exit::Internal, "the deployed system does not serve")
                .next("run it again with -vv to see what its probes meet")
        };
        let mut environment = self.environment.clone();
        let deadline = environment.now() + SERVES_WITHIN;
        while environment.now() < deadline {
            environment
                .load_addresses(self.access.endpoint())
                .await
                .map_err(|error| not_serving().because(&error))?;
            if self.answers(&environment).await {
                return Ok(environment);
            }
            environment
                .sleep_until(environment.now() + Duration::from_secs(2))
                .await;
        }
        Err(not_serving())
    }

    async fn answers(&self, environment: &LiveEnvironment) -> bool {
        let Some(listed) = self.listener() else {
            return false;
        };
        let request = ProbeRequest {
            address: listed.address,
            port: listed.port,
            tls: true,
            host: HOST.to_owned(),
            path: "/".to_owned(),
            timeout: Duration::from_secs(20),
        };
        let answer = environment.probe(request).await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// The gateway's TLS listener.
    fn listener(&self) -> Option<turquoise_emulator::http::Address> {
        let addresses = self.live.addresses();
        addresses
            .into_iter()
            .find(|listed| listed.tls && listed.port == TLS_PORT)
    }

    fn start_load(&self) -> Result<(), Failure> {
        let failed = |what: &str| Failure::new(Exit::Internal, what.to_owned());
        let listens = self
            .listener()
            .ok_or_else(|| failed("the gateway has no TLS listener"))?
            .listens;
        let profile = Profile::rehearsal(self.plan.rate);
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

    /// Lets whoever is rehearsed swap.
    async fn act(
        &self,
        environment: &LiveEnvironment,
        interrupt: &Interrupt,
    ) -> Result<Acted, Stop> {
        let target = self.target();
        match self.plan.subject {
            Subject::Published => {
                self.watch.step("published script");
                let script = published::swap(environment, &target);
                Ok(Acted::script(unless_stopped(interrupt, script).await?))
            }
            Subject::Broken(kind) => {
                self.watch.step(&format!("break {kind}"));
                self.watch
                    .say(&format!("deliberately wrong: {}", kind.explanation()));
                let script = kind.run(environment, &target);
                Ok(Acted::script(unless_stopped(interrupt, script).await?))
            }
            Subject::Turquoise | Subject::Mutant(_) => {
                let settings = settings();
                let run = self.run(environment, &settings);
                let report = tokio::select! {
                    biased;
                    report = swap(&run) => report,
                    // The safe point did not come: the journal has every intent all the same.
                    exit = overstayed(environment, interrupt) => return Err(Stop::Asked(exit, None)),
                };
                match (&report.outcome, interrupt.asked()) {
                    (Outcome::Interrupted, Some(exit)) => {
                        Err(Stop::Asked(exit, Some(Box::new(report))))
                    }
                    _ => Ok(Acted::swap(report)),
                }
            }
        }
    }

    /// The old side gives its machines back, under traffic, after our own swap.
    async fn retire(
        &self,
        environment: &LiveEnvironment,
        acted: &Acted,
        interrupt: &Interrupt,
    ) -> Result<(), Stop> {
        if !acted.is_our_success() {
            return Ok(());
        }
        self.watch.step("retire");
        let settings = settings();
        let run = self.run(environment, &settings);
        let report = unless_stopped(interrupt, retire(&run)).await?;
        match report.outcome {
            Outcome::Completed | Outcome::NothingToDo => Ok(()),
            outcome => Err(Stop::Failed(
                Failure::new(
                    Exit::from_code(outcome.exit_code()),
                    format!("the old side was not retired: {}", outcome.name()),
                )
                .next(report.reason),
            )),
        }
    }

    fn run<'r>(
        &'r self,
        environment: &'r LiveEnvironment,
        settings: &'r Settings,
    ) -> Run<'r, LiveEnvironment> {
        Run {
            environment,
            access: &self.access,
            config: &self.config,
            settings,
            journal: &self.store,
            lease: &self.store,
            observer: &self.watch,
        }
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

    fn target(&self) -> Target {
        let subscription = self.config.target.subscription();
        let side = |name: &str| {
            let side = &self.config.sides[name];
            TargetSide {
                name: name.to_owned(),
                address: side.address,
                scale_set: side.scale_set(subscription, name),
                build: side.image.name().to_ascii_lowercase(),
            }
        };
        let (old, new) = self.sides();
        Target {
            build_header: self.config.identity.header.to_ascii_lowercase(),
            endpoint: self.access.endpoint().to_owned(),
            gateway: self.config.target.gateway.clone(),
            pool: self.config.target.pool.clone(),
            old: side(old),
            new: side(new),
            token: Some(TOKEN.to_owned()),
        }
    }

    /// What a swap borrows and must give back.
    async fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (name, side) in &self.config.sides {
            let id = side.autoscale_setting(self.config.target.subscription(), name);
            if let Some(minimum) = self.autoscale_minimum(id.as_str()).await {
                snapshot
                    .autoscale_minimum
                    .insert(id.name().to_owned(), minimum);
            }
        }
        snapshot
    }

    async fn autoscale_minimum(&self, id: &str) -> Option<u32> {
        let url = format!("{}{id}?api-version=2022-10-01", self.access.endpoint());
        let request = http::Request::get(url)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("user-agent", "rehearsal")
            .body(bytes::Bytes::new())
            .ok()?;
        let answer = self.environment.arm(request).await.ok()?;
        let document: serde_json::Value = serde_json::from_slice(answer.body()).ok()?;
        let minimum = &document["properties"]["profiles"][0]["capacity"]["minimum"];
        match minimum.as_str() {
            Some(text) => text.parse().ok(),
            None => minimum.as_u64().and_then(|number| number.try_into().ok()),
        }
    }
}

fn settings() -> Settings {
    Settings {
        owner: owner(),
        start: Start::New,
        to: None,
        forfeit_rollback: false,
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

/// Returns when a stop was asked for and no safe point came.
async fn overstayed(environment: &LiveEnvironment, interrupt: &Interrupt) -> Exit {
    let exit = interrupt.wait().await;
    environment
        .sleep_until(environment.now() + SAFE_POINT_WITHIN)
        .await;
    exit
}
