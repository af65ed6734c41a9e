//! The campaign from outside: its last line, its digest, its exit codes.

mod support;

use serde_json::Value;
use support::{Started, folder, run, run_in, turquoise};

/// A file that the command left.
#[track_caller]
fn file(place: &tempfile::TempDir, name: &str) -> String {
    let path = place.path().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_last_line_tells_the_campaign() {
    let ended = run(&[
        "simulate",
        "--seeds",
        "4",
        "--no-mutants",
        "--output",
        "json",
    ]);
    let result = ended.result();
    assert_eq!(ended.code, 0, "{result:#}\n{}", ended.stderr);
    assert_eq!(result["event"], "result");
    assert_eq!(result["scenarios"], 4);
    assert_eq!(result["failed"], 0);
    assert!(result["requests"].as_u64() > Some(0), "{result:#}");
    assert!(result["requests_per_s"].is_number() && result["scenarios_per_s"].is_number());
    for name in ["total", "killed", "survivors"] {
        assert_ne!(result["mutants"][name], Value::Null, "{name}: {result:#}");
    }
    assert!(
        result["digest"]
            .as_str()
            .is_some_and(|digest| digest.len() == 16),
        "{result:#}"
    );
}

#[test]
fn the_same_seeds_give_the_same_bytes_in_another_process() {
    let digest = |seeds| {
        let ended = run(&["simulate", "--seeds", seeds, "--digest-only"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.stdout
    };
    assert_eq!(digest("0..3"), digest("0..3"));
    assert_ne!(digest("0..3"), digest("1..4"));
}

#[test]
fn the_published_script_is_compared_where_that_is_asked_for() {
    let campaign = ["simulate", "--seeds", "1", "--no-mutants"];
    let with = |more: &[&str]| run(&[&campaign[..], more].concat());
    let alone = with(&["--output", "json"]).result();
    assert_eq!(alone["comparison"], Value::Null);
    let result = with(&["--compare=1", "--output", "json"]).result();
    assert_eq!(result["scenarios"], 1, "{result:#}");
    assert_eq!(result["digest"], alone["digest"]);
    assert_eq!(result["comparison"]["seeds"], 1);
    let first = &result["comparison"]["rows"][0];
    assert_eq!(first["fault"], "calm");
    assert_eq!(first["orchestrator"], "turquoise");
    for name in ["scenarios", "hit", "failed", "lost", "gateway_puts"] {
        assert!(first[name].is_u64(), "{name}: {first:#}");
    }
    assert_eq!(first["outcomes"]["completed"], 1, "{first:#}");
    let text = with(&["--compare=1"]);
    assert_eq!(text.code, 0, "{}", text.stderr);
    assert!(text.stdout.contains("lost replies") && text.stdout.contains("published"));
}

#[test]
fn one_mutant_is_hunted_alone() {
    let ended = run(&["simulate", "--mutant", "kill-inflight", "--output", "json"]);
    let result = ended.result();
    assert_eq!(ended.code, 0, "{result:#}\n{}", ended.stderr);
    assert_eq!(result["scenarios"], 0);
    assert_eq!(result["mutants"]["total"], 1);
    assert_eq!(result["mutants"]["killed"], 1);
    assert_eq!(result["mutants"]["table"][0]["mutant"], "kill-inflight");
    let wrong = run(&["simulate", "--mutant", "nobody"]);
    assert_eq!(wrong.code, 64, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("kill-inflight"), "{}", wrong.stderr);
}

#[test]
fn shards_merge_to_the_digest_of_the_whole() {
    let place = folder();
    let results = format!("file://{}/results", place.path().display());
    let campaign = [
        "simulate",
        "--seeds",
        "6",
        "--mutant",
        "kill-inflight,empty-pool",
    ];
    let with = |more: &[&str]| run_in(&place, &[&campaign[..], more].concat());
    let whole = with(&["--output", "json"]).result();
    for shard in ["1/3", "2/3", "3/3"] {
        let ended = with(&["--shard", shard, "--results", &results]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(
            ended.stdout.contains("merge it with the others"),
            "{}",
            ended.stdout
        );
    }
    let merge = |more: &[&str]| run_in(&place, &[&["simulate", "merge"], more].concat());
    let merged = merge(&[&results, "--certificate", "certificate", "--output", "json"]);
    assert_eq!(merged.code, 0, "{}", merged.stderr);
    let merged = merged.result();
    for name in [
        "digest",
        "scenarios",
        "requests",
        "outcomes",
        "coverage",
        "seeds",
        "plan",
    ] {
        assert_eq!(merged[name], whole[name], "{name}");
    }
    assert_eq!(merged["mutants"]["table"], whole["mutants"]["table"]);
    let certificate = file(&place, "certificate/certificate.json");
    let certificate: Value = serde_json::from_str(&certificate).expect("it is JSON");
    assert_eq!(certificate["certificate"], 1);
    assert_eq!(certificate["digest"], whole["digest"]);
    assert_eq!(certificate["result"]["scenarios"], 6);
    assert!(
        certificate["build"]["source"]
            .as_str()
            .is_some_and(|hash| hash.len() == 16)
    );
    assert!(certificate["failure_rate"]["upper"].as_f64() > Some(0.1));
    let page = file(&place, "certificate/certificate.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("kill-inflight"));
    let one = format!(
        "{}/results/shard-00002-of-00003.json",
        place.path().display()
    );
    let missing = merge(&[&one]);
    assert_eq!(missing.code, 9, "{}", missing.stderr);
    assert!(
        missing.stderr.contains("seeds 0..2 are missing"),
        "{}",
        missing.stderr
    );
}

#[test]
fn a_share_is_read_from_the_scheduler_or_refused() {
    let place = folder();
    let on = |variables: &[(&str, &str)]| {
        let mut command = turquoise(&place);
        for name in ["CI_NODE_INDEX", "CI_NODE_TOTAL", "JOB_COMPLETION_INDEX"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        command.args([
            "simulate",
            "--seeds",
            "2",
            "--no-mutants",
            "--shard",
            "auto",
        ]);
        command
            .args(["--output", "json"])
            .output()
            .expect("the command starts")
    };
    let second = on(&[("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "2")]);
    let line: Value = serde_json::from_slice(&second.stdout).expect("one line of JSON");
    assert_eq!(
        line["plan"]["shard"],
        serde_json::json!({"index": 2, "count": 2})
    );
    assert_eq!(line["seeds"], serde_json::json!([{"first": 1, "end": 2}]));
    let nobody = on(&[]);
    assert_eq!(nobody.status.code(), Some(64), "{nobody:?}");
}

#[test]
fn junit_and_a_kill_table_tell_seeds_mutants_and_places() {
    let place = folder();
    let ended = run_in(
        &place,
        &[
            "simulate",
            "--seeds",
            "1",
            "--mutant",
            "empty-pool",
            "--junit",
            "campaign.xml",
            "--kills",
            "kills.md",
        ],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let kills = file(&place, "kills.md");
    assert!(
        kills.contains("| F55 | empty-pool | ") && kills.contains("| yes | 1 |"),
        "{kills}"
    );
    let xml = file(&place, "campaign.xml");
    for expected in [
        "<?xml version=\"1.0\"",
        "<testsuite name=\"seeds\" tests=\"1\" failures=\"0\"",
        "name=\"F55 empty-pool\"/>",
        "<testsuite name=\"coverage\"",
    ] {
        assert!(xml.contains(expected), "{expected} in {xml}");
    }
    let nowhere = run_in(
        &place,
        &["simulate", "--seeds", "1", "--junit", "no/such/folder.xml"],
    );
    assert_eq!(nowhere.code, 64, "{}", nowhere.stderr);
}

#[test]
fn a_nice_campaign_is_labelled_as_no_evidence() {
    let ended = run(&[
        "simulate",
        "--seeds",
        "1",
        "--no-mutants",
        "--profile",
        "nice",
    ]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("no evidence"), "{}", ended.stdout);
    let wrong = run(&["simulate", "--profile", "rosy"]);
    assert_eq!(wrong.code, 64, "{}", wrong.stderr);
}

#[test]
fn time_ends_a_campaign_without_an_end() {
    let ended = run(&[
        "simulate",
        "--time",
        "1s",
        "--no-mutants",
        "--output",
        "json",
    ]);
    let result = ended.result();
    assert_eq!(ended.code, 0, "{result:#}");
    assert_eq!(result["partial"], Value::Null);
    assert_eq!(result["plan"]["seeds"]["end"], Value::Null);
    assert_eq!(result["seeds"][0]["end"], result["scenarios"]);
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    let short = run(&[
        "simulate", "--time", "0s", "--seeds", "5", "--output", "json",
    ])
    .result();
    assert_eq!(short["partial"], "time");
    let endless = run(&["simulate", "--time", "1s", "--shard", "1/2"]);
    assert_eq!(endless.code, 64, "{}", endless.stderr);
}

#[test]
fn ctrl_c_leaves_a_partial_report_and_the_documented_code() {
    let place = folder();
    let endless = [
        "simulate",
        "--time",
        "10m",
        "--no-mutants",
        "--output",
        "ndjson",
    ];
    let mut running = Started::new(&place, &endless);
    running.event(|event| event["event"] == "started");
    running.interrupt();
    let ended = running.end();
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    let result = ended.result();
    assert_eq!(result["partial"], "interrupted");
    assert_eq!(result["exit_code"], 130);
}

#[test]
fn seeds_are_a_count_or_a_range() {
    for wrong in ["0", "5..5", "9..3", "many", "-1"] {
        let ended = run(&["simulate", "--seeds", wrong]);
        assert_eq!(ended.code, 64, "{wrong}: {}", ended.stderr);
    }
}

#[test]
fn every_level_of_simulation_gives_one_digest() {
    let on = |threads| {
        let levels = ["simulate", "levels", "--seeds", "4", "--threads", threads];
        run(&[&levels[..], &["--output", "json"]].concat())
    };
    let ended = on("2");
    let result = ended.result();
    assert_eq!(ended.code, 0, "{result:#}\n{}", ended.stderr);
    assert_eq!(result["scenarios"], 4);
    assert_eq!(result["agree"], true);
    let digests = &result["digests"];
    assert_eq!(digests["L0"].as_str().map(str::len), Some(16), "{digests}");
    assert_eq!(digests["L1"], digests["L0"]);
    assert_eq!(digests["L2"], digests["L0"]);
    assert_eq!(on("1").result()["digests"], *digests);
}
