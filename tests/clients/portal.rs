//! The portal in a real browser, driven by `portal.mjs`.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::support::{Started, folder, run_in, write_short_configuration};

/// Where Debian puts its browser.
const BROWSER: &str = "/usr/bin/chromium";
const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/portal-js/node_modules");
const PICTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/portal");
const CASE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/scenarios/corpus/work-in-flight-is-not-killed.json"
);

#[test]
fn a_person_sees_a_swap_move_and_a_fault_lose_requests_in_the_portal() {
    if !Path::new(BROWSER).exists() || !Path::new(MODULES).exists() {
        eprintln!("skipped: no `{BROWSER}` or no `{MODULES}` (`./check tools` installs them)");
        return;
    }
    fs::create_dir_all(PICTURES).expect("target is ours");
    let folder = folder();
    let film = folder.path().join("film.json");
    let page = folder.path().join("film.html");
    let [film, page] = [&film, &page].map(|path| path.to_str().expect("a plain path"));
    let replay = [
        "replay",
        CASE,
        "--film",
        film,
        "--html",
        page,
        "--beside",
        "turquoise",
    ];
    let replayed = run_in(&folder, &replay);
    assert_eq!(replayed.code, 13, "{}{}", replayed.stdout, replayed.stderr);

    let start = ["emulate", "--output", "json", "--speed=60"];
    let mut azure = Started::new(&folder, &start);
    let ready = azure.event(|event| event["event"] == "ready");
    let text = |name: &str| ready[name].as_str().expect("the first line has it");
    write_short_configuration(&folder);
    for part in ["frontend", "green", "blue"] {
        let deploy = ["deploy", part, "--endpoint", text("arm"), "--speed=60"];
        let deployed = run_in(&folder, &deploy);
        assert_eq!(deployed.code, 0, "{part}: {}", deployed.stderr);
    }
    let output = Command::new("node")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/clients/portal.mjs"
        ))
        .args([text("portal"), env!("CARGO_BIN_EXE_turquoise"), text("arm")])
        .args([film, page, PICTURES, MODULES, BROWSER])
        .current_dir(folder.path())
        .output()
        .expect("node starts");
    let told = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{wrong}");
}
