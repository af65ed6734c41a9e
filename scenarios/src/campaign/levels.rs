//! One digest on every level of simulation: what makes a campaign on the fastest one speak for the
//! real router and the real HTTP stack too.
//!
//! Every seed is run by the reference orchestrator on all of [`Level::ALL`]; [`agree`] tells whether
//! their digests are equal, seed by seed and in their sums.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

use super::workers::on_threads;
use super::{CampaignError, Progress, Stop};
use crate::generate;
use crate::run::{Level, Runner};
use crate::scenario::Scenario;
use crate::subject::Subject;
use crate::trace::Digest;
use crate::world::WorldError;

/// Seeds on which levels differed that a report names; what differs everywhere differs alike.
const NAMED: usize = 25;

/// What is compared.
#[derive(Clone, Debug)]
pub struct LevelOptions {
    /// The seeds.
    pub seeds: Range<u64>,
    /// Whether their faults are left in.
    pub faults: bool,
    /// Threads; one per core when absent.
    pub threads: Option<NonZero<usize>>,
    /// Ends the comparison early.
    pub stop: Stop,
}

/// What the levels had in common.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename = "result")]
pub struct LevelReport {
    /// Scenarios that were run, each on every level.
    pub scenarios: u64,
    /// Whether the scenarios had their faults.
    pub faults: bool,
    /// The digest of all scenarios together, by level: `L0`, `L1`, `L2`.
    pub digests: BTreeMap<&'static str, Digest>,
    /// Whether every level gave the same for every seed.
    pub agree: bool,
    /// Seeds on which they did not.
    pub differed: u64,
    /// The first of those.
    pub differing: Vec<Difference>,
    /// Whether somebody ended it early.
    pub partial: bool,
    /// Wall-clock seconds.
    pub duration_s: f64,
}

/// A seed whose levels do not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The seed.
    pub seed: u64,
    /// What each level gave.
    pub digests: BTreeMap<&'static str, Digest>,
}

/// How one scenario is run on one level; the seam at which a test makes one of them wrong.
type Run<'a> = dyn Fn(Level, &Scenario) -> Result<Digest, WorldError> + Sync + 'a;

/// Runs the reference orchestrator on every level over the same seeds; any number of threads gives
/// the same report, its time aside.
///
/// # Errors
/// [`CampaignError::World`] when a scenario cannot be set up.
pub fn agree(
    options: &LevelOptions,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<LevelReport, CampaignError> {
    let runner = Runner::default();
    let run = |level, scenario: &Scenario| {
        let ran = runner.run(level, Subject::Turquoise, scenario);
        ran.map(|ran| ran.digest)
    };
    compared(options, progress, &run)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a campaign reports its speed; nothing simulated reads this clock"
)]
fn compared(
    options: &LevelOptions,
    progress: &(dyn Fn(&Progress) + Sync),
    run: &Run<'_>,
) -> Result<LevelReport, CampaignError> {
    let began = Instant::now();
    let levels = Levels {
        options,
        progress,
        run,
        next: AtomicU64::new(options.seeds.start),
        seen: Mutex::default(),
    };
    on_threads(options.threads, || levels.work())?;
    Ok(levels.report(began.elapsed().as_secs_f64()))
}

struct Levels<'a> {
    options: &'a LevelOptions,
    progress: &'a (dyn Fn(&Progress) + Sync),
    run: &'a Run<'a>,
    next: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    scenarios: u64,
    sums: BTreeMap<&'static str, Digest>,
    /// By seed, so that threads in any order report the same first ones.
    differing: BTreeMap<u64, Difference>,
    differed: u64,
}

impl Levels<'_> {
    /// One thread's work, until nothing is left.
    fn work(&self) -> Result<(), CampaignError> {
        while let Some(seed) = self.next_seed() {
            let digests = self.on_every_level(seed)?;
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.add(seed, digests);
            let now = self.progress_of(&seen);
            drop(seen);
            (self.progress)(&now);
        }
        Ok(())
    }

    fn next_seed(&self) -> Option<u64> {
        if self.options.stop.is_asked() {
            return None;
        }
        let seed = self.next.fetch_add(1, Ordering::Relaxed);
        self.options.seeds.contains(&seed).then_some(seed)
    }

    fn on_every_level(&self, seed: u64) -> Result<BTreeMap<&'static str, Digest>, CampaignError> {
        let scenario = if self.options.faults {
            generate::scenario(seed).scenario
        } else {
            generate::calm(seed)
        };
        let on = |level: Level| {
            let digest = (self.run)(level, &scenario);
            digest
                .map(|digest| (level.name(), digest))
                .map_err(|source| CampaignError::World { seed, source })
        };
        Level::ALL.into_iter().map(on).collect()
    }

    fn progress_of(&self, seen: &Seen) -> Progress {
        let seeds = &self.options.seeds;
        Progress {
            scenarios: seen.scenarios,
            of: Some(seeds.end.saturating_sub(seeds.start)),
            failed: seen.differed,
            mutants: 0,
            killed: 0,
            survived: 0,
        }
    }

    fn report(self, duration_s: f64) -> LevelReport {
        let seen = self.seen.into_inner();
        let seen = seen.unwrap_or_else(PoisonError::into_inner);
        let seeds = &self.options.seeds;
        LevelReport {
            scenarios: seen.scenarios,
            faults: self.options.faults,
            agree: seen.differed == 0,
            digests: seen.sums,
            differed: seen.differed,
            differing: seen.differing.into_values().collect(),
            partial: seen.scenarios < seeds.end.saturating_sub(seeds.start),
            duration_s,
        }
    }
}

impl Seen {
    fn add(&mut self, seed: u64, digests: BTreeMap<&'static str, Digest>) {
        self.scenarios += 1;
        for (level, digest) in &digests {
            let sum = self.sums.entry(level).or_default();
            *sum = sum.add(*digest);
        }
        let mut each = digests.values();
        let first = each.next();
        if each.any(|digest| Some(digest) != first) {
            self.differed += 1;
            self.differing.insert(seed, Difference { seed, digests });
            if self.differing.len() > NAMED {
                self.differing.pop_last();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(seeds: Range<u64>, threads: usize) -> LevelOptions {
        LevelOptions {
            seeds,
            faults: false,
            threads: NonZero::new(threads),
            stop: Stop::default(),
        }
    }

    fn report(options: &LevelOptions) -> LevelReport {
        agree(options, &|_| {}).expect("every seed can be set up")
    }

    #[test]
    fn every_level_gives_one_digest_and_parts_add_up_to_it() {
        let whole = report(&options(0..6, 2));
        assert!(whole.agree && !whole.partial, "{whole:#?}");
        assert_eq!((whole.scenarios, whole.differed), (6, 0));
        assert_eq!(whole.digests.len(), 3);
        let (first, second) = (report(&options(0..2, 1)), report(&options(2..6, 1)));
        for (level, digest) in &whole.digests {
            assert_eq!(*digest, whole.digests["L0"], "{level}");
            assert_eq!(*digest, first.digests[level].add(second.digests[level]));
        }
        let stormy = report(&LevelOptions {
            faults: true,
            ..options(0..6, 2)
        });
        assert!(stormy.agree, "{stormy:#?}");
        assert_ne!(stormy.digests, whole.digests);
    }

    /// Level by level: one that travels a millisecond longer on a single seed is found out.
    #[test]
    fn a_level_that_differs_on_one_seed_is_named() {
        let runner = Runner::default();
        for wrong in Level::ALL {
            let run = |level, scenario: &Scenario| {
                let mut scenario = scenario.clone();
                if level == wrong && scenario.seed == 1 {
                    scenario.latency.min_ms += 1;
                    scenario.latency.max_ms += 1;
                }
                let ran = runner.run(level, Subject::Turquoise, &scenario);
                ran.map(|ran| ran.digest)
            };
            let report = compared(&options(0..3, 2), &|_| {}, &run).expect("it runs");
            assert!(!report.agree, "{wrong:?}");
            assert_eq!(report.differed, 1);
            assert_eq!(report.differing[0].seed, 1);
            let right = Level::ALL.into_iter().filter(|level| *level != wrong);
            let digests = &report.differing[0].digests;
            for level in right {
                assert_ne!(digests[level.name()], digests[wrong.name()]);
            }
        }
    }

    #[test]
    fn who_asks_for_the_end_gets_what_there_is() {
        let options = options(0..6, 1);
        options.stop.ask();
        let report = report(&options);
        assert!(report.partial);
        assert_eq!(report.scenarios, 0);
    }

    #[test]
    fn only_the_first_differences_are_named() {
        let run = |level: Level, scenario: &Scenario| {
            Ok(Digest(scenario.seed + u64::from(level == Level::Duplex)))
        };
        let report = compared(&options(0..100, 2), &|_| {}, &run).expect("it runs");
        assert_eq!(report.differed, 100);
        let named: Vec<u64> = report.differing.iter().map(|row| row.seed).collect();
        assert_eq!(named, Vec::from_iter(0..NAMED as u64));
    }
}
