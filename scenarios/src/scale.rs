//! A swap at the scale of the internet, request by request.
//!
//! [`simulate`] runs the reference orchestrator against the whole emulator while a hundred thousand
//! requests a second go through it. Nothing is sampled and nothing is approximated: it is the
//! simulation of every other scenario. Only what is kept differs. Requests are judged as they end
//! and forgotten where no oracle has anything to say about them, so that memory follows the requests
//! under way and those out of the ordinary, not all; and drawing requests, serving them and judging
//! them can each have a thread. One control plane and one data plane see them all in one order, so
//! that the digest is that of a single thread.

mod ahead;
mod fold;
mod gaps;
mod tap;
mod witness;

use std::time::Duration;

use turquoise_emulator::data_plane::{Arrivals, Reader};
use turquoise_emulator::{Instant, Timed};

use crate::clients::Profile;
use crate::clients::profile::Shape;
use crate::generate;
use crate::observation::{Declared, Sessions};
use crate::run::Runner;
use crate::scenario::{Azure, ProbeTimes, Scenario, Topology, Traffic};
use crate::subject::Subject;
use crate::trace::Digest;
use crate::verdict::{Verdict, judge_folded};
use crate::world::WorldError;

pub(crate) use ahead::Ahead;
pub(crate) use fold::Folded;
pub(crate) use tap::{Judgement, Told};

use fold::{Fold, News};

/// A gateway has at most this many instances (azure-facts.md §5.9).
const GATEWAY_INSTANCES: u16 = 125;
/// Requests a second that one gateway instance is given.
const PER_GATEWAY_INSTANCE: f64 = 10_000.0;
/// Requests a second that one client with a kept connection sends.
const PER_CLIENT: f64 = 20.0;
/// Requests that a machine works on at a time.
const WORKERS: u32 = 64;
/// Mean time that a short request takes a worker.
const SERVICE_MS: u32 = 5;
/// Steady traffic before the swap.
const BEFORE_S: u32 = 60;

/// How much of what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Root of everything that is drawn.
    pub seed: u64,
    /// Requests a second.
    pub rate: f64,
    /// Machines of each side.
    pub instances: u32,
    /// How long traffic lasts at least, the swap included.
    pub minutes: u32,
    /// Threads to use, from 1 to 3; more are of no use.
    pub threads: usize,
}

impl Scale {
    /// Requests a second that one machine bears: its workers' time, a fifth of it to spare
    /// (failure-catalogue.md D.2).
    #[must_use]
    pub fn per_machine() -> f64 {
        0.8 * f64::from(WORKERS) * 1_000.0 / f64::from(SERVICE_MS)
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Scaled {
    /// What the run was worth. S7, S10, S19, S20, L4, Q4 and Q6 are not judged: they need every
    /// request.
    pub verdict: Verdict,
    /// Every request and event as one number.
    pub digest: Digest,
    /// How the orchestrator says it ended; `None` when it never did.
    pub outcome: Option<crate::observation::Outcome>,
    /// Requests that had to be kept to be judged.
    pub kept: u64,
    /// Instances of the gateway.
    pub gateway_instances: u16,
}

/// How a run is judged as it goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judging {
    threads: usize,
    /// How long traffic lasts at least.
    pub(crate) least: Duration,
}

impl Judging {
    /// Whether drawing requests has a thread of its own.
    pub(crate) const fn draws_ahead(&self) -> bool {
        self.threads > 2
    }

    /// Arrivals drawn by that thread.
    #[expect(
        clippy::unused_self,
        reason = "whoever asks must hold the decision to draw ahead"
    )]
    pub(crate) fn ahead<A: Arrivals + Clone + 'static>(&self, source: A) -> Ahead<A> {
        Ahead::of(source)
    }

    /// Begins a judgement, which knows what happened before, and makes the reader that feeds it.
    pub(crate) fn begin(
        &self,
        seed: u64,
        declared: Declared,
        window: (Instant, Instant),
        patience: Duration,
        before: &[Timed],
    ) -> (Judgement, Box<dyn Reader>) {
        let mut fold = Fold::new(seed, declared, window, patience);
        fold.hear(News::of_events(before));
        Judgement::begin(fold, Told::default(), self.threads > 1)
    }
}

/// Simulates a swap at a scale.
///
/// # Errors
/// When the system cannot be deployed at that scale.
pub fn simulate(scale: &Scale) -> Result<Scaled, WorldError> {
    let scenario = scenario(scale);
    let judging = Judging {
        threads: scale.threads,
        least: Duration::from_secs(u64::from(scale.minutes) * 60),
    };
    run(&Runner::default(), &scenario, &judging)
}

fn run(runner: &Runner, scenario: &Scenario, judging: &Judging) -> Result<Scaled, WorldError> {
    let subject = Subject::Turquoise;
    let (observation, folded) = runner.judged(subject, scenario, judging)?;
    let events = Digest::of_events(scenario.seed, &observation);
    Ok(Scaled {
        verdict: judge_folded(&observation, &folded),
        digest: events.add(folded.digest),
        outcome: observation.end.map(|end| end.outcome),
        kept: observation.ledgers.clients.len() as u64,
        gateway_instances: scenario.topology.gateway_instances,
    })
}

/// The scenario of a scale: nothing goes wrong, everybody is busy.
fn scenario(scale: &Scale) -> Scenario {
    Scenario {
        seed: scale.seed,
        topology: topology(scale),
        traffic: Traffic {
            profile: profile(scale),
            before_s: BEFORE_S,
            after_s: 30,
            sessions: Sessions::default(),
        },
        azure: Azure::Calibrated,
        ..generate::calm(scale.seed)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what a gateway may have"
)]
fn topology(scale: &Scale) -> Topology {
    let wanted = (scale.rate / PER_GATEWAY_INSTANCE).ceil();
    Topology {
        gateway_instances: wanted.clamp(2.0, f64::from(GATEWAY_INSTANCES)) as u16,
        old_instances: scale.instances,
        new_instances: scale.instances,
        gateway_probe: ProbeTimes::TUNED,
        drain_s: 30,
        autoscale: false,
        workers: WORKERS,
        service_ms: SERVICE_MS,
        affinity: false,
        drift: Vec::new(),
    }
}

/// A rehearsal's mix from independent clients.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "as many clients as a rate has twenties fits easily"
)]
fn profile(scale: &Scale) -> Profile {
    Profile {
        arrivals: Shape::Poisson,
        reused_clients: (scale.rate / PER_CLIENT).max(32.0) as u32,
        ..Profile::rehearsal(scale.rate)
    }
}

#[cfg(test)]
mod tests {
    use turquoise_emulator::ledger::ConnectionClass;

    use super::*;
    use crate::invariant::Invariant;
    use crate::run::Level;
    use crate::verdict::{NEED_ALL, judge};

    fn judging(threads: usize) -> Judging {
        Judging {
            threads,
            least: Duration::ZERO,
        }
    }

    /// What must not depend on whether requests were kept.
    fn worth(verdict: &Verdict) -> (Vec<Invariant>, u64, u64, String) {
        let violated = verdict.violated.keys().copied();
        let violated = violated.filter(|it| !NEED_ALL.contains(it)).collect();
        let counts = &verdict.requests;
        (
            violated,
            counts.sent,
            counts.lost(),
            format!("{counts:?} {:?}", verdict.max_gap),
        )
    }

    /// Runs a scenario with everything kept and with ordinary requests forgotten.
    fn both_ways(runner: &Runner, subject: Subject, scenario: &Scenario) {
        // A twin without crashes is judged beside whole runs alone.
        let mut scenario = scenario.clone();
        scenario.crashes.clear();
        let (scenario, seed) = (&scenario, scenario.seed);
        let whole = runner
            .run(Level::Core, subject, scenario)
            .expect("it deploys");
        let (observation, folded) = runner
            .judged(subject, scenario, &judging(1))
            .expect("it deploys");
        let verdict = judge_folded(&observation, &folded);
        assert_eq!(
            worth(&verdict),
            worth(&judge(&whole.observation)),
            "seed {seed}"
        );
        let digest = Digest::of_events(seed, &observation).add(folded.digest);
        assert_eq!(digest, whole.digest, "seed {seed}");
        let near = |a: f64, b: f64| (a - b).abs() <= 0.003 * b + 1e-6;
        let latency = (&verdict.latency, &whole.verdict.latency);
        for (told, exact) in [
            (latency.0.baseline, latency.1.baseline),
            (latency.0.swap, latency.1.swap),
        ] {
            assert_eq!(told.samples, exact.samples, "seed {seed}");
            assert!(near(told.p50_ms, exact.p50_ms), "{told:?} {exact:?}");
        }
    }

    #[test]
    fn forgetting_ordinary_requests_changes_no_verdict_and_no_digest() {
        let runner = Runner::default();
        for seed in 0..25 {
            let scenario = generate::scenario(seed).scenario;
            both_ways(&runner, Subject::Turquoise, &scenario);
        }
    }

    #[test]
    fn whoever_loses_requests_is_found_out_although_the_rest_is_forgotten() {
        let runner = Runner::default();
        for kind in crate::breaks::Break::ALL {
            both_ways(&runner, Subject::Broken(kind), &generate::calm(3));
        }
        both_ways(&runner, Subject::Published, &generate::scenario(4).scenario);
    }

    #[test]
    fn any_number_of_threads_gives_one_digest() {
        let runner = Runner::default();
        let scenario = scenario(&Scale {
            seed: 1,
            rate: 500.0,
            instances: 8,
            minutes: 1,
            threads: 1,
        });
        let all: Vec<(Digest, u64)> = (1..=3)
            .map(|threads| {
                let scaled = run(&runner, &scenario, &judging(threads)).expect("it deploys");
                assert!(scaled.verdict.is_clean(), "{:?}", scaled.verdict.violations);
                (scaled.digest, scaled.verdict.requests.sent)
            })
            .collect();
        assert_eq!(all[0], all[1]);
        assert_eq!(all[0], all[2]);
    }

    #[test]
    fn what_is_kept_does_not_grow_with_the_rate() {
        let runner = Runner::default();
        let kept = |rate| {
            let scenario = scenario(&Scale {
                seed: 1,
                rate,
                instances: 8,
                minutes: 1,
                threads: 1,
            });
            let scaled = run(&runner, &scenario, &judging(1)).expect("it deploys");
            let classes = scaled.verdict.max_gap.keys();
            assert!(classes.eq(&[ConnectionClass::New, ConnectionClass::Reused]));
            (scaled.verdict.requests.sent, scaled.kept)
        };
        let (few, many) = (kept(200.0), kept(2_000.0));
        assert!(many.0 > 9 * few.0, "{few:?} {many:?}");
        assert!(many.1 < 2 * few.1, "{few:?} {many:?}");
    }
}
