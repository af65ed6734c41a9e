//! Harness mutants of generators, campaigns and shrinking.

use std::collections::BTreeSet;
use std::time::Duration;

use super::bench::{Bench, require};
use super::{Harness, Red};
use crate::breaks::Break;
use crate::coverage::Coverage;
use crate::generate;
use crate::scenario::{Azure, Scenario};
use crate::shrink::shrink;
use crate::subject::Subject;
use crate::trace::Digest;

/// Seeds that a generator is asked for where nothing has to be run.
const ASKED: u64 = 200;
/// Seeds run before a place that was not reached counts as unreachable; it takes about fifty.
const PATIENCE: u64 = 400;

/// H09.
pub(super) fn happy_environment(_bench: &Bench, harness: Harness) -> Result<(), Red> {
    for seed in 0..ASKED {
        let mut scenario = generate::scenario(seed).scenario;
        if harness == Harness::Mutated {
            scenario.azure = Azure::Nice;
        }
        require(scenario.azure == Azure::Pessimistic, || {
            format!("seed {seed} is played on a {:?} Azure", scenario.azure)
        })?;
    }
    Ok(())
}

/// H10.
pub(super) fn no_coverage(bench: &Bench, harness: Harness) -> Result<(), Red> {
    let mut coverage = Coverage::default();
    let seeds = match harness {
        Harness::Honest => 0..PATIENCE,
        Harness::Mutated => 0..40,
    };
    for seed in seeds {
        let scenario = match harness {
            Harness::Honest => generate::scenario(seed).scenario,
            Harness::Mutated => generate::calm(seed),
        };
        let ran = bench.ran(Subject::Turquoise, &scenario)?;
        coverage.add(Coverage::of(&ran.observation));
        if unreached(&coverage).is_empty() {
            return Ok(());
        }
    }
    Err(format!(
        "never reached: {}",
        unreached(&coverage).join(", ")
    ))
}

/// Faults and phases that no run has seen. Rarer places need a campaign of their own size, which
/// reports them itself.
fn unreached(coverage: &Coverage) -> Vec<&'static str> {
    let mut missing = coverage.missing();
    missing.retain(|name| name.starts_with("fault: ") || name.starts_with('P'));
    missing
}

/// H12.
#[expect(
    clippy::disallowed_methods,
    reason = "the mutant is exactly this: the wall clock where only virtual time may be"
)]
pub(super) fn time_leak(bench: &Bench, harness: Harness) -> Result<(), Red> {
    let began = std::time::Instant::now();
    let digest = || {
        let mut run = bench.calm()?;
        if harness == Harness::Mutated {
            for timed in &mut run.events {
                timed.at = timed.at + Duration::from_nanos(began.elapsed().subsec_nanos().into());
            }
        }
        Ok::<_, Red>(Digest::of(1, &run))
    };
    let (first, second) = (digest()?, digest()?);
    require(first == second, || {
        "one seed run twice gives two digests".to_owned()
    })
}

/// H14. The failures are made up, the shrinking is not.
pub(super) fn shrinking(_bench: &Bench, harness: Harness) -> Result<(), Red> {
    let original = (0..)
        .map(|seed| generate::scenario(seed).scenario)
        .find(|scenario| kinds(scenario).len() > 2)
        .expect("because most seeds have several kinds of fault");
    let guilty = kinds(&original).into_iter().next();
    // Two bugs: one needs the first kind of fault, the other any other kind.
    let breaks = |scenario: &Scenario| {
        let kinds = kinds(scenario);
        let first = guilty.is_some_and(|guilty| kinds.contains(guilty));
        let other = kinds.iter().any(|kind| Some(*kind) != guilty);
        (first, other)
    };
    let fails = |scenario: &Scenario| match harness {
        Harness::Honest => breaks(scenario).0,
        Harness::Mutated => breaks(scenario).1,
    };
    let shrunk = shrink(&original, fails).scenario;
    require(breaks(&shrunk).0, || {
        format!("shrunk to {:?}, which does not break it", kinds(&shrunk))
    })
}

fn kinds(scenario: &Scenario) -> BTreeSet<&'static str> {
    scenario.faults.iter().map(|f| f.kind.name()).collect()
}

/// H15.
pub(super) fn golden_drift(bench: &Bench, harness: Harness) -> Result<(), Red> {
    let reference = match harness {
        Harness::Honest => Subject::Turquoise,
        Harness::Mutated => Subject::Broken(Break::NoOverlap),
    };
    for seed in 0..10 {
        let ran = bench.ran(reference, &generate::scenario(seed).scenario)?;
        require(ran.verdict.holds(), || {
            let first = ran.verdict.violated.keys().next();
            let broken = first.map_or_else(|| "the ledgers".to_owned(), ToString::to_string);
            format!("the reference breaks {broken} on seed {seed}")
        })?;
    }
    Ok(())
}
