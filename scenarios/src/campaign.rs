//! Campaigns: many seeds, every mutant, one report.
//!
//! A campaign is a shell: it has threads, a clock and files. What a seed does is decided by
//! [`Runner`] alone, so that any number of threads and any order gives the same digest. [`compare`]
//! sets the published script beside the reference, under each fault alone, and [`agree`] runs the
//! same seeds on every level of simulation.

mod build;
mod bundle;
mod catalogue;
mod comparison;
mod interval;
mod kill;
mod levels;
mod merge;
mod report;
mod shard;
mod tally;
mod workers;

use std::num::NonZero;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::generate;
use crate::harness::{Bench, HarnessMutant, harness_mutants};
use crate::mutants::{MUTANTS, Mutant};
use crate::run::{Level, Ran, Runner};
use crate::scenario::{Azure, Scenario};
use crate::subject::Subject;
use crate::world::WorldError;

pub use build::Build;
pub use bundle::{Bundle, Expected, ExpectedShrunk};
pub use catalogue::{NotSeeded, Wave, named};
pub use comparison::{Compared, Comparison, compare};
pub use interval::Interval;
pub use kill::{Kill, hunt};
pub use levels::{Difference, LevelOptions, LevelReport, agree};
pub use merge::{MergeError, merge};
pub use report::{
    CampaignReport, CoverageReport, Failure, MutantReport, Partial, Plan, SOMETIMES_AFTER, Seeds,
};
pub use shard::{InvalidShard, Shard};
use tally::{Frame, Tally};

/// At most this many failing seeds of a campaign leave a folder: each is shrunk, and what fails
/// everywhere fails alike.
const FOLDERS: usize = 25;

/// What a campaign runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seeds of the reference orchestrator; up to `u64::MAX` means until the time is up.
    pub seeds: Range<u64>,
    /// The mutants that are hunted too. They always meet the pessimistic profile: one that only a
    /// nicer cloud lets live is no survivor.
    pub mutants: Vec<&'static Mutant>,
    /// Scenarios tried per mutant and range before it counts as a survivor.
    pub mutant_seeds: u64,
    /// Disjoint ranges of seeds that each mutant is hunted through, for the median.
    pub mutant_ranges: u64,
    /// Whether the harness is mutated too (H01 to H15), and each mutant of it must be noticed.
    pub harness: bool,
    /// How Azure behaves in the reference's scenarios where evidence leaves it open.
    pub profile: Azure,
    /// Which share of all this.
    pub shard: Shard,
    /// Threads; one per core when absent.
    pub threads: Option<NonZero<usize>>,
    /// No new seed begins after this long; absent means none is left out.
    pub time_limit: Option<Duration>,
    /// Where each failing seed leaves its folder, and each mutant that of the seed that killed it, in
    /// a folder of its name; absent means none does.
    pub failures: Option<PathBuf>,
    /// Which build this is, for reports and failure folders.
    pub build: Build,
    /// Ends the campaign early, with a partial report.
    pub stop: Stop,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seeds: 0..1000,
            mutants: MUTANTS.iter().collect(),
            mutant_seeds: 1000,
            mutant_ranges: 1,
            harness: false,
            profile: Azure::default(),
            shard: Shard::ALL,
            threads: None,
            time_limit: None,
            failures: None,
            build: Build::default(),
            stop: Stop::default(),
        }
    }
}

/// Asks a campaign to end; clones ask the same one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// No new seed begins from now on.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
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
    /// Scenarios it is to run; absent when only its time ends it.
    pub of: Option<u64>,
    /// How many of them failed.
    pub failed: u64,
    /// Mutants to hunt.
    pub mutants: usize,
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
    let mutants = options.mutants.iter().enumerate();
    let harness = harness_mutants().iter().enumerate();
    let campaign = Campaign {
        options,
        progress,
        runner: Runner::default(),
        began,
        seeds: options.shard.seeds(&options.seeds),
        mutants: mutants
            .filter(|(number, _)| options.shard.has_mutant(*number))
            .map(|(_, mutant)| *mutant)
            .collect(),
        harness: harness
            .filter(|(number, _)| options.harness && options.shard.has_mutant(*number))
            .map(|(_, mutant)| mutant)
            .collect(),
        tally: Mutex::default(),
        next: AtomicU64::new(0),
        folders: AtomicUsize::new(0),
        broken: AtomicBool::new(false),
    };
    workers::on_threads(options.threads, || campaign.work())?;
    Ok(campaign.report())
}

struct Campaign<'a> {
    options: &'a Options,
    progress: &'a (dyn Fn(&Progress) + Sync),
    runner: Runner,
    began: Instant,
    /// This shard's seeds.
    seeds: Range<u64>,
    /// This shard's mutants.
    mutants: Vec<&'static Mutant>,
    /// This shard's mutants of the harness.
    harness: Vec<&'static HarnessMutant>,
    tally: Mutex<Tally>,
    next: AtomicU64,
    folders: AtomicUsize,
    /// Whether a thread has ended with an error.
    broken: AtomicBool,
}

/// One piece of a campaign's work.
enum Job {
    Seed(u64),
    Mutant(&'static Mutant),
    Harness(&'static HarnessMutant),
}

impl Campaign<'_> {
    /// One thread's work, until nothing is left.
    fn work(&self) -> Result<(), CampaignError> {
        while let Some(job) = self.next_job() {
            let done = match job {
                Job::Seed(seed) => self.run_seed(seed),
                Job::Mutant(mutant) => self.hunt(mutant),
                Job::Harness(mutant) => {
                    self.mutate_harness(mutant);
                    Ok(())
                }
            };
            if done.is_err() {
                self.broken.store(true, Ordering::Relaxed);
            }
            done?;
        }
        Ok(())
    }

    /// Mutants first: their hunts are the longest jobs, and seeds fill the gaps at the end. Seeds
    /// are claimed in order and every claimed one is run, so what was run is always one span.
    fn next_job(&self) -> Option<Job> {
        if self.is_over() {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let hunts = self.mutants.len() + self.harness.len();
        if let Some(index) = usize::try_from(number).ok().filter(|index| *index < hunts) {
            let mutant = self.mutants.get(index).map(|mutant| Job::Mutant(mutant));
            let harness = || Job::Harness(self.harness[index - self.mutants.len()]);
            return Some(mutant.unwrap_or_else(harness));
        }
        let seed = self.seeds.start.checked_add(number - hunts as u64)?;
        self.seeds.contains(&seed).then_some(Job::Seed(seed))
    }

    fn is_over(&self) -> bool {
        let late = |limit| self.began.elapsed() >= limit;
        self.broken.load(Ordering::Relaxed)
            || self.options.stop.is_asked()
            || self.options.time_limit.is_some_and(late)
    }

    fn run_seed(&self, seed: u64) -> Result<(), CampaignError> {
        let mut generated = generate::scenario(seed);
        generated.scenario.azure = self.options.profile;
        let ran = run(&self.runner, Subject::Turquoise, &generated.scenario)?;
        let failure = if ran.verdict.holds() {
            None
        } else {
            Some(self.keep(&generated.scenario, &ran)?)
        };
        self.note(|tally| tally.seed(&generated, &ran, failure));
        Ok(())
    }

    fn keep(&self, scenario: &Scenario, ran: &Ran) -> Result<Failure, CampaignError> {
        let folder = self.options.failures.as_ref();
        let room = |_: &&PathBuf| self.folders.fetch_add(1, Ordering::Relaxed) < FOLDERS;
        let written = match folder.filter(room) {
            None => None,
            Some(folder) => Some(self.write(Subject::Turquoise, scenario, ran, folder)?),
        };
        Ok(Failure::new(
            scenario.seed,
            self.options.profile,
            ran,
            written,
        ))
    }

    fn mutate_harness(&self, mutant: &'static HarnessMutant) {
        let run = mutant.run(&Bench::on(&self.runner));
        self.note(|tally| tally.harness(run));
    }

    fn write(
        &self,
        subject: Subject,
        scenario: &Scenario,
        ran: &Ran,
        folder: &Path,
    ) -> Result<PathBuf, CampaignError> {
        let bundle = Bundle::of(&self.runner, subject, scenario, ran);
        let written = bundle.built_by(&self.options.build).write(folder);
        written.map_err(|source| CampaignError::Bundle {
            seed: scenario.seed,
            source,
        })
    }

    fn hunt(&self, mutant: &'static Mutant) -> Result<(), CampaignError> {
        let options = self.options;
        let seeds = (
            options.seeds.start,
            options.mutant_seeds,
            options.mutant_ranges,
        );
        let kill = kill::hunt_ranges(&self.runner, mutant, seeds, &|| self.is_over())?;
        if let Some(kill) = kill {
            if let (Some(folder), Some(seed)) = (&options.failures, kill.seed) {
                self.write_kill(mutant, seed, &folder.join(mutant.id))?;
            }
            self.note(|tally| tally.mutant(kill));
        }
        Ok(())
    }

    /// The folder of the seed on which a mutant was caught: what its oracle saw.
    fn write_kill(
        &self,
        mutant: &'static Mutant,
        seed: u64,
        folder: &Path,
    ) -> Result<(), CampaignError> {
        let (subject, scenario) = (Subject::Mutant(mutant), mutant.exposed(seed));
        let ran = run(&self.runner, subject, &scenario)?;
        self.write(subject, &scenario, &ran, folder).map(drop)
    }

    fn note(&self, add: impl FnOnce(&mut Tally)) {
        let now = {
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            add(&mut tally);
            self.progress_of(&tally)
        };
        (self.progress)(&now);
    }

    fn progress_of(&self, tally: &Tally) -> Progress {
        Progress {
            scenarios: tally.scenarios,
            of: finite(&self.seeds).map(|end| end - self.seeds.start),
            failed: tally.failures.len() as u64,
            mutants: self.mutants.len(),
            killed: tally.killed(),
            survived: tally.kills.len() - tally.killed(),
        }
    }

    fn report(self) -> CampaignReport {
        let options = self.options;
        let took = self.began.elapsed();
        let tally = self.tally.into_inner();
        let tally = tally.unwrap_or_else(PoisonError::into_inner);
        let hunted =
            tally.kills.len() == self.mutants.len() && tally.harness.len() == self.harness.len();
        let of = finite(&self.seeds).map(|end| end - self.seeds.start);
        let stopped = options.stop.is_asked();
        let done = hunted && of.map_or(!stopped, |of| tally.scenarios == of);
        let partial = match (done, stopped) {
            (true, _) => None,
            (false, true) => Some(Partial::Interrupted),
            (false, false) => Some(Partial::Time),
        };
        let span = Seeds {
            first: self.seeds.start,
            end: Some(self.seeds.start + tally.scenarios),
        };
        let frame = Frame {
            plan: plan(options),
            seeds: Vec::from_iter((tally.scenarios > 0).then_some(span)),
            partial,
            build: options.build.clone(),
            took,
        };
        tally.report(frame)
    }
}

fn plan(options: &Options) -> Plan {
    let names = options.mutants.iter().map(|mutant| mutant.id.to_owned());
    Plan {
        seeds: Seeds {
            first: options.seeds.start,
            end: finite(&options.seeds),
        },
        mutants: names.collect(),
        mutant_seeds: options.mutant_seeds,
        mutant_ranges: options.mutant_ranges,
        harness: options.harness,
        profile: options.profile,
        shard: options.shard,
    }
}

/// The end of the seeds, where they have one.
fn finite(seeds: &Range<u64>) -> Option<u64> {
    (seeds.end != u64::MAX).then_some(seeds.end)
}

/// Runs one scenario at the campaigns' level.
fn run(runner: &Runner, subject: Subject, scenario: &Scenario) -> Result<Ran, CampaignError> {
    let ran = runner.run(Level::Core, subject, scenario);
    ran.map_err(|source| CampaignError::World {
        seed: scenario.seed,
        source,
    })
}
