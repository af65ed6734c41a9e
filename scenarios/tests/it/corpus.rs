//! Scenarios that once failed: each is replayed on its orchestrator and ends as it says.

use std::fs;
use std::path::Path;

use turquoise_scenarios::replay::Recorded;
use turquoise_scenarios::run::{Level, Runner};

#[test]
fn every_scenario_of_the_corpus_ends_as_it_says() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let runner = Runner::default();
    let mut replayed = 0;
    for entry in fs::read_dir(&corpus).expect("the corpus is in the repository") {
        let path = entry.expect("a readable entry").path();
        if path.extension().is_none_or(|found| found != "json") {
            continue;
        }
        let recorded = Recorded::read(&path, false);
        let recorded = recorded.unwrap_or_else(|error| panic!("{error}: {error:?}"));
        let ran = recorded.run(&runner, Level::Core);
        let ran = ran.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(
            recorded.differences(&ran, true),
            [""; 0],
            "{}: {:?}",
            path.display(),
            ran.verdict.violations
        );
        // A scenario alone is the reference's, and the reference passes it.
        assert!(
            recorded.expected.is_some() || ran.verdict.holds(),
            "{}: {:?}",
            path.display(),
            ran.verdict.violations
        );
        replayed += 1;
    }
    println!("{replayed} scenarios replayed");
    assert!(replayed > 0, "the corpus is empty");
}
