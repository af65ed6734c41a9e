//! The script of 2017 in the occasions of the catalogue: which of its failures it shows.
//!
//! An occasion is the scenario that exposes a wrong orchestrator, with its faults. The script shows
//! a failure where it breaks an invariant that the catalogue names for the entry, and the reference
//! passes the same scenario.

use std::collections::BTreeSet;

use turquoise_scenarios::campaign::named;
use turquoise_scenarios::mutants::{MUTANTS, Mutant};
use turquoise_scenarios::run::{Level, Ran, Runner};
use turquoise_scenarios::scenario::Scenario;
use turquoise_scenarios::subject::Subject;

/// Seeds of each occasion.
const SEEDS: u64 = 3;

/// What it does not know of: any health but its own idea of it (C.1), capacity (C.2), machines that
/// start late or answer badly, other writers and their etags (C.4), operations that end late or not
/// at all, its own crashes and doubles (C.5), and what the application needs of a mixture (C.7).
const MUST_FAIL: &[&str] = &[
    "F01", "F02", "F03", "F04", "F05", "F06", "F07", "F08", "F12", "F13", "F14", "F15", "F16",
    "F17", "F22", "F23", "F27", "F29", "F39", "F40", "F41", "F52", "F57", "F58", "F59", "F60",
    "F62", "F63", "F65", "F66", "F67", "F68", "F70", "F75", "F77", "F78", "F79", "F81", "F88",
    "F92", "F102", "F104", "F105", "F108", "F109", "F110", "F111", "F112", "F114",
];

fn run(runner: &Runner, subject: Subject, scenario: &Scenario) -> Ran {
    let ran = runner.run(Level::Core, subject, scenario);
    ran.unwrap_or_else(|error| panic!("{subject}, seed {}: {error}", scenario.seed))
}

/// Whether the script breaks here what the catalogue says that this entry breaks.
fn shows(runner: &Runner, occasion: &Mutant, seed: u64) -> bool {
    let script = run(runner, Subject::Published, &occasion.met(seed));
    let right = named(occasion.catalogue);
    let broken = script.verdict.violated.keys();
    let broken: Vec<_> = broken.filter(|broken| right.contains(broken)).collect();
    let shown = !broken.is_empty();
    shown
        && run(runner, Subject::Turquoise, &occasion.exposed(seed))
            .verdict
            .holds()
}

#[test]
fn the_published_script_fails_where_the_catalogue_says_so() {
    let runner = Runner::default();
    let shown: BTreeSet<&str> = MUTANTS
        .iter()
        .filter(|occasion| (0..SEEDS).any(|seed| shows(&runner, occasion, seed)))
        .map(|occasion| occasion.catalogue)
        .collect();
    let missing = MUST_FAIL.iter().filter(|entry| !shown.contains(*entry));
    assert_eq!(missing.count(), 0, "the script shows only {shown:?}");
}
