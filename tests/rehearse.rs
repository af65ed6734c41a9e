//! A whole swap, from outside: over sockets and in virtual time.

mod support;

use serde_json::Value;
use support::{Ended, folder, run_in};

/// Small enough for an unoptimised build on two cores; `./check rehearse` runs the real size.
const SMALL: [&str; 6] = ["rehearse", "--rate", "60", "--output", "json", "--speed=20"];

#[track_caller]
fn nothing_lost(ended: &Ended) -> Value {
    let result = ended.result();
    let shown = format!("{result:#}\n{}", ended.stderr);
    assert_eq!(ended.code, 0, "{shown}");
    assert_eq!(result["event"], "result", "{shown}");
    assert_eq!(result["outcome"], "completed", "{shown}");
    assert_eq!(result["requests"]["lost"], 0, "{shown}");
    assert_eq!(result["requests"]["violations"], 0, "{shown}");
    assert_eq!(result["gateway_puts"], 2, "{shown}");
    assert_eq!(
        result["requests"]["sent"], result["requests"]["ok"],
        "{shown}"
    );
    for name in ["baseline", "swap"] {
        assert!(
            result["p99_ms"][name].as_f64().is_some_and(|p99| p99 > 0.0),
            "{name}: {shown}"
        );
    }
    for name in ["max_gap_ms", "duration_s"] {
        assert!(result[name].as_f64().is_some(), "{name}: {shown}");
    }
    result
}

#[test]
fn a_swap_loses_nothing_on_sockets() {
    let folder = folder();
    let ended = run_in(&folder, &SMALL);
    let result = nothing_lost(&ended);
    assert!(
        result["requests"]["sent"].as_u64() > Some(1_000),
        "{result:#}"
    );
    let page = std::fs::read_to_string(folder.path().join("turquoise-report.html"));
    assert!(
        page.expect("the page is written").contains("</svg>"),
        "the page has a picture"
    );
    assert!(
        !ended.stderr.contains('\u{1b}'),
        "no terminal, no escape codes"
    );
}

#[test]
fn a_swap_in_virtual_time_loses_nothing() {
    let folder = folder();
    let result = nothing_lost(&run_in(
        &folder,
        &["rehearse", "--virtual", "--output", "json"],
    ));
    assert_eq!(result["speed"], Value::Null);
}

#[test]
fn virtual_rehearsals_of_one_seed_agree() {
    let folder = folder();
    let once = || {
        let mut result = run_in(
            &folder,
            &["rehearse", "--virtual", "--seed", "5", "--output", "json"],
        )
        .result();
        result["total_s"] = Value::Null;
        result
    };
    assert_eq!(once(), once());
}

#[test]
fn every_event_of_a_run_is_a_line_of_json() {
    let folder = folder();
    let ended = run_in(&folder, &["rehearse", "--virtual", "--output", "ndjson"]);
    let events: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is a document"))
        .collect();
    let entered: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "entered")
        .filter_map(|event| event["phase"].as_str())
        .collect();
    assert_eq!(
        entered,
        [
            "P0", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11"
        ]
    );
}
