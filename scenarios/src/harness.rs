//! Mutants of the harness itself (failure-catalogue.md C.8): a green campaign is evidence only if a
//! harness that looks away is found out.
//!
//! Each of the fifteen has a *meta-test*: a statement about the harness that can be measured. The
//! meta-test is asked twice: of the harness as it is, which must pass, and of the same harness with
//! one thing made wrong, which must not. [`harness_mutants`] is the registry, [`HarnessMutant::run`]
//! asks both. What is made wrong sits between a real run and the real judge; there is no branch for
//! a mutant in either.

mod bench;
mod campaigns;
mod ledgers;
mod sources;
mod traffic;

use serde::{Deserialize, Serialize};

pub use bench::Bench;

/// The harness as it is, or with one thing made wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harness {
    /// As it is.
    Honest,
    /// Made wrong.
    Mutated,
}

/// Why a meta-test is red: what it measured.
pub(crate) type Red = String;

/// A harness that looks away in one way.
#[derive(Clone, Copy, Debug)]
pub struct HarnessMutant {
    /// `H01` to `H15`, as in the catalogue.
    pub id: &'static str,
    /// The catalogue's name without its prefix, such as `closed-loop`.
    pub name: &'static str,
    /// How it hides losses.
    pub hides: &'static str,
    /// What must turn red.
    pub meta_test: &'static str,
    /// Measures the meta-test.
    check: fn(&Bench, Harness) -> Result<(), Red>,
}

/// How a harness mutant fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarnessRun {
    /// `H01` to `H15`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it hides losses.
    pub hides: String,
    /// The meta-test that must turn red.
    pub meta_test: String,
    /// Whether it was found out, by a meta-test that the honest harness passes.
    pub caught: bool,
    /// What the meta-test measured: of the mutant when it was caught, else why it was not.
    pub by: String,
}

impl HarnessMutant {
    /// Asks the meta-test of the honest harness and of the mutated one.
    #[must_use]
    pub fn run(&self, bench: &Bench) -> HarnessRun {
        let honest = (self.check)(bench, Harness::Honest);
        let mutated = (self.check)(bench, Harness::Mutated);
        let (caught, by) = match (honest, mutated) {
            (Ok(()), Err(red)) => (true, red),
            (Ok(()), Ok(())) => (false, format!("stays green: {}", self.meta_test)),
            (Err(red), _) => (false, format!("the harness as it is fails: {red}")),
        };
        HarnessRun {
            id: self.id.to_owned(),
            name: self.name.to_owned(),
            hides: self.hides.to_owned(),
            meta_test: self.meta_test.to_owned(),
            caught,
            by,
        }
    }
}

/// Every mutant of the harness, in the catalogue's order.
#[must_use]
pub fn harness_mutants() -> &'static [HarnessMutant] {
    &MUTANTS
}

const fn mutant(
    id: &'static str,
    name: &'static str,
    hides: &'static str,
    meta_test: &'static str,
    check: fn(&Bench, Harness) -> Result<(), Red>,
) -> HarnessMutant {
    HarnessMutant {
        id,
        name,
        hides,
        meta_test,
        check,
    }
}

const MUTANTS: [HarnessMutant; 15] = [
    mutant(
        "H01",
        "closed-loop",
        "the next request waits for the previous answer, so that an outage produces few samples",
        "a total stop of 3 s shows at least 2 late answers per request a second",
        traffic::closed_loop,
    ),
    mutant(
        "H02",
        "client-retries",
        "the client sends again silently when its connection is reset",
        "a server that resets every hundredth connection shows one loss in a hundred",
        ledgers::client_retries,
    ),
    mutant(
        "H03",
        "pool-only",
        "only one connection class is sent, so that what hits the other is invisible",
        "a server that refuses new connections shows losses, one that cuts kept ones too",
        ledgers::one_connection_class,
    ),
    mutant(
        "H04",
        "status-only",
        "only status codes are checked, so that half a body passes",
        "answers cut short after a 200 show as truncated",
        ledgers::status_only,
    ),
    mutant(
        "H05",
        "sampler-loss",
        "the last window is lost when the sampler stops",
        "the ledgers obey the conservation law, and nothing is unresolved",
        ledgers::sampler_loss,
    ),
    mutant(
        "H06",
        "exclude-window",
        "failures near a phase change are excluded as expected",
        "a swap that is known to lose requests at its writes shows losses",
        ledgers::excluded_window,
    ),
    mutant(
        "H07",
        "avg-bins",
        "failures are averaged into wide bins, where a short gap looks like a good share",
        "a gap of 400 ms is reported as at least 300 ms",
        traffic::wide_bins,
    ),
    mutant(
        "H08",
        "low-rate",
        "probes come so rarely that a gap falls between two of them",
        "a gap of 400 ms is reported as at least 300 ms by the traffic that is sent",
        traffic::low_rate,
    ),
    mutant(
        "H09",
        "happy-env",
        "the emulated Azure is nicer than Azure",
        "every generated scenario is played at the pessimistic profile",
        campaigns::happy_environment,
    ),
    mutant(
        "H10",
        "no-coverage",
        "interesting states are never reached, so that properties are vacuously green",
        "the phases and injected faults that a campaign promises are all reached",
        campaigns::no_coverage,
    ),
    mutant(
        "H11",
        "oracle-shares-code",
        "an oracle reuses code of the orchestrator and shares its mistakes",
        "no source of the judge names the orchestrator's crate",
        sources::shared_code,
    ),
    mutant(
        "H12",
        "time-leak",
        "the wall clock leaks into simulated time, so that seeds do not reproduce",
        "one seed run twice gives one digest",
        campaigns::time_leak,
    ),
    mutant(
        "H13",
        "client-abort",
        "losses are labelled as aborts of the client",
        "a swap that is known to lose requests shows losses, and no abort nobody decided on",
        ledgers::client_abort,
    ),
    mutant(
        "H14",
        "shrink-changes-bug",
        "shrinking lands on another failure than the one it began with",
        "the shrunk scenario breaks the invariant that the original broke",
        campaigns::shrinking,
    ),
    mutant(
        "H15",
        "golden-drift",
        "the reference fails too, and people learn to ignore red",
        "the orchestrator that counts as the reference passes every seed it is asked",
        campaigns::golden_drift,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_of_the_harness_is_caught_and_the_harness_is_not() {
        let bench = Bench::new();
        let runs = harness_mutants().iter().map(|mutant| mutant.run(&bench));
        let survivors: Vec<_> = runs.filter(|run| !run.caught).collect();
        assert_eq!(survivors, [], "survivors of {}", harness_mutants().len());
    }

    #[test]
    fn the_registry_is_the_catalogue_s_list() {
        let ids: Vec<&str> = harness_mutants().iter().map(|mutant| mutant.id).collect();
        let expected: Vec<String> = (1..=15).map(|number| format!("H{number:02}")).collect();
        assert_eq!(ids, expected);
    }
}
