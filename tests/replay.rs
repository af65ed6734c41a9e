//! Replays from outside: a recorded run ends alike, or says why not.

mod support;

use serde_json::{Value, json};
use support::{folder, run, run_in};
use turquoise_scenarios::campaign::{Build, Bundle};
use turquoise_scenarios::mutants::Mutant;
use turquoise_scenarios::run::{Level, Runner};
use turquoise_scenarios::subject::Subject;

/// A seed whose long requests leave the right orchestrator room; those of seed 0 fill every worker.
const SEED: u64 = 1;

/// The folder of a mutant that fails that seed.
fn recorded(place: &tempfile::TempDir) -> String {
    let runner = Runner::default();
    let mutant = Mutant::by_id("kill-inflight").expect("it is in the first wave");
    let (subject, scenario) = (Subject::Mutant(mutant), mutant.exposed(SEED));
    let ran = runner
        .run(Level::Core, subject, &scenario)
        .expect("it runs");
    let bundle = Bundle::of(&runner, subject, &scenario, &ran);
    let build = Build {
        source: "another".to_owned(),
        ..Build::default()
    };
    let folder = bundle.built_by(&build).write(place.path());
    folder.expect("it is written").display().to_string()
}

#[test]
fn a_failing_seeds_folder_replays_to_its_verdict() {
    let place = folder();
    let seed = recorded(&place);
    for name in [
        "seed",
        "scenario.json",
        "shrunk.json",
        "trace.ndjson",
        "verdict.json",
        "film.json",
        "README.md",
        "timeline.html",
        "timeline.svg",
    ] {
        assert!(place.path().join("seed-1").join(name).is_file(), "{name}");
    }
    let svg = std::fs::read_to_string(place.path().join("seed-1/timeline.svg")).expect("a picture");
    assert!(
        svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""),
        "{svg}"
    );
    for more in [
        &[][..],
        &["--shrunk"],
        &["--level", "in-process"],
        &["--level", "duplex"],
    ] {
        let all = [&["replay", &seed, "--output", "json"], more].concat();
        let ended = run_in(&place, &all);
        let result = ended.result();
        assert_eq!(ended.code, 13, "{more:?}: {result:#}\n{}", ended.stderr);
        assert_eq!(result["event"], "result");
        assert_eq!(result["subject"], "kill-inflight");
        assert_eq!(result["matches"], true, "{more:?}");
        assert_eq!(result["holds"], false);
        assert_eq!(result["digest"], result["recorded_digest"]);
        assert!(result["requests"]["lost"].as_u64() > Some(0), "{result:#}");
    }
    // Somebody else in the same scenario has nothing to be compared with.
    let reference = run_in(
        &place,
        &[
            "replay",
            &seed,
            "--subject",
            "turquoise",
            "--output",
            "json",
        ],
    );
    assert_eq!(reference.code, 0, "{}", reference.stderr);
    assert_eq!(reference.result()["violated"], json!([]));
}

#[test]
fn a_run_that_ends_otherwise_is_an_error_that_names_the_build() {
    let place = folder();
    let seed = recorded(&place);
    let path = place.path().join("seed-1/verdict.json");
    let text = std::fs::read_to_string(&path).expect("a verdict");
    let mut verdict: Value = serde_json::from_str(&text).expect("it is JSON");
    verdict["digest"] = json!("00000000000000ff");
    std::fs::write(&path, verdict.to_string()).expect("a writable file");
    let ended = run_in(&place, &["replay", &seed]);
    assert_eq!(ended.code, 9, "{}", ended.stderr);
    for expected in [
        "otherwise than recorded",
        "00000000000000ff",
        "another build",
        "next:",
    ] {
        assert!(
            ended.stderr.contains(expected),
            "{expected}: {}",
            ended.stderr
        );
    }
}

#[test]
fn stepping_lists_every_event_with_the_state_at_it() {
    let place = folder();
    let seed = recorded(&place);
    let text = run_in(&place, &["replay", &seed, "--shrunk", "--step"]).stdout;
    for expected in [
        "P4 is entered",
        "pool in ARM: {",
        "effective: 0: {",
        "in flight: ",
        "serving: ",
        "lease: ",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let lines = run_in(
        &place,
        &["replay", &seed, "--shrunk", "--step", "--output", "ndjson"],
    );
    let first: Value = lines.stdout.lines().next().map_or(Value::Null, |line| {
        serde_json::from_str(line).expect("each line is JSON")
    });
    assert_eq!(
        (&first["event"], &first["number"]),
        (&json!("step"), &json!(0))
    );
    for name in [
        "phase",
        "pool",
        "effective",
        "unhealthy",
        "serving",
        "in_flight",
        "processes",
        "lease",
    ] {
        assert!(
            first["step"]["state"].get(name).is_some(),
            "{name}: {first:#}"
        );
    }
}

#[test]
fn what_is_no_recorded_run_is_a_usage_error() {
    let place = folder();
    std::fs::write(place.path().join("empty.json"), "{}").expect("a writable file");
    for arguments in [
        &["replay", "nowhere"][..],
        &["replay", "empty.json"],
        &["replay", "."],
        &["replay", "empty.json", "--shrunk"],
        &["replay", "empty.json", "--subject", "nobody"],
        &["replay", "empty.json", "--level", "sockets"],
        &["replay"],
    ] {
        let ended = run_in(&place, arguments);
        assert_eq!(ended.code, 64, "{arguments:?}: {}", ended.stderr);
    }
    let help = run(&["replay", "--help"]);
    assert_eq!(help.code, 0);
    for option in ["--subject", "--shrunk", "--step", "--level"] {
        assert!(help.stdout.contains(option), "{option}: {}", help.stdout);
    }
}
