//! The reference orchestrator in generated storms: every family of trouble, seed by seed.

use turquoise_scenarios::campaign::{Options, simulate};

/// `TURQUOISE_SEEDS=0..1000` runs more than every test run does.
fn seeds() -> std::ops::Range<u64> {
    let given = std::env::var("TURQUOISE_SEEDS").ok();
    let given = given.as_deref().and_then(|text| text.split_once(".."));
    given.map_or(0..150, |(from, to)| {
        let number = |text: &str| text.parse().expect("TURQUOISE_SEEDS is `from..to`");
        number(from)..number(to)
    })
}

#[test]
fn the_reference_passes_every_storm() {
    let options = Options {
        seeds: seeds(),
        mutants: Vec::new(),
        ..Options::default()
    };
    let report = simulate(&options, &|_| {}).unwrap_or_else(|e| panic!("{e}: {e:?}"));
    eprintln!(
        "{:?}\nmissing {:?}\n{:.1} s, declined {}",
        report.outcomes, report.coverage.missing, report.duration_s, report.declined
    );
    for failure in &report.failures {
        eprintln!("{} {:?} {}", failure.seed, failure.violated, failure.why);
    }
    assert_eq!(report.failed, 0, "of {}", report.scenarios);
    for outcome in ["completed", "rolled_back", "parked", "unchanged"] {
        assert!(report.outcomes.contains_key(outcome), "{outcome}");
    }
}
