//! Campaigns: many seeds, every mutant, one report.
//!
//! A campaign is a shell: it has threads, a clock and files. What a seed does is decided by
//! [`Runner`] alone, so that any number of threads and any order gives the same digest. [`compare`]
//! sets the published script beside the reference, under each fault alone.

mod bundle;
mod comparison;
mod kill;
mod report;
mod tally;
mod workers;

use std::num::NonZero;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::generate;
use crate::mutants::{MUTANTS, Mutant};
use crate::run::{Level, Ran, Runner};
use crate::scenario::Scenario;
use crate::subject::Subject;
use crate::world::WorldError;

pub use bundle::Bundle;
pub use comparison::{Compared, Comparison, compare};
pub use kill::{Kill, hunt};
pub use report::{CampaignReport, CoverageReport, Failure, MutantReport};
use tally::Tally;

/// What a campaign runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seeds of the reference orchestrator.
    pub seeds: Range<u64>,
    /// The mutants that are hunted too.
    pub mutants: Vec<&'static Mutant>,
    /// Scenarios tried per mutant before it counts as a survivor.
    pub mutant_seeds: u64,
    /// Threads; one per core when absent.
    pub threads: Option<NonZero<usize>>,
    /// No new seed begins after this long; absent means none is left out.
    pub time_limit: Option<Duration>,
    /// Where each failing seed leaves its folder; absent means none does.
    pub failures: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seeds: 0..1000,
            mutants: MUTANTS.iter().collect(),
            mutant_seeds: 40,
            threads: None,
            time_limit: None,
            failures: None,
        }
    }
}

/// Why a campaign could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// A scenario's system could not be set up.
    #[error("seed {seed} could not be set up")]
    World {
        /// The seed.
        seed: u64,
        /// Why.
        #[source]
        source: WorldError,
    },
    /// A failing seed's folder could not be written.
    #[error("the folder of failing seed {seed} could not be written")]
    Bundle {
        /// The seed.
        seed: u64,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// How far a campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Scenarios of the reference orchestrator that have ended.
    pub scenarios: u64,
    /// Scenarios it is to run.
    pub of: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Mutants hunted down so far.
    pub killed: usize,
    /// Mutants that survived their hunt so far.
    pub survived: usize,
}

/// Runs a campaign; `progress` is called from several threads, after each scenario.
///
/// # Errors
/// [`CampaignError`] when a scenario cannot be set up or a folder not be written. A failing
/// orchestrator is no error: it is in the report.
#[expect(
    clippy::disallowed_methods,
    reason = "a campaign reports its speed; nothing simulated reads this clock"
)]
pub fn simulate(
    options: &Options,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<CampaignReport, CampaignError> {
    let began = Instant::now();
    let campaign = Campaign {
        options,
        progress,
        runner: Runner::default(),
        began,
        tally: Mutex::default(),
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    };
    workers::on_threads(options.threads, || campaign.work())?;
    let tally = campaign
        .tally
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(tally.report(began.elapsed()))
}

struct Campaign<'a> {
    options: &'a Options,
    progress: &'a (dyn Fn(&Progress) + Sync),
    runner: Runner,
    began: Instant,
    tally: Mutex<Tally>,
    next: AtomicU64,
    stop: AtomicBool,
}

/// One piece of a campaign's work.
enum Job {
    Seed(u64),
    Mutant(usize),
}

impl Campaign<'_> {
    /// One thread's work, until nothing is left.
    fn work(&self) -> Result<(), CampaignError> {
        while let Some(job) = self.next_job() {
            let done = match job {
                Job::Seed(seed) => self.run_seed(seed),
                Job::Mutant(index) => self.hunt(index),
            };
            if done.is_err() {
                self.stop.store(true, Ordering::Relaxed);
            }
            done?;
        }
        Ok(())
    }

    /// Mutants first: their hunts are the longest jobs, and seeds fill the gaps at the end.
    fn next_job(&self) -> Option<Job> {
        if self.stop.load(Ordering::Relaxed) || self.is_out_of_time() {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let hunts = self.options.mutants.len() as u64;
        if number < hunts {
            return usize::try_from(number).ok().map(Job::Mutant);
        }
        let seed = self.options.seeds.start.checked_add(number - hunts)?;
        self.options
            .seeds
            .contains(&seed)
            .then_some(Job::Seed(seed))
    }

    fn is_out_of_time(&self) -> bool {
        self.options
            .time_limit
            .is_some_and(|limit| self.began.elapsed() >= limit)
    }

    fn run_seed(&self, seed: u64) -> Result<(), CampaignError> {
        let generated = generate::scenario(seed);
        let ran = self.reference(&generated.scenario)?;
        let failure = if ran.verdict.holds() {
            None
        } else {
            Some(self.keep(&generated.scenario, &ran)?)
        };
        self.note(|tally| tally.seed(&generated, &ran, failure));
        Ok(())
    }

    fn keep(&self, scenario: &Scenario, ran: &Ran) -> Result<Failure, CampaignError> {
        let Some(folder) = &self.options.failures else {
            return Ok(Failure::new(scenario.seed, ran, None));
        };
        let bundle = Bundle::of(&self.runner, scenario, ran);
        let written = bundle.write(folder);
        let written = written.map_err(|source| CampaignError::Bundle {
            seed: scenario.seed,
            source,
        })?;
        Ok(Failure::new(scenario.seed, ran, Some(written)))
    }

    fn hunt(&self, index: usize) -> Result<(), CampaignError> {
        let first = self.options.seeds.start;
        let seeds = first..first.saturating_add(self.options.mutant_seeds);
        let kill = hunt(&self.runner, self.options.mutants[index], seeds)?;
        self.note(|tally| tally.mutant(index, kill));
        Ok(())
    }

    fn reference(&self, scenario: &Scenario) -> Result<Ran, CampaignError> {
        run(&self.runner, Subject::Turquoise, scenario)
    }

    fn note(&self, add: impl FnOnce(&mut Tally)) {
        let now = {
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            add(&mut tally);
            tally.progress(&self.options.seeds)
        };
        (self.progress)(&now);
    }
}

/// Runs one scenario at the campaigns' level.
fn run(runner: &Runner, subject: Subject, scenario: &Scenario) -> Result<Ran, CampaignError> {
    let ran = runner.run(Level::Core, subject, scenario);
    ran.map_err(|source| CampaignError::World {
        seed: scenario.seed,
        source,
    })
}
