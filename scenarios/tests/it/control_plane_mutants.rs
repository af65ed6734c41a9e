//! The control plane's, the orchestrator's and people's failures (catalogue C.4 to C.6): each mutant
//! dies of an oracle it belongs to, on a seed that the reference passes, within forty seeds.

use turquoise_scenarios::campaign::{Kill, Options, simulate};
use turquoise_scenarios::mutants::{MUTANTS, Mutant, NOT_SEEDED};

/// Catalogue entries of C.4, C.5 and C.6.
const ENTRIES: std::ops::RangeInclusive<u32> = 58..=107;

fn number(entry: &str) -> Option<u32> {
    entry.strip_prefix('F')?.parse().ok()
}

fn ours() -> Vec<&'static Mutant> {
    let within = |mutant: &&Mutant| number(mutant.catalogue).is_some_and(|n| ENTRIES.contains(&n));
    MUTANTS.iter().filter(within).collect()
}

#[test]
fn every_entry_is_seeded_or_says_why_not() {
    let seeded = MUTANTS.iter().map(|mutant| mutant.catalogue);
    let told = NOT_SEEDED.iter().map(|(entry, _)| *entry);
    let known: std::collections::BTreeSet<_> = seeded.chain(told).filter_map(number).collect();
    let missing: Vec<_> = ENTRIES.filter(|entry| !known.contains(entry)).collect();
    assert_eq!(missing, [0; 0]);
}

#[test]
fn each_dies_of_an_oracle_it_belongs_to_within_forty_seeds() {
    let report = simulate(
        &Options {
            seeds: 0..0,
            mutants: ours(),
            mutant_seeds: 40,
            ..Options::default()
        },
        &|_| {},
    );
    let table = report.expect("every scenario can be set up").mutants.table;
    let survivors: Vec<&Kill> = table.iter().filter(|kill| !kill.killed).collect();
    assert!(survivors.is_empty(), "{survivors:#?}");
    for kill in &table {
        assert!(kill.seed.is_some_and(|seed| seed < 40), "{kill:?}");
    }
}
