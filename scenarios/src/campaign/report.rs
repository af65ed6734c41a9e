//! The report of a campaign; member names as in design.md, "JSON that other programs rely on".

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::kill::Kill;
use crate::invariant::Invariant;
use crate::run::Ran;
use crate::trace::Digest;

/// What a campaign found.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename = "result")]
pub struct CampaignReport {
    /// Scenarios of the reference orchestrator.
    pub scenarios: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Requests simulated in them.
    pub requests: u64,
    /// Requests per second of wall-clock time.
    pub requests_per_s: f64,
    /// Scenarios per second of wall-clock time, with the mutants' time in it.
    pub scenarios_per_s: f64,
    /// The mutants.
    pub mutants: MutantReport,
    /// The interesting places.
    pub coverage: CoverageReport,
    /// The sum of all traces of the reference orchestrator.
    pub digest: Digest,
    /// Faults that were drawn and declined.
    pub declined: u64,
    /// Scenarios by how the orchestrator ended.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Wall-clock seconds.
    pub duration_s: f64,
    /// The failures, by seed.
    pub failures: Vec<Failure>,
}

/// How the mutants fared.
#[derive(Clone, Debug, Serialize)]
pub struct MutantReport {
    /// Mutants hunted.
    pub total: usize,
    /// Mutants killed by an oracle they belong to.
    pub killed: usize,
    /// The others.
    pub survivors: Vec<&'static str>,
    /// Who was killed by whom, and after how many scenarios.
    pub table: Vec<Kill>,
}

/// Which interesting places were visited.
#[derive(Clone, Debug, Serialize)]
pub struct CoverageReport {
    /// How many were.
    pub reached: usize,
    /// How many there are.
    pub expected: usize,
    /// The names of those that were not.
    pub missing: Vec<&'static str>,
}

/// A scenario that the reference orchestrator failed.
#[derive(Clone, Debug, Serialize)]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

impl Failure {
    pub(super) fn new(seed: u64, ran: &Ran, folder: Option<PathBuf>) -> Self {
        let verdict = &ran.verdict;
        let first = verdict.violations.first();
        Self {
            seed,
            violated: verdict.violated.keys().copied().collect(),
            lost: verdict.requests.lost(),
            why: first.map_or_else(String::new, |violation| violation.what.clone()),
            replay: format!(
                "turquoise simulate --seeds {seed}..{} --no-mutants",
                seed + 1
            ),
            folder,
        }
    }
}

impl CampaignReport {
    /// Whether the reference orchestrator passed, every mutant was killed and every place visited.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failed == 0 && self.mutants.survivors.is_empty()
    }
}
