//! Scenarios that once failed: the reference orchestrator passes them for ever after.

use std::fs;
use std::path::Path;

use turquoise_scenarios::run::{Level, Runner};
use turquoise_scenarios::scenario::Scenario;
use turquoise_scenarios::subject::Subject;

#[test]
fn the_reference_passes_every_scenario_that_once_failed() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let runner = Runner::default();
    let mut replayed = 0;
    for entry in fs::read_dir(&corpus).expect("the corpus is in the repository") {
        let path = entry.expect("a readable entry").path();
        if path.extension().is_none_or(|found| found != "json") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a readable scenario");
        let scenario = Scenario::from_json(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let ran = runner
            .run(Level::Core, Subject::Turquoise, &scenario)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            ran.verdict.holds(),
            "{}: {:?}",
            path.display(),
            ran.verdict.violations
        );
        replayed += 1;
    }
    println!("{replayed} scenarios replayed");
}
