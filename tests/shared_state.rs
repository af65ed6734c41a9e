//! Journal and lease in a real blob server: two machines, one swap; a server that goes away.

mod support;

use std::process::Stdio;

use serde_json::Value;
use support::azurite::Azurite;
use support::system::{SPEED, System};
use support::turquoise;

/// A team's place for the journal.
const STATE: &str = "az://turquoise/team";

/// One machine of the team: the same configuration and endpoint, nothing else shared.
fn machine(system: &System, azurite: &Azurite, verb: &[&str]) -> std::process::Command {
    let mut command = turquoise(&system.folder);
    command
        .args(verb)
        .args(["--endpoint", &system.endpoint, "--output", "json", SPEED])
        .args(["--state", STATE])
        .envs(azurite.environment())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[track_caller]
fn ended(mut command: std::process::Command) -> (i32, Value, String) {
    let output = command.output().expect("the command starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default().to_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let result =
        serde_json::from_str(&last).unwrap_or_else(|error| panic!("{error}: {last}\n{stderr}"));
    (output.status.code().unwrap_or(-1), result, stderr)
}

#[test]
fn another_machine_goes_on_after_a_kill_and_a_lost_store_changes_nothing() {
    let Some(mut azurite) = Azurite::start() else {
        println!("skipped: azurite is not installed; `./check tools` installs it");
        return;
    };
    let system = System::start();
    system.deployed();

    // Killed as soon as the pool lists both sides: the first write has acted.
    let mut first = machine(&system, &azurite, &["swap"])
        .spawn()
        .expect("it starts");
    let both = |system: &System| {
        let pool = &system.completes(&["status"])["pool"];
        pool.as_array().map_or(0, Vec::len) == 2
    };
    while !both(&system) {
        assert!(
            first.try_wait().expect("ours").is_none(),
            "it ended before the pool was mixed"
        );
    }
    first.kill().expect("it runs");
    first.wait().expect("it was started by us");

    let (code, held, stderr) = ended(machine(&system, &azurite, &["lock", "show"]));
    assert_eq!(
        (code, held["held"].clone()),
        (0, true.into()),
        "{held:#}\n{stderr}"
    );
    let (code, result, stderr) = ended(machine(&system, &azurite, &["swap"]));
    assert!([8, 9].contains(&code), "{code}: {result:#}\n{stderr}");
    let broken = machine(
        &system,
        &azurite,
        &["lock", "break", "--reason", "it was killed"],
    );
    assert_eq!(ended(broken).0, 0);
    let (code, result, stderr) = ended(machine(&system, &azurite, &["resume"]));
    assert_eq!(code, 0, "{result:#}\n{stderr}");
    assert_eq!(
        result["gateway_puts"], 2,
        "no write was sent twice: {result:#}"
    );
    assert_eq!(system.live(), "blue");
    let (code, runs, _) = ended(machine(&system, &azurite, &["history"]));
    assert_eq!(code, 0);
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(1), "{runs:#}");
    assert!(runs["runs"][0]["broken"].is_null(), "{runs:#}");

    azurite.stop();
    let (code, result, stderr) = ended(machine(&system, &azurite, &["swap"]));
    assert_eq!(code, 3, "{result:#}\n{stderr}");
    assert_eq!(result["changed"], false);
    assert_eq!(system.live(), "blue");
}
