//! The report of a campaign; member names as in design.md, "JSON that other programs rely on".
//!
//! A report is read back too: the reports of shards are merged into one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::build::Build;
use super::catalogue::NotSeeded;
use super::interval::Interval;
use super::kill::Kill;
use super::shard::Shard;
use crate::harness::HarnessRun;
use crate::invariant::Invariant;
use crate::run::Ran;
use crate::scenario::Azure;
use crate::trace::Digest;

/// A campaign of this many scenarios must have visited every interesting place; a shorter one need
/// not, and says which it left out.
pub const SOMETIMES_AFTER: u64 = 1000;

/// What a campaign found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename = "result")]
pub struct CampaignReport {
    /// Scenarios of the reference orchestrator.
    pub scenarios: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Requests simulated in them.
    pub requests: u64,
    /// Requests lost in them, those to the weather alone too.
    pub lost: u64,
    /// Requests lost in those that failed.
    pub lost_in_failed: u64,
    /// Requests per second of wall-clock time.
    pub requests_per_s: f64,
    /// Scenarios per second of wall-clock time, with the mutants' time in it.
    pub scenarios_per_s: f64,
    /// The mutants.
    pub mutants: MutantReport,
    /// The mutants of the harness itself, H01 to H15, where they were run.
    #[serde(default)]
    pub harness: Vec<HarnessRun>,
    /// The interesting places.
    pub coverage: CoverageReport,
    /// The sum of all traces of the reference orchestrator.
    pub digest: Digest,
    /// Faults that were drawn and declined.
    pub declined: u64,
    /// Scenarios by how the orchestrator ended.
    pub outcomes: BTreeMap<String, u64>,
    /// Wall-clock seconds; of several shards the longest.
    pub duration_s: f64,
    /// The failures, by seed.
    pub failures: Vec<Failure>,
    /// What was to be run.
    pub plan: Plan,
    /// The seeds that were run, in order, without overlap.
    pub seeds: Vec<Seeds>,
    /// Why it ended before its plan did; absent when it did not.
    pub partial: Option<Partial>,
    /// Whether its profile makes it evidence at all (H09).
    pub evidence: bool,
    /// The rate of failing scenarios, with its bounds.
    pub failure_rate: Interval,
    /// The rate of requests lost in failing scenarios, with its bounds. Requests of one scenario
    /// share its fate, so these bounds are narrower than they should be.
    pub loss_rate: Interval,
    /// Which build ran it.
    pub build: Build,
}

/// What a campaign was asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The seeds of the whole campaign, all shards together.
    pub seeds: Seeds,
    /// The mutants hunted by all shards together.
    pub mutants: Vec<String>,
    /// Seeds in each range of a hunt.
    pub mutant_seeds: u64,
    /// Ranges of a hunt.
    pub mutant_ranges: u64,
    /// Whether the harness is mutated too.
    #[serde(default)]
    pub harness: bool,
    /// How Azure behaves where evidence leaves it open.
    pub profile: Azure,
    /// The share that this report is of.
    pub shard: Shard,
}

/// Seeds from one to before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// Behind the last; absent for a campaign that runs until its time is up.
    pub end: Option<u64>,
}

/// Why a campaign ended before its plan did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Partial {
    /// Somebody asked it to.
    Interrupted,
    /// Its time was up before its seeds or its hunts were.
    Time,
}

/// How the mutants fared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutantReport {
    /// Mutants hunted.
    pub total: usize,
    /// Mutants killed by an oracle they belong to.
    pub killed: usize,
    /// Those that were not.
    pub survivors: Vec<String>,
    /// Those of the survivors that other oracles did notice.
    pub warnings: Vec<String>,
    /// Those killed, but by no oracle that the catalogue names for them.
    pub by_another_oracle: Vec<String>,
    /// Invariants that are judged and that none of these mutants violated where it was killed: of
    /// those oracles nothing was shown.
    pub unproven: Vec<Invariant>,
    /// Each of them: killed by whom, and after how many scenarios.
    pub table: Vec<Kill>,
    /// Entries of the catalogue that no mutant stands for, each with its reason.
    pub not_seeded: Vec<NotSeeded>,
    /// Entries of the catalogue that nobody has accounted for.
    pub unaccounted: Vec<String>,
}

/// Which interesting places were visited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageReport {
    /// How many were.
    pub reached: usize,
    /// How many there are.
    pub expected: usize,
    /// The names of those that were not.
    pub missing: Vec<String>,
    /// Each place, and in how many scenarios it was visited.
    pub places: BTreeMap<String, u64>,
    /// Whether the campaign was long enough for a missing place to fail it.
    pub judged: bool,
}

/// A scenario that the reference orchestrator failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What was violated.
    pub violated: Vec<Invariant>,
    /// Requests lost.
    pub lost: u64,
    /// The first violation's sentence.
    pub why: String,
    /// The command that replays it.
    pub replay: String,
    /// Its folder, where one was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

impl Failure {
    pub(super) fn new(seed: u64, profile: Azure, ran: &Ran, folder: Option<PathBuf>) -> Self {
        let verdict = &ran.verdict;
        let first = verdict.violations.first();
        Self {
            seed,
            violated: verdict.violated.keys().copied().collect(),
            lost: verdict.requests.lost(),
            why: first.map_or_else(String::new, |violation| violation.what.clone()),
            replay: replay(seed, profile, folder.as_ref()),
            folder,
        }
    }
}

fn replay(seed: u64, profile: Azure, folder: Option<&PathBuf>) -> String {
    if let Some(folder) = folder {
        return format!("turquoise replay {}", folder.display());
    }
    let profile = match profile {
        Azure::Pessimistic => String::new(),
        other => format!(" --profile {}", other.name()),
    };
    let end = seed.saturating_add(1);
    format!("turquoise simulate --seeds {seed}..{end} --no-mutants{profile}")
}

impl CampaignReport {
    /// Whether the reference orchestrator passed, every mutant was killed, every mutant of the
    /// harness found out and, in a campaign long enough, every place visited.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failed == 0
            && self.mutants.survivors.is_empty()
            && self.unnoticed().next().is_none()
            && self.coverage.holds()
    }

    /// The mutants of the harness that nobody noticed.
    pub fn unnoticed(&self) -> impl Iterator<Item = &HarnessRun> {
        self.harness.iter().filter(|run| !run.caught)
    }
}

impl MutantReport {
    /// The account of these hunts.
    pub(super) fn new(table: Vec<Kill>) -> Self {
        let names = |chosen: &dyn Fn(&Kill) -> bool| -> Vec<String> {
            let chosen = table.iter().filter(|kill| chosen(kill));
            chosen.map(|kill| kill.mutant.clone()).collect()
        };
        Self {
            total: table.len(),
            killed: table.iter().filter(|kill| kill.killed).count(),
            survivors: names(&|kill| !kill.killed),
            warnings: names(&Kill::is_by_another),
            by_another_oracle: names(&|kill| kill.killed && !kill.right),
            unproven: unproven(&table),
            not_seeded: super::catalogue::not_seeded(),
            unaccounted: super::catalogue::unaccounted(),
            table,
        }
    }
}

/// The judged invariants that no killed mutant violated.
fn unproven(table: &[Kill]) -> Vec<Invariant> {
    let shown: BTreeSet<Invariant> = table
        .iter()
        .filter(|kill| kill.killed)
        .flat_map(|kill| kill.violated.iter().copied())
        .collect();
    let judged: BTreeSet<Invariant> = crate::oracles::judged().collect();
    judged.difference(&shown).copied().collect()
}

impl CoverageReport {
    /// The account of these visits.
    pub(super) fn new(places: BTreeMap<String, u64>, judged: bool) -> Self {
        let missing = places.iter().filter(|(_, visits)| **visits == 0);
        Self {
            reached: places.values().filter(|visits| **visits > 0).count(),
            expected: places.len(),
            missing: missing.map(|(name, _)| name.clone()).collect(),
            judged,
            places,
        }
    }

    /// Whether nothing that had to be visited was left out.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.judged || self.missing.is_empty()
    }
}

impl Plan {
    /// Whether both are of one campaign: everything but the share is equal.
    #[must_use]
    pub fn is_of_one_campaign_with(&self, other: &Self) -> bool {
        let whole = |plan: &Self| Self {
            shard: Shard::ALL,
            ..plan.clone()
        };
        whole(self) == whole(other) && self.shard.count() == other.shard.count()
    }
}

impl Partial {
    /// The word in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Time => "time",
        }
    }
}
