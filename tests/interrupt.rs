//! Ctrl-C in several phases: the journal is intact, the exit code documented, nothing is left.

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Started, folder, listens};

/// Starts a rehearsal, waits for a phase, presses Ctrl-C, and looks at what is left.
#[track_caller]
fn interrupted_in(phase: &str) {
    let folder = folder();
    let mut rehearsal = Started::new(
        &folder,
        &[
            "rehearse", "--rate", "40", "--output", "ndjson", "--state", "state",
        ],
    );
    let ready = rehearsal.event(|event| event["event"] == "ready");
    let arm = ready["arm"]
        .as_str()
        .expect("the endpoint is named")
        .to_owned();
    assert!(listens(&arm), "it answers while it runs");
    rehearsal.event(|event| event["event"] == "entered" && event["phase"] == phase);
    rehearsal.interrupt();
    let ended = rehearsal.end();
    assert_eq!(ended.code, 130, "{phase}: {}", ended.stderr);
    assert_eq!(ended.result()["exit_code"], 130, "{phase}");
    assert!(!listens(&arm), "{phase}: a socket is left");
    let journals = journals(&folder.path().join("state"));
    assert!(!journals.is_empty(), "{phase}: no journal is left");
    for journal in journals {
        whole(&journal);
    }
}

/// Every line of a journal is a whole document.
#[track_caller]
fn whole(journal: &Path) {
    let text = std::fs::read_to_string(journal).expect("the journal is readable");
    assert!(
        text.ends_with('\n'),
        "{}: the last line is cut",
        journal.display()
    );
    for line in text.lines() {
        let read: Result<Value, _> = serde_json::from_str(line);
        assert!(read.is_ok(), "{}: `{line}`", journal.display());
    }
}

fn journals(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .flat_map(|path| match path.is_dir() {
            true => journals(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|found| found == "ndjson"))
        .collect()
}

#[test]
fn while_the_new_side_warms() {
    interrupted_in("P2");
}

#[test]
fn while_the_first_write_is_confirmed() {
    interrupted_in("P5");
}

#[test]
fn while_the_old_side_drains() {
    interrupted_in("P8");
}

#[test]
fn before_anything_serves() {
    let folder = folder();
    let mut rehearsal = Started::new(&folder, &["rehearse", "--rate", "40", "--output", "ndjson"]);
    let ready = rehearsal.event(|event| event["event"] == "ready");
    rehearsal.interrupt();
    let ended = rehearsal.end();
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(!listens(ready["arm"].as_str().unwrap_or_default()));
}

#[test]
fn an_emulator_ends_cleanly_on_ctrl_c_and_on_sigterm() {
    for (code, ctrl_c) in [(130, true), (143, false)] {
        let folder = folder();
        let mut emulator = Started::new(&folder, &["emulate", "--output", "json"]);
        let ready = emulator.event(|event| event["event"] == "ready");
        let arm = ready["arm"]
            .as_str()
            .expect("the endpoint is named")
            .to_owned();
        assert!(listens(&arm));
        if ctrl_c {
            emulator.interrupt();
        } else {
            emulator.terminate();
        }
        let ended = emulator.end();
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert!(!listens(&arm), "a socket is left");
    }
}
