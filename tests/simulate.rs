//! The campaign from outside: its last line, its digest, its exit codes.

mod support;

use serde_json::Value;
use support::run;

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
fn seeds_are_a_count_or_a_range() {
    for wrong in ["0", "5..5", "9..3", "many", "-1"] {
        let ended = run(&["simulate", "--seeds", wrong]);
        assert_eq!(ended.code, 64, "{wrong}: {}", ended.stderr);
    }
}
