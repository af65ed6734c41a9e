//! No real time, no thread and no unordered map reaches what a seed decides (H12).
//!
//! Clippy enforces the ban list everywhere; here the list itself is held, and who is excused from
//! it. That two processes and two builds then give the same bytes is shown by
//! `./check determinism` and by `scenarios/tests/it/levels.rs`.

use std::fs;
use std::path::{Path, PathBuf};

/// What must be banned: each has leaked into somebody's simulation (simulation.md A3).
const LEAKS: [&str; 9] = [
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "tokio::time::Instant::now",
    "tokio::time::sleep",
    "std::thread::sleep",
    "rand::rng",
    "rand::random",
    "std::collections::HashMap",
    "std::collections::HashSet",
];

/// Shells that own a clock or measure one. Whoever joins this list explains it in a review.
const EXCUSED: [&str; 8] = [
    "src/",
    "benches/",
    "tests/",
    "emulator/tests/",
    "emulator/src/drive/live/",
    "orchestrator/src/live.rs",
    "orchestrator/src/live/",
    "scenarios/tests/",
];

/// Places in the scenarios and in tests of cores with an excuse of their own.
const EXCUSED_FILES: [(&str, &str); 6] = [
    (
        "scenarios/src/harness/campaigns.rs",
        "a mutant of the harness leaks the wall clock on purpose (H12)",
    ),
    (
        "scenarios/src/clients.rs",
        "the load generator over sockets sends on the wall clock",
    ),
    ("scenarios/src/campaign.rs", "a campaign reports its speed"),
    (
        "scenarios/src/campaign/levels.rs",
        "a comparison of levels reports its speed",
    ),
    (
        "scenarios/src/world/in_process.rs",
        "tokio's clock is paused: it is the virtual one",
    ),
    (
        "emulator/src/data_plane/tests/throughput.rs",
        "a measurement, not run by default",
    ),
];

/// Everything that runs inside a simulated world.
const SIMULATED: [&str; 3] = ["emulator/src/", "orchestrator/src/", "scenarios/src/"];

/// Parts of those crates that never run inside one.
const OUTSIDE: [&str; 9] = [
    "emulator/src/drive/live",
    "emulator/src/drive/live.rs",
    "orchestrator/src/live",
    "orchestrator/src/live.rs",
    "scenarios/src/clients/live",
    "scenarios/src/clients/live.rs",
    "scenarios/src/campaign",
    "scenarios/src/scale/ahead.rs",
    "scenarios/src/scale/tap.rs",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust source of the repository, relative to its root, with its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let rooms = [
        "src",
        "emulator",
        "orchestrator",
        "scenarios",
        "tests",
        "benches",
    ];
    let mut folders: Vec<PathBuf> = rooms.iter().map(|room| root().join(room)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of this repository") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("below the root");
                let text = fs::read_to_string(&path).expect("a source is text");
                found.push((name.display().to_string(), text));
            }
        }
    }
    found.sort();
    found
}

fn production(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn every_known_leak_is_banned_with_a_reason() {
    let text = fs::read_to_string(root().join("clippy.toml")).expect("the ban list");
    let list: toml::Table = text.parse().expect("the ban list is TOML");
    let entries: Vec<&toml::Value> = ["disallowed-methods", "disallowed-types"]
        .iter()
        .filter_map(|key| list.get(*key)?.as_array())
        .flatten()
        .collect();
    for leak in LEAKS {
        let entry = entries
            .iter()
            .find(|e| e.get("path").and_then(toml::Value::as_str) == Some(leak));
        let reason = entry
            .and_then(|e| e.get("reason")?.as_str())
            .unwrap_or_default();
        assert!(
            reason.len() > 20,
            "`{leak}` is not banned, or nobody says why"
        );
    }
}

#[test]
fn only_shells_are_excused_from_the_ban_list() {
    // Written apart, so that this file does not find itself.
    let excuse = concat!("clippy::", "disallowed_");
    for (file, text) in sources() {
        if !text.contains(excuse) {
            continue;
        }
        let excused = EXCUSED.iter().any(|place| file.starts_with(place))
            || EXCUSED_FILES.iter().any(|(name, _)| file == *name);
        assert!(excused, "{file} excuses itself from the ban list");
    }
}

#[test]
fn nobody_keeps_an_excuse_that_is_not_needed() {
    let all = sources();
    for (name, why) in EXCUSED_FILES {
        let used = all
            .iter()
            .any(|(file, text)| file == name && text.contains("disallowed_"));
        assert!(used, "{name} needs no excuse any more: {why}");
    }
}

#[test]
fn simulated_code_starts_no_thread_and_selects_in_no_random_order() {
    let banned = [
        "thread::spawn",
        "thread::scope",
        "select!",
        "RandomState",
        "available_parallelism",
    ];
    for (file, text) in sources() {
        let inside = SIMULATED.iter().any(|room| file.starts_with(room))
            && !OUTSIDE.iter().any(|place| file.starts_with(place))
            && !file.contains("/tests");
        if !inside {
            continue;
        }
        for word in banned {
            assert!(!production(&text).contains(word), "{file} uses `{word}`");
        }
    }
}
