//! What a campaign has seen so far; adding results in any order gives the same sums.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::Progress;
use super::kill::Kill;
use super::report::{CampaignReport, CoverageReport, Failure, MutantReport};
use crate::coverage::{Coverage, POINTS};
use crate::generate::Generated;
use crate::run::Ran;
use crate::trace::Digest;

#[derive(Debug, Default)]
pub(super) struct Tally {
    scenarios: u64,
    requests: u64,
    declined: u64,
    digest: Digest,
    coverage: Coverage,
    outcomes: BTreeMap<&'static str, u64>,
    failures: BTreeMap<u64, Failure>,
    kills: BTreeMap<usize, Kill>,
}

impl Tally {
    pub(super) fn seed(&mut self, generated: &Generated, ran: &Ran, failure: Option<Failure>) {
        self.scenarios += 1;
        self.requests += ran.verdict.requests.sent;
        self.declined += u64::from(generated.declined);
        self.digest = self.digest.add(ran.digest);
        self.coverage.add(Coverage::of(&ran.observation));
        let outcome = ran
            .observation
            .end
            .map_or("never ended", |end| end.outcome.name());
        *self.outcomes.entry(outcome).or_default() += 1;
        if let Some(failure) = failure {
            self.failures.insert(generated.scenario.seed, failure);
        }
    }

    pub(super) fn mutant(&mut self, index: usize, kill: Kill) {
        self.kills.insert(index, kill);
    }

    pub(super) fn progress(&self, seeds: &Range<u64>) -> Progress {
        let killed = self.kills.values().filter(|kill| kill.killed).count();
        Progress {
            scenarios: self.scenarios,
            of: seeds.end.saturating_sub(seeds.start),
            failed: self.failures.len() as u64,
            killed,
            survived: self.kills.len() - killed,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate for people; counts stay far below 2^53"
    )]
    pub(super) fn report(self, took: Duration) -> CampaignReport {
        let seconds = took.as_secs_f64().max(f64::MIN_POSITIVE);
        let kills: Vec<Kill> = self.kills.into_values().collect();
        let survivors = kills.iter().filter(|kill| !kill.killed);
        CampaignReport {
            scenarios: self.scenarios,
            failed: self.failures.len() as u64,
            requests: self.requests,
            requests_per_s: self.requests as f64 / seconds,
            scenarios_per_s: self.scenarios as f64 / seconds,
            mutants: MutantReport {
                total: kills.len(),
                killed: kills.iter().filter(|kill| kill.killed).count(),
                survivors: survivors.map(|kill| kill.mutant).collect(),
                table: kills,
            },
            coverage: CoverageReport {
                reached: self.coverage.reached(),
                expected: POINTS.len(),
                missing: self.coverage.missing(),
            },
            digest: self.digest,
            declined: self.declined,
            outcomes: self.outcomes,
            duration_s: seconds,
            failures: self.failures.into_values().collect(),
        }
    }
}
