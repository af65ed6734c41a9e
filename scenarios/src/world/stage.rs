//! One scenario's world: set from a deployed cloud, cleared into an observation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use turquoise_emulator::data_plane::{Arrival, Arrivals};
use turquoise_emulator::faults::{Fault, FaultKind};
use turquoise_emulator::ledger::Seen;
use turquoise_emulator::{Cloud, Event, Seed};
use turquoise_orchestrator::{Config, Instant};

use super::actors;
use super::core::cloud_time;
use super::deployed::Deployed;
use super::level::SharedCloud;
use super::names::{NEW_SIDE, OLD_SIDE};
use super::notebook::{Notebook, Pages};
use super::reading;
use super::system;
use crate::clients::ProfileArrivals;
use crate::observation::{
    Capacity, Declared, Observation, OrderGiven, Policy, Process, Residue, Side, Snapshot, Twin,
    Window,
};
use crate::scale::{Folded, Judgement, Judging};
use crate::scenario::{Build, Scenario};
use crate::subject::Subject;
use crate::target::{Target, TargetSide};

/// A subject that has not ended this long after the swap's start never will: more than the sum of
/// the orchestrator's ceilings (L1).
const LIMIT: Duration = Duration::from_secs(6 * 3600);

/// The `Host` that clients ask for; the listener answers to every host.
const HOST: &str = "app.example.com";

/// A world in which one scenario runs.
pub(super) struct Stage {
    pub(super) cloud: SharedCloud,
    pub(super) swap_start: Instant,
    pub(super) limit: Instant,
    pub(super) scenario: Scenario,
    pub(super) subject: Subject,
    pub(super) config: Config,
    pub(super) target: Target,
    pub(super) notebook: Notebook,
    baseline_start: Instant,
    closing: Closing,
    before: Snapshot,
    judgement: Option<Judgement>,
    /// Traffic goes on until then at least.
    least: Instant,
}

/// What a scenario's run leaves.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) observation: Observation,
    /// What was judged and forgotten while it ran.
    pub(crate) folded: Option<Folded>,
    /// Why the subject ended as it did, in its own words.
    pub(crate) reason: String,
}

impl Stage {
    /// Clones the deployed cloud, gives it the scenario's seed and faults, and lets traffic in.
    pub(super) fn set(deployed: &Deployed, scenario: &Scenario, subject: Subject) -> Self {
        Self::with(deployed, scenario, subject, arrivals(deployed, scenario))
    }

    /// The same, with requests judged and forgotten as they end.
    pub(super) fn set_judged(
        deployed: &Deployed,
        scenario: &Scenario,
        subject: Subject,
        judging: &Judging,
    ) -> Self {
        let arrivals = arrivals(deployed, scenario);
        let mut stage = if judging.draws_ahead() {
            Self::with(deployed, scenario, subject, judging.ahead(arrivals))
        } else {
            Self::with(deployed, scenario, subject, arrivals)
        };
        stage.least = stage.baseline_start + judging.least;
        stage.judgement = Some(stage.begin_judgement(judging));
        stage
    }

    fn begin_judgement(&self, judging: &Judging) -> Judgement {
        let mut cloud = self.cloud.lock();
        let declared = self.declared(&builds(&cloud));
        let window = (cloud_time(self.baseline_start), cloud_time(self.swap_start));
        let seed = self.scenario.seed;
        let patience = Duration::from_millis(self.scenario.traffic.profile.patience_ms);
        let (judgement, reader) = judging.begin(seed, declared, window, patience, cloud.events());
        cloud.data_plane_mut().set_reader(reader);
        self.notebook.tell(judgement.told());
        judgement
    }

    fn with<A: Arrivals + Clone + 'static>(
        deployed: &Deployed,
        scenario: &Scenario,
        subject: Subject,
        arrivals: A,
    ) -> Self {
        let mut cloud = deployed.cloud.clone();
        let baseline_start = deployed.now;
        // Before the faults are armed: what the world reads meets none, and uses none up.
        let before = reading::snapshot(&mut cloud, &deployed.config, baseline_start);
        let swap_start = baseline_start + seconds(scenario.traffic.before_s);
        cloud.rearm(scenario.seed, &faults(scenario, swap_start));
        cloud.set_knobs(scenario.answers.over(system::knobs(scenario.azure)));
        for (side, build) in [
            (OLD_SIDE, &scenario.builds.old),
            (NEW_SIDE, &scenario.builds.new),
        ] {
            let image = &deployed.config.sides[side].image;
            let application = system::application(&scenario.topology, build);
            cloud
                .data_plane_mut()
                .set_application(image.name(), application);
        }
        cloud
            .data_plane_mut()
            .change_knobs(|knobs| scenario.quirks.apply(knobs));
        let closing = Closing::default();
        let traffic = OpenArrivals {
            inner: arrivals,
            closing: closing.clone(),
        };
        cloud
            .data_plane_mut()
            .set_traffic(deployed.frontend, HOST, Box::new(traffic));
        Self {
            cloud: SharedCloud::new(cloud),
            swap_start,
            limit: swap_start + LIMIT + downtime(scenario),
            scenario: scenario.clone(),
            subject,
            target: system::target(&deployed.config),
            config: deployed.config.clone(),
            baseline_start,
            closing,
            notebook: Notebook::default(),
            before,
            judgement: None,
            least: Instant::default(),
        }
    }

    /// Lets traffic end and collects everything there is to judge. `now` is when everybody had ended
    /// or was given up; `lease` is the run that then held the lease.
    pub(super) fn clear(mut self, now: Instant, lease: String) -> Played {
        let judgement = self.judgement.take();
        if let Some(judgement) = &judgement {
            let told = judgement.told();
            told.ended(cloud_time(now), self.notebook.outcome());
        }
        let mut cloud = self.cloud.lock();
        let last_arrival = (now + seconds(self.scenario.traffic.after_s)).max(self.least);
        self.closing.close(last_arrival);
        let quiet = last_arrival + self.longest_request();
        cloud.advance_to(cloud_time(quiet));
        let events = cloud.drain_events();
        cloud.data_plane_mut().end_reading();
        let mut ledgers = cloud.data_plane_mut().drain_ledgers();
        let builds = builds(&cloud);
        let folded = judgement.map(|judgement| {
            let mut folded = judgement.finish(std::mem::take(&mut ledgers));
            ledgers = std::mem::take(&mut folded.kept);
            folded
        });
        // All is over: what is left of the faults is not for the world's own reads.
        cloud.rearm(self.scenario.seed, &[]);
        let after = reading::snapshot(&mut cloud, &self.config, quiet);
        let mut last = reading::final_state(&mut cloud, &self.config, &self.target, quiet);
        last.applied = reading::applied(&events, &self.config.target.pool_id());
        last.lease = lease;
        let mut pages = self.notebook.take();
        pages.record.last = last;
        pages.record.orders = self.orders(&pages, now);
        pages.record.happened.extend(self.clock_jumps(now));
        let last_word = pages.last_word();
        let reason = last_word.map_or_else(|| "it never ended".to_owned(), |p| p.reason.clone());
        let end = last_word.and_then(Process::claim);
        let observation = Observation {
            // Whoever ended well and was forgotten is no part of the ledgers.
            sent: self.closing.sent() - folded.as_ref().map_or(0, |it| it.ordinary),
            ledgers,
            events,
            declared: self.declared(&builds),
            builds,
            phases: pages.phases,
            notices: pages.notices,
            window: Window {
                baseline_start: cloud_time(self.baseline_start),
                swap_start: cloud_time(self.swap_start),
                swap_end: cloud_time(now),
            },
            end,
            residue: Residue {
                before: self.before.clone(),
                after,
                listed: pages.residue,
            },
            speed: 1.0,
            record: pages.record,
        };
        Played {
            observation,
            folded,
            reason,
        }
    }

    /// The orders that were given before the end, and who heard them.
    fn orders(&self, pages: &Pages, end: Instant) -> Vec<OrderGiven> {
        let given = self.scenario.orders.iter().map(|order| {
            let at = self.swap_start + Duration::from_millis(order.at_ms);
            (at, cloud_time(at), order.want)
        });
        let given = given.filter(|(at, _, _)| *at <= end);
        let given = given.map(|(_, at, want)| OrderGiven {
            at,
            process: pages.who_hears(at, want),
            want,
        });
        given.collect()
    }

    /// What the plan says beforehand of each gateway write: the streams that are open then and
    /// outlive the drain, which no orchestrator can keep (F36). They come and go at random, so it
    /// allows for four standard deviations.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of streams, rounded up"
    )]
    fn stream_cuts(&self) -> u64 {
        let drain = seconds(self.scenario.topology.drain_s);
        let mean = self.scenario.traffic.profile.streams_outliving(drain);
        if mean > 0.0 {
            (mean + 4.0 * mean.sqrt() + 4.0).ceil() as u64
        } else {
            0
        }
    }

    /// The steps of the wall clock before the end.
    fn clock_jumps(&self, end: Instant) -> Vec<(turquoise_emulator::Instant, String)> {
        let jumps = self.scenario.clocks.jumps.iter();
        let at = jumps.map(|jump| self.swap_start + Duration::from_millis(jump.at_ms));
        let past = at.filter(|at| *at <= end);
        past.map(|at| (cloud_time(at), "clock_jump".to_owned()))
            .collect()
    }

    /// No request lives longer: its client gives up, or the gateway's drain cuts it.
    fn longest_request(&self) -> Duration {
        let profile = &self.scenario.traffic.profile;
        let patience = Duration::from_millis(profile.patience_ms);
        let own = profile.longest_stream().max(profile.longest_work());
        patience + own + seconds(self.scenario.topology.drain_s) + Duration::from_secs(60)
    }

    fn capacity(&self, build: &Build) -> Capacity {
        let topology = &self.scenario.topology;
        let mean_us = u64::from(topology.service_ms) * u64::from(build.service_percent) * 10;
        Capacity {
            workers: topology.workers,
            service: Duration::from_micros(mean_us),
        }
    }

    fn declared(&self, builds: &[String]) -> Declared {
        Declared {
            gateway: self.target.gateway.clone(),
            pool: self.config.target.pool_id(),
            old: side(
                &self.target.old,
                builds,
                self.capacity(&self.scenario.builds.old),
            ),
            new: side(
                &self.target.new,
                builds,
                self.capacity(&self.scenario.builds.new),
            ),
            callers: self.subject.callers(),
            stream_cuts: self.stream_cuts(),
            policy: Policy {
                sessions: self.scenario.traffic.sessions,
                affinity: self.scenario.topology.affinity,
                drain: seconds(self.scenario.topology.drain_s),
                gate_ceiling: self.config.ceilings.gate.0,
                ..Policy::default()
            },
        }
    }
}

/// What is remembered of a run without crashes.
pub(super) fn twin(observation: Observation) -> Twin {
    let began = observation.window.swap_start;
    let written = observation.events.iter().filter(|timed| {
        timed.at >= began
            && matches!(&timed.event, Event::GatewayWritten { caller, .. }
            if observation.declared.is_ours(caller))
    });
    let met = |event: &Event| match event {
        Event::FaultHit { .. } => true,
        Event::GatewayWritten { caller, .. } => !observation.declared.is_ours(caller),
        _ => false,
    };
    let mut events = observation.events.iter().filter(|timed| timed.at >= began);
    let troubled = events.any(|timed| met(&timed.event)) || !observation.record.happened.is_empty();
    Twin {
        gateway_writes: written.count(),
        autoscale_edits: observation.autoscale_edits(),
        troubled,
        end: observation.end,
        last: observation.record.last,
    }
}

/// The faults of the cloud, in the cloud's time.
fn faults(scenario: &Scenario, swap_start: Instant) -> Vec<Fault> {
    let own = scenario.faults.iter().map(|f| (f.at_ms, f.kind.clone()));
    let actors = scenario.actors.iter();
    let acted = actors.filter_map(|actor| Some((actor.at_ms, actors::fault(&actor.act)?)));
    let revoked = &scenario.identity.revoked_at_ms;
    let revoked = revoked.iter().map(|at| (*at, FaultKind::RevokeTokens));
    let healed = (scenario.heal_ms > 0).then_some((scenario.heal_ms, FaultKind::Heal));
    own.chain(acted)
        .chain(revoked)
        .chain(healed)
        .map(|(at_ms, kind)| Fault {
            at_ms: swap_start.0 + at_ms,
            kind,
        })
        .collect()
}

/// How long nobody works: added to what a subject is given.
fn downtime(scenario: &Scenario) -> Duration {
    let crashes = scenario.crashes.iter().map(|crash| crash.down_ms);
    let pauses = scenario.pauses.iter().map(|pause| pause.for_ms);
    Duration::from_millis(crashes.chain(pauses).sum())
}

fn arrivals(deployed: &Deployed, scenario: &Scenario) -> ProfileArrivals {
    ProfileArrivals::new(
        scenario.traffic.profile.clone(),
        Seed::new(scenario.seed).child("traffic"),
        cloud_time(deployed.now),
        turquoise_emulator::Instant::from_nanos(u64::MAX),
        Duration::from_millis(u64::from(scenario.topology.service_ms)),
    )
}

fn builds(cloud: &Cloud) -> Vec<String> {
    let builds = cloud.data_plane().builds();
    builds.iter().map(|(_, name)| name.to_owned()).collect()
}

fn side(side: &TargetSide, builds: &[String], capacity: Capacity) -> Side {
    let number = builds.iter().position(|name| *name == side.build);
    Side {
        name: side.name.clone(),
        address: side.address,
        scale_set: side.scale_set.clone(),
        // A build that never served has no number; none that served has this one.
        build: number
            .and_then(|number| u16::try_from(number).ok())
            .unwrap_or(u16::MAX),
        capacity,
    }
}

const fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds as u64)
}

/// When traffic is to end, told once the subject has ended; and how much of it there was.
#[derive(Clone, Debug)]
struct Closing(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    until: AtomicU64,
    sent: AtomicU64,
}

impl Default for Closing {
    fn default() -> Self {
        Self(Arc::new(Shared {
            until: AtomicU64::new(u64::MAX),
            sent: AtomicU64::new(0),
        }))
    }
}

impl Closing {
    fn close(&self, at: Instant) {
        let nanos = cloud_time(at).as_nanos();
        self.0.until.store(nanos, Ordering::Relaxed);
    }

    fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// A request goes out before the end, or not at all. Only its source counts, so that no atomic
    /// addition is needed.
    fn let_out(&self, arrival: Arrival) -> Option<Arrival> {
        let shared = &self.0;
        let out = arrival.due.as_nanos() < shared.until.load(Ordering::Relaxed);
        out.then(|| {
            let sent = shared.sent.load(Ordering::Relaxed) + 1;
            shared.sent.store(sent, Ordering::Relaxed);
            arrival
        })
    }
}

/// Arrivals without an end until they are closed.
#[derive(Clone, Debug)]
struct OpenArrivals<A> {
    inner: A,
    closing: Closing,
}

impl<A: Arrivals + Clone + 'static> Arrivals for OpenArrivals<A> {
    fn next(&mut self) -> Option<Arrival> {
        let arrival = self.inner.next()?;
        self.closing.let_out(arrival)
    }

    fn after(
        &mut self,
        request: &Arrival,
        ended: turquoise_emulator::Instant,
        seen: Seen,
    ) -> Option<Arrival> {
        let arrival = self.inner.after(request, ended, seen)?;
        self.closing.let_out(arrival)
    }
}
