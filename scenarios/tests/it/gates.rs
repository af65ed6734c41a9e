//! Broken gates and lack of capacity (failure-catalogue.md C.1, C.2): each mutant dies of an oracle it
//! belongs to, on a seed that the reference passes.

use turquoise_scenarios::campaign::{Options, simulate};
use turquoise_scenarios::mutants::{MUTANTS, Mutant, NOT_SEEDED};

/// F01 to F32.
fn of_gates_and_load() -> impl Iterator<Item = &'static Mutant> {
    let number = |entry: &str| entry.trim_start_matches('F').parse::<u32>().ok();
    MUTANTS
        .iter()
        .filter(move |mutant| number(mutant.catalogue).is_some_and(|number| number <= 32))
}

#[test]
fn every_broken_gate_is_killed_by_an_oracle_it_belongs_to() {
    let report = simulate(
        &Options {
            seeds: 0..0,
            mutants: of_gates_and_load().collect(),
            mutant_seeds: 40,
            ..Options::default()
        },
        &|_| {},
    );
    let report = report.unwrap_or_else(|error| panic!("{error}: {error:?}"));
    for kill in &report.mutants.table {
        println!(
            "{} {}: killed {} on {:?} of {} ({} skipped) by {:?}",
            kill.catalogue,
            kill.mutant,
            kill.killed,
            kill.seed,
            kill.tried,
            kill.skipped,
            kill.violated
        );
    }
    assert_eq!(report.mutants.survivors, [""; 0]);
}

#[test]
fn every_entry_is_seeded_or_says_why_it_is_not() {
    for number in 1..=32 {
        let entry = format!("F{number:02}");
        let seeded = MUTANTS.iter().any(|mutant| mutant.catalogue == entry);
        let excused = NOT_SEEDED.iter().any(|(id, _)| *id == entry);
        assert_ne!(seeded, excused, "{entry}");
    }
}
