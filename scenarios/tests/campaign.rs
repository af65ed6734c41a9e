//! A small campaign: the reference passes, every mutant dies of the oracle it belongs to, and the
//! digest does not depend on the threads.

use std::num::NonZero;

use turquoise_scenarios::campaign::{CampaignReport, Options, simulate};

fn campaign(options: &Options) -> CampaignReport {
    simulate(options, &|_| {}).unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

#[test]
fn the_reference_passes_and_every_mutant_is_killed_by_its_own_oracle() {
    let report = campaign(&Options {
        seeds: 0..40,
        mutant_seeds: 5,
        ..Options::default()
    });
    assert_eq!(report.scenarios, 40);
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    assert!(report.mutants.total >= 20);
    assert_eq!(
        report.mutants.survivors, [""; 0],
        "{:?}",
        report.mutants.table
    );
    assert!(report.requests > 100_000);
}

#[test]
fn any_number_of_threads_gives_one_digest() {
    let with = |threads| {
        campaign(&Options {
            seeds: 100..112,
            mutants: Vec::new(),
            threads: NonZero::new(threads),
            ..Options::default()
        })
    };
    let (one, three) = (with(1), with(3));
    assert_eq!(one.digest, three.digest);
    assert_eq!(one.requests, three.requests);
    assert_ne!(one.digest.0, 0);
}

#[test]
fn a_campaign_without_time_runs_nothing_and_says_so() {
    let report = campaign(&Options {
        time_limit: Some(std::time::Duration::ZERO),
        ..Options::default()
    });
    assert_eq!(report.scenarios, 0);
    assert_eq!(report.coverage.reached, 0);
    assert!(report.coverage.expected > 20);
}

#[test]
fn the_report_has_the_names_that_other_programs_rely_on() {
    let report = campaign(&Options {
        seeds: 0..1,
        mutants: Vec::new(),
        ..Options::default()
    });
    let json = serde_json::to_value(&report).expect("a report is plain data");
    assert_eq!(json["event"], "result");
    for member in [
        "/scenarios",
        "/failed",
        "/requests",
        "/requests_per_s",
        "/scenarios_per_s",
        "/mutants/total",
        "/mutants/killed",
        "/mutants/survivors",
        "/coverage/reached",
        "/coverage/expected",
        "/digest",
    ] {
        assert!(json.pointer(member).is_some(), "{member} in {json}");
    }
}
