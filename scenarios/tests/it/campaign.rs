//! A small campaign: the reference passes, every mutant dies of the oracle it belongs to, and the
//! digest does not depend on the threads.

use std::num::NonZero;

use proptest::prelude::*;
use turquoise_scenarios::campaign::{
    Build, CampaignReport, MergeError, Options, Partial, Shard, Stop, merge, simulate,
};
use turquoise_scenarios::mutants::{MUTANTS, Mutant};
use turquoise_scenarios::report::{certificate, junit};
use turquoise_scenarios::scenario::Azure;

fn campaign(options: &Options) -> CampaignReport {
    simulate(options, &|_| {}).unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

#[test]
fn the_reference_passes_and_every_mutant_is_killed_by_its_own_oracle() {
    let report = campaign(&Options {
        seeds: 0..40,
        mutant_seeds: 12,
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
        "/mutants/table",
        "/mutants/not_seeded",
        "/seeds",
        "/plan/profile",
        "/build/source",
        "/failure_rate/upper",
        "/coverage/reached",
        "/coverage/expected",
        "/digest",
    ] {
        assert!(json.pointer(member).is_some(), "{member} in {json}");
    }
}

#[test]
fn a_report_survives_being_written_down() {
    let report = campaign(&Options {
        seeds: 0..2,
        mutants: vec![&MUTANTS[0]],
        ..Options::default()
    });
    let text = serde_json::to_string(&report).expect("a report is plain data");
    let read: CampaignReport = serde_json::from_str(&text).expect("just written");
    assert_eq!(timeless(read), timeless(report));
}

#[test]
fn wrong_harnesses_are_shared_out_and_one_that_nobody_notices_fails_the_campaign() {
    let share = |index| {
        campaign(&Options {
            seeds: 0..2,
            mutants: Vec::new(),
            harness: true,
            shard: Shard::new(index, 2).expect("there is such a share"),
            ..Options::default()
        })
    };
    let (one, two) = (share(1), share(2));
    assert_eq!((one.harness.len(), two.harness.len()), (8, 7));
    let mut whole = merge(&[two.clone(), one]).expect("both shares");
    let ids: Vec<&str> = whole.harness.iter().map(|run| run.id.as_str()).collect();
    assert_eq!((ids.len(), ids[0], ids[14]), (15, "H01", "H15"));
    assert!(whole.holds(), "{:#?}", whole.harness);
    let suite = |report: &CampaignReport, failures: u32| {
        let suite = format!("<testsuite name=\"harness\" tests=\"15\" failures=\"{failures}\"");
        junit::document(report).contains(&suite)
    };
    assert!(suite(&whole, 0));
    assert!(certificate::page(&whole).contains("closed-loop"));
    whole.harness[3].caught = false;
    assert!(!whole.holds() && suite(&whole, 1));
    assert!(certificate::page(&whole).contains("NOT noticed"));
    let half = merge(&[two.clone(), two]);
    assert!(half.is_err(), "{half:?}");
}

/// The seeds and mutants of the sharding tests.
fn small(shard: Shard) -> Options {
    let ids = ["kill-inflight", "lost-update", "empty-pool"];
    let mutants = ids.map(|id| Mutant::by_id(id).expect("a mutant of the first wave"));
    Options {
        seeds: 200..212,
        mutants: mutants.to_vec(),
        mutant_seeds: 20,
        shard,
        ..Options::default()
    }
}

fn shards(count: u64) -> Vec<CampaignReport> {
    let shard = |index| Shard::new(index, count).expect("there is such a share");
    (1..=count)
        .map(|index| campaign(&small(shard(index))))
        .collect()
}

/// Without what a clock wrote.
fn timeless(mut report: CampaignReport) -> CampaignReport {
    (
        report.duration_s,
        report.requests_per_s,
        report.scenarios_per_s,
    ) = (0.0, 0.0, 0.0);
    report
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sharding_merges_to_the_whole_in_any_order(count in 1..16u64, turn in 0..16usize) {
        static WHOLE: std::sync::OnceLock<CampaignReport> = std::sync::OnceLock::new();
        let whole = WHOLE.get_or_init(|| timeless(campaign(&small(Shard::ALL))));
        let mut reports = shards(count);
        let turn = turn % reports.len();
        reports.rotate_left(turn);
        let mut merged = merge(&reports).expect("all shards of one campaign");
        prop_assert_eq!(merged.plan.shard, Shard::ALL);
        merged.plan.shard = whole.plan.shard;
        prop_assert_eq!(&timeless(merged), whole);
    }
}

#[test]
fn what_does_not_belong_together_is_not_merged() {
    let whole = shards(3);
    assert!(merge(&whole).is_ok());
    let refused = |reports: &[CampaignReport]| merge(reports).expect_err("it must be refused");
    assert_eq!(refused(&[]), MergeError::Nothing);
    assert_eq!(
        refused(&[whole[0].clone(), whole[2].clone()]),
        MergeError::Missing {
            first: 204,
            end: 208
        }
    );
    let twice = [
        whole[0].clone(),
        whole[1].clone(),
        whole[1].clone(),
        whole[2].clone(),
    ];
    assert_eq!(
        refused(&twice),
        MergeError::Doubled {
            first: 204,
            end: 208
        }
    );
    let changed = |change: &dyn Fn(&mut CampaignReport)| {
        let mut reports = whole.clone();
        change(&mut reports[1]);
        refused(&reports)
    };
    let build = |report: &mut CampaignReport| {
        report.build = Build {
            source: "another".to_owned(),
            ..Build::default()
        };
    };
    assert!(matches!(changed(&build), MergeError::AnotherBuild { .. }));
    let profile = |report: &mut CampaignReport| report.plan.profile = Azure::Nice;
    assert!(matches!(
        changed(&profile),
        MergeError::AnotherCampaign { .. }
    ));
    let count = |report: &mut CampaignReport| report.scenarios += 1;
    assert!(matches!(changed(&count), MergeError::Miscounted { .. }));
    let hunts = |report: &mut CampaignReport| report.mutants.table.clear();
    assert!(matches!(changed(&hunts), MergeError::MissingHunt(_)));
}

#[test]
fn a_stopped_campaign_leaves_a_partial_report() {
    let stop = Stop::default();
    stop.ask();
    let report = campaign(&Options {
        stop,
        ..small(Shard::ALL)
    });
    assert_eq!(report.partial, Some(Partial::Interrupted));
    assert_eq!((report.scenarios, report.mutants.total), (0, 0));
    let page = certificate::page(&report);
    assert!(page.contains("partial"), "{page}");
}

#[test]
fn a_mutant_is_hunted_through_disjoint_ranges() {
    let report = campaign(&Options {
        seeds: 0..0,
        mutants: vec![Mutant::by_id("kill-inflight").expect("a mutant")],
        mutant_seeds: 20,
        mutant_ranges: 3,
        ..Options::default()
    });
    let kill = &report.mutants.table[0];
    assert_eq!((kill.ranges, kill.first_kills.len()), (3, 3), "{kill:?}");
    assert!(kill.median.is_some_and(|median| median >= 1));
    assert!(
        kill.by
            .iter()
            .all(|invariant| kill.belongs_to.contains(invariant))
    );
    assert_eq!(report.partial, None);
}

#[test]
fn a_nice_campaign_is_no_evidence_and_says_so() {
    let report = campaign(&Options {
        seeds: 0..1,
        mutants: Vec::new(),
        profile: Azure::Nice,
        ..Options::default()
    });
    assert!(!report.evidence && !report.coverage.judged);
    assert!(certificate::page(&report).contains("No evidence"));
    let pessimistic = campaign(&Options {
        seeds: 0..1,
        mutants: Vec::new(),
        ..Options::default()
    });
    assert_ne!(report.digest, pessimistic.digest);
}

#[test]
fn certificate_and_junit_tell_what_failed_and_what_is_not_covered() {
    let mut report = campaign(&small(Shard::ALL));
    let good = junit::document(&report);
    assert!(good.contains("failures=\"0\""), "{good}");
    assert!(good.contains("F37 kill-inflight"), "{good}");
    report.mutants.table[0].killed = false;
    let survivor = report.mutants.table[0].mutant.clone();
    report.mutants.survivors.push(survivor);
    assert!(!report.holds());
    let bad = junit::document(&report);
    assert!(
        bad.contains("not caught by an oracle it belongs to"),
        "{bad}"
    );
    let data = certificate::document(&report);
    assert_eq!(data["holds"], false);
    assert_eq!(data["result"]["digest"], data["digest"]);
    let not_covered = data["not_covered"].as_array().map_or(0, Vec::len);
    assert!(not_covered > 4, "{data:#}");
    let page = certificate::page(&report);
    assert!(
        page.contains("NOT caught") && !page.contains("<script"),
        "{page}"
    );
}
