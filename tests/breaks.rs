//! Each deliberate loss is caught, named and explained: the check can fail.

mod support;

use support::{folder, run_in};

const BREAKS: [&str; 4] = ["no-overlap", "no-drain", "sick-side", "put-race"];

#[track_caller]
fn caught(arguments: &[&str]) {
    let folder = folder();
    let ended = run_in(&folder, arguments);
    let result = ended.result();
    let shown = format!("{arguments:?}: {result:#}\n{}", ended.stderr);
    assert_eq!(ended.code, 13, "{shown}");
    assert!(result["requests"]["lost"].as_u64() > Some(0), "{shown}");
    let first = &result["lost_requests"][0];
    assert!(
        first["id"].is_u64(),
        "the first lost request is named: {shown}"
    );
    assert!(
        first["why"].as_str().is_some_and(|why| !why.is_empty()),
        "it is explained: {shown}"
    );
    assert!(
        first["catalogue"]
            .as_array()
            .is_some_and(|entries| !entries.is_empty()),
        "it leads to the catalogue: {shown}"
    );
}

#[test]
fn each_break_is_caught_in_virtual_time() {
    for name in BREAKS {
        caught(&["rehearse", "--virtual", "--break", name, "--output", "json"]);
    }
}

#[test]
fn a_deleted_old_side_is_caught_on_sockets() {
    caught(&[
        "rehearse", "--break", "no-drain", "--rate", "60", "--output", "json",
    ]);
}

#[test]
fn a_swap_without_overlap_is_caught_on_sockets() {
    caught(&[
        "rehearse",
        "--break",
        "no-overlap",
        "--rate",
        "60",
        "--output",
        "json",
    ]);
}

#[test]
fn a_swap_to_a_sick_side_is_caught_on_sockets() {
    caught(&[
        "rehearse",
        "--break",
        "sick-side",
        "--rate",
        "60",
        "--output",
        "json",
    ]);
}

#[test]
fn a_race_of_writes_is_caught_on_sockets() {
    caught(&[
        "rehearse", "--break", "put-race", "--rate", "60", "--output", "json",
    ]);
}

#[test]
fn an_unknown_break_is_a_usage_error_that_names_the_known_ones() {
    let ended = run_in(&folder(), &["rehearse", "--break", "everything"]);
    assert_eq!(ended.code, 64);
    for name in BREAKS {
        assert!(ended.stderr.contains(name), "{}", ended.stderr);
    }
}
