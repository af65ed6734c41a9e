//! One scenario's world: set from a deployed cloud, cleared into an observation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use turquoise_emulator::Seed;
use turquoise_emulator::data_plane::{Arrival, Arrivals};
use turquoise_emulator::faults::Fault;
use turquoise_orchestrator::{Config, Instant};

use super::core::cloud_time;
use super::deployed::Deployed;
use super::level::SharedCloud;
use super::play::{Ended, Part, Phases};
use super::reading;
use super::system;
use crate::clients::ProfileArrivals;
use crate::observation::{
    Capacity, Declared, Observation, Policy, Record, Residue, Side, Snapshot, Window,
};
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
    scenario: Scenario,
    subject: Subject,
    config: Config,
    target: Target,
    baseline_start: Instant,
    closing: Closing,
    phases: Phases,
    before: Snapshot,
}

/// What a scenario's run leaves.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    pub(crate) observation: Observation,
    /// Why the subject ended as it did, in its own words.
    pub(crate) reason: String,
}

impl Stage {
    /// Clones the deployed cloud, gives it the scenario's seed and faults, and lets traffic in.
    pub(super) fn set(deployed: &Deployed, scenario: &Scenario, subject: Subject) -> Self {
        let mut cloud = deployed.cloud.clone();
        let baseline_start = deployed.now;
        let swap_start = baseline_start + seconds(scenario.traffic.before_s);
        let faults: Vec<Fault> = scenario
            .faults
            .iter()
            .map(|fault| Fault {
                at_ms: swap_start.0 + fault.at_ms,
                kind: fault.kind.clone(),
            })
            .collect();
        cloud.rearm(scenario.seed, &faults);
        let closing = Closing::default();
        let traffic = OpenArrivals {
            inner: ProfileArrivals::new(
                scenario.traffic.profile.clone(),
                Seed::new(scenario.seed).child("traffic"),
                cloud_time(baseline_start),
                turquoise_emulator::Instant::from_nanos(u64::MAX),
                Duration::from_millis(u64::from(scenario.topology.service_ms)),
            ),
            closing: closing.clone(),
        };
        cloud
            .data_plane_mut()
            .set_traffic(deployed.frontend, HOST, Box::new(traffic));
        let before = reading::snapshot(&mut cloud, &deployed.config, baseline_start);
        Self {
            cloud: SharedCloud::new(cloud),
            swap_start,
            limit: swap_start + LIMIT,
            scenario: scenario.clone(),
            subject,
            target: system::target(&deployed.config),
            config: deployed.config.clone(),
            baseline_start,
            closing,
            phases: Phases::default(),
            before,
        }
    }

    /// The subject's part.
    pub(super) fn part(&self) -> Part {
        Part {
            subject: self.subject,
            config: self.config.clone(),
            target: self.target.clone(),
            foreign: self.scenario.foreign.clone(),
            phases: self.phases.clone(),
        }
    }

    /// Lets traffic end and collects everything there is to judge. `now` is when the subject ended
    /// or was given up.
    pub(super) fn clear(self, ended: Option<Ended>, now: Instant) -> Played {
        let mut cloud = self.cloud.lock();
        let last_arrival = now + seconds(self.scenario.traffic.after_s);
        self.closing.close(last_arrival);
        let quiet = last_arrival + self.longest_request();
        cloud.advance_to(cloud_time(quiet));
        let after = reading::snapshot(&mut cloud, &self.config, quiet);
        let mut last = reading::final_state(&mut cloud, &self.config, &self.target, quiet);
        let events = cloud.drain_events();
        last.applied = reading::applied(&events, &self.config.target.pool_id());
        let ledgers = cloud.data_plane_mut().drain_ledgers();
        let builds = cloud.data_plane().builds();
        let builds: Vec<String> = builds.iter().map(|(_, name)| name.to_owned()).collect();
        let residue = Residue {
            before: self.before.clone(),
            after,
            listed: ended.as_ref().map_or_else(Vec::new, |e| e.residue.clone()),
        };
        let reason = ended
            .as_ref()
            .map_or_else(|| "it never ended".to_owned(), |e| e.reason.clone());
        let observation = Observation {
            sent: self.closing.sent(),
            ledgers,
            events,
            declared: self.declared(&builds),
            builds,
            phases: self.phases.take(),
            window: Window {
                baseline_start: cloud_time(self.baseline_start),
                swap_start: cloud_time(self.swap_start),
                swap_end: cloud_time(now),
            },
            end: ended.map(|ended| ended.end),
            residue,
            speed: 1.0,
            record: Record {
                last,
                ..Record::default()
            },
        };
        Played {
            observation,
            reason,
        }
    }

    /// No request lives longer: its client gives up, or the gateway's drain cuts it.
    fn longest_request(&self) -> Duration {
        let patience = Duration::from_millis(self.scenario.traffic.profile.patience_ms);
        patience + seconds(self.scenario.topology.drain_s) + Duration::from_secs(60)
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
            stream_cuts: 0,
            policy: Policy {
                drain: seconds(self.scenario.topology.drain_s),
                ..Policy::default()
            },
        }
    }
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
}

/// Arrivals without an end until they are closed.
#[derive(Clone, Debug)]
struct OpenArrivals {
    inner: ProfileArrivals,
    closing: Closing,
}

impl Arrivals for OpenArrivals {
    fn next(&mut self) -> Option<Arrival> {
        let arrival = self.inner.next()?;
        let until = self.closing.0.until.load(Ordering::Relaxed);
        if arrival.due.as_nanos() >= until {
            return None;
        }
        self.closing.0.sent.fetch_add(1, Ordering::Relaxed);
        Some(arrival)
    }
}
