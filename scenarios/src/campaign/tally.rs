//! What a campaign has seen so far; adding results in any order gives the same sums.

use std::collections::BTreeMap;
use std::time::Duration;

use super::build::Build;
use super::interval::Interval;
use super::kill::Kill;
use super::report::{
    CampaignReport, CoverageReport, Failure, MutantReport, Partial, Plan, SOMETIMES_AFTER, Seeds,
};
use crate::coverage::{Coverage, POINTS};
use crate::generate::Generated;
use crate::harness::HarnessRun;
use crate::run::Ran;
use crate::trace::Digest;

#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) scenarios: u64,
    pub(super) requests: u64,
    pub(super) lost: u64,
    pub(super) lost_in_failed: u64,
    pub(super) declined: u64,
    pub(super) digest: Digest,
    pub(super) places: BTreeMap<String, u64>,
    pub(super) outcomes: BTreeMap<String, u64>,
    pub(super) failures: BTreeMap<u64, Failure>,
    pub(super) kills: Vec<Kill>,
    pub(super) harness: Vec<HarnessRun>,
}

/// What a report says beside the sums.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) plan: Plan,
    pub(super) seeds: Vec<Seeds>,
    pub(super) partial: Option<Partial>,
    pub(super) build: Build,
    pub(super) took: Duration,
}

impl Tally {
    pub(super) fn seed(&mut self, generated: &Generated, ran: &Ran, failure: Option<Failure>) {
        let lost = ran.verdict.requests.lost();
        self.scenarios += 1;
        self.requests += ran.verdict.requests.sent;
        self.lost += lost;
        self.declined += u64::from(generated.declined);
        self.digest = self.digest.add(ran.digest);
        for name in Coverage::of(&ran.observation).names() {
            *self.places.entry(name.to_owned()).or_default() += 1;
        }
        let outcome = ran
            .observation
            .end
            .map_or("never ended", |end| end.outcome.name());
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
        if let Some(failure) = failure {
            self.lost_in_failed += lost;
            self.failures.insert(generated.scenario.seed, failure);
        }
    }

    pub(super) fn mutant(&mut self, kill: Kill) {
        self.kills.push(kill);
    }

    pub(super) fn harness(&mut self, run: HarnessRun) {
        self.harness.push(run);
    }

    pub(super) fn killed(&self) -> usize {
        self.kills.iter().filter(|kill| kill.killed).count()
    }

    /// Adds what another shard has seen.
    pub(super) fn add(&mut self, report: &CampaignReport) {
        self.scenarios += report.scenarios;
        self.requests += report.requests;
        self.lost += report.lost;
        self.lost_in_failed += report.lost_in_failed;
        self.declined += report.declined;
        self.digest = self.digest.add(report.digest);
        sum(&mut self.places, &report.coverage.places);
        sum(&mut self.outcomes, &report.outcomes);
        let failures = report.failures.iter();
        self.failures
            .extend(failures.map(|failure| (failure.seed, failure.clone())));
        self.kills.extend(report.mutants.table.iter().cloned());
        self.harness.extend(report.harness.iter().cloned());
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate for people; counts stay far below 2^53"
    )]
    pub(super) fn report(mut self, frame: Frame) -> CampaignReport {
        let seconds = frame.took.as_secs_f64().max(f64::MIN_POSITIVE);
        let failed = self.failures.len() as u64;
        let evidence = frame.plan.profile.is_evidence();
        // Two threads, or two shards, end their hunts in any order.
        let order = |kill: &Kill| frame.plan.mutants.iter().position(|id| *id == kill.mutant);
        self.kills.sort_by_key(order);
        self.harness.sort_by(|one, other| one.id.cmp(&other.id));
        for point in POINTS {
            self.places.entry(point.name.to_owned()).or_default();
        }
        CampaignReport {
            scenarios: self.scenarios,
            failed,
            requests: self.requests,
            lost: self.lost,
            lost_in_failed: self.lost_in_failed,
            requests_per_s: self.requests as f64 / seconds,
            scenarios_per_s: self.scenarios as f64 / seconds,
            mutants: MutantReport::new(self.kills),
            harness: self.harness,
            coverage: CoverageReport::new(
                self.places,
                evidence && self.scenarios >= SOMETIMES_AFTER,
            ),
            digest: self.digest,
            declined: self.declined,
            outcomes: self.outcomes,
            duration_s: seconds,
            failures: self.failures.into_values().collect(),
            plan: frame.plan,
            seeds: frame.seeds,
            partial: frame.partial,
            evidence,
            failure_rate: Interval::wilson(failed, self.scenarios),
            loss_rate: Interval::wilson(self.lost_in_failed, self.requests),
            build: frame.build,
        }
    }
}

fn sum(into: &mut BTreeMap<String, u64>, other: &BTreeMap<String, u64>) {
    for (name, count) in other {
        *into.entry(name.clone()).or_default() += count;
    }
}
