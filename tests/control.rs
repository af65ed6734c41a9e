//! A swap in one process, and the verbs that hold it, turn it round and look at it in others.

mod support;

use std::process::Command;

use support::asked::Asked;
use support::system::{SPEED, System};
use support::{Ended, Started, exchange, run_in, turquoise};

impl System {
    /// A swap in a process of its own, once it has entered a phase.
    fn swapping(&self, phase: &str) -> Started {
        let arguments = [
            "swap",
            "--endpoint",
            &self.endpoint,
            "--output",
            "ndjson",
            SPEED,
        ];
        let mut swap = Started::new(&self.folder, &arguments);
        swap.event(|event| event["event"] == "entered" && event["phase"] == phase);
        swap
    }

    /// A swap whose files may not grow beyond 4 KiB: to whoever writes them the disk is full.
    fn swap_on_a_full_disk(&self) -> Ended {
        let swap = turquoise(&self.folder);
        let mut shell = Command::new("sh");
        for (name, value) in swap.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let output = shell
            .current_dir(self.folder.path())
            .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
            .arg(swap.get_program())
            .args(["swap", "--endpoint", &self.endpoint])
            .args(["--output", "json", SPEED])
            .output()
            .expect("a shell is on every Unix");
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The unfinished run goes on to its end.
    #[track_caller]
    fn resumes_to(&self, side: &str) {
        let report = self.completes(&["resume"]);
        assert_eq!(report["outcome"], "completed", "{report:#}");
        assert_eq!(self.live(), side);
    }
}

/// A run that stopped where it stood, safely: it says why, and how to go on.
#[track_caller]
fn parked(ended: &Ended, why: &str) {
    let report = ended.result();
    assert_eq!(ended.code, 12, "{report:#}\n{}", ended.stderr);
    let reason = report["reason"].as_str().unwrap_or_default();
    assert!(reason.contains(why), "{report:#}");
    let resume = report["resume"].as_str().unwrap_or_default();
    assert!(resume.starts_with("turquoise resume "), "{report:#}");
}

#[test]
fn a_swap_is_paused_resumed_and_aborted_from_other_processes() {
    let system = System::start();
    system.deployed();
    assert_eq!(system.completes(&["abort"])["outcome"], "nothing_to_do");
    assert_eq!(system.completes(&["pause"])["outcome"], "nothing_to_do");
    assert_eq!(system.completes(&["resume"])["outcome"], "nothing_to_do");

    let swap = system.swapping("P5");
    let second = system.run(&["swap"]);
    assert_eq!(second.code, 8, "{}\n{}", second.stdout, second.stderr);
    let blocked = system.run(&["doctor"]);
    assert_eq!(blocked.code, 3, "{}\n{}", blocked.stdout, blocked.stderr);
    let held = system.completes(&["lock", "show"]);
    assert_eq!(held["alive"], true, "{held:#}");
    let asked = system.run(&["pause", "--reason", "a look at the logs"]);
    assert_eq!(asked.code, 10, "{}\n{}", asked.stdout, asked.stderr);
    let paused = swap.end();
    assert_eq!(paused.code, 10, "{}", paused.stderr);
    let report = paused.result();
    assert_eq!(report["outcome"], "paused", "{report:#}");
    assert!(paused.stderr.contains("abort now →"), "{}", paused.stderr);
    let told = system.completes(&["status"]);
    assert!(told["last_run"]["abort_now"].is_string(), "{told:#}");
    assert_eq!(
        system.run(&["swap"]).code,
        9,
        "the paused run is unfinished"
    );
    assert_eq!(system.run(&["gc"]).code, 9, "it may need what it pinned");

    let back = system.run(&["abort", "--reason", "enough"]);
    assert_eq!(back.code, 5, "{}\n{}", back.stdout, back.stderr);
    assert_eq!(system.live(), "green");
    for verb in ["abort", "rollback", "rollback"] {
        assert_eq!(
            system.completes(&[verb])["outcome"],
            "nothing_to_do",
            "{verb}"
        );
    }

    let swap = system.swapping("P6");
    let asked = system.run(&["rollback", "--reason", "errors in the shop"]);
    assert_eq!(asked.code, 10, "{}\n{}", asked.stdout, asked.stderr);
    assert_eq!(swap.end().code, 5);
    assert_eq!(system.live(), "green");

    let runs = system.completes(&["history"]);
    let listed = runs["runs"].as_array().expect("a list");
    assert!(listed.iter().all(|run| run["broken"].is_null()), "{runs:#}");
    let id = listed[0]["run"].as_str().expect("runs have ids");
    assert!(system.completes(&["history", id])["lines"].is_array());
    let told = system.run(&["report", id, "--html", "run.html", "--junit", "run.xml"]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert_eq!(told.result()["run"]["run"], id);
    for (file, holds) in [("run.html", "Adding"), ("run.xml", "<testsuite")] {
        let text = std::fs::read_to_string(system.folder.path().join(file));
        assert!(text.is_ok_and(|text| text.contains(holds)), "{file}");
    }
    assert_eq!(system.completes(&["gc"])["outcome"], "nothing_to_do");
    assert_eq!(system.completes(&["doctor"])["outcome"], "completed");
    assert_eq!(
        system.completes(&["lock", "break", "--reason", "x"])["outcome"],
        "nothing_to_do"
    );
}

#[test]
fn a_journal_that_was_changed_or_cannot_be_written_is_named() {
    let system = System::start();
    system.deployed();
    let file = system.folder.path().join("blocked");
    std::fs::write(&file, "a file where a folder should be").expect("the folder is ours");
    let ended = system.run(&["swap", "--state", "blocked"]);
    assert_eq!(ended.code, 3, "{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(ended.result()["changed"], false);
    let ended = run_in(&system.folder, &["history", "--state", "nowhere://x"]);
    assert_eq!(ended.code, 64, "{}", ended.stderr);
}

#[test]
fn a_swap_that_loses_its_journal_parks_and_goes_on_later() {
    let system = System::start();
    system.deployed();
    let full = system.swap_on_a_full_disk();
    parked(&full, "File too large");
    system.resumes_to("blue");

    let swap = system.swapping("P5");
    let (state, aside) = (
        system.folder.path().join(".turquoise"),
        system.folder.path().join("aside"),
    );
    std::fs::rename(&state, &aside).expect("the folder is ours");
    std::fs::write(&state, "no folder any more").expect("the folder is ours");
    let lost = swap.end();
    parked(&lost, ".turquoise");
    let reason = lost.result()["reason"].to_string();
    assert!(!reason.contains("control plane"), "{reason}");
    std::fs::remove_file(&state).expect("just written");
    std::fs::rename(&aside, &state).expect("just moved");
    system.resumes_to("green");
}

/// What Azure was asked while `act` ran needs exactly the rights of the duty's role, and those on
/// what its writes refer to.
#[track_caller]
fn needs_exactly(system: &System, duty: &str, act: impl Fn()) {
    let asked = Asked::begin(&system.endpoint);
    act();
    let used = asked.rights();
    let file = system
        .folder
        .path()
        .join(format!("turquoise-{duty}.role.json"));
    let role = std::fs::read_to_string(file).expect("`init --roles` wrote it");
    let role: serde_json::Value = serde_json::from_str(&role).expect("it is JSON");
    let actions = role["Actions"].as_array().expect("a list").iter();
    let actions = actions.filter_map(serde_json::Value::as_str);
    // That a body refers to something is judged by Azure alone.
    let by_itself = actions.filter(|action| !action.ends_with("/join/action"));
    let allowed = by_itself.map(str::to_ascii_lowercase).collect();
    let more: Vec<_> = used.difference(&allowed).collect();
    let less: Vec<_> = allowed.difference(&used).collect();
    assert!(
        more.is_empty() && less.is_empty(),
        "{duty}: missing {more:?}, unused {less:?}"
    );
}

#[test]
fn a_role_allows_what_its_duty_asks_for_and_nothing_else() {
    let system = System::start();
    let wrote = run_in(&system.folder, &["init", "--roles", "--output", "json"]);
    assert_eq!(wrote.code, 0, "{}", wrote.stderr);
    assert_eq!(wrote.result()["roles"].as_array().map(Vec::len), Some(3));
    needs_exactly(&system, "deploy", || system.deployed());
    // A side without machines: the swap has to start them.
    system.completes(&["retire"]);
    needs_exactly(&system, "plan", || {
        for verb in ["doctor", "status"] {
            system.completes(&[verb]);
        }
        // A side without machines blocks it; everything was read all the same.
        system.run(&["plan"]);
    });
    needs_exactly(&system, "swap", || {
        system.completes(&["swap"]);
    });
}

/// Takes a right away, and gives all rights back.
fn deny(system: &System, method: &str, path: &str) {
    let on = serde_json::json!({"method": method, "path": path});
    let fault = serde_json::json!({"in_ms": 0, "fault": {
        "kind": "deny", "on": on, "status": 403, "code": "AuthorizationFailed",
        "for_ms": 86_400_000,
    }});
    ask_admin(system, "POST", &fault.to_string());
}

fn ask_admin(system: &System, method: &str, body: &str) {
    let port = system
        .endpoint
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    let request = format!(
        "{method} /_turquoise/v1/faults HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(port.expect("an endpoint has a port"), &request);
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
}

/// A right that is missing: how the swap ends, how far it came, and that nothing is lost by it.
#[test]
fn a_missing_right_is_named_with_its_remedy_and_leaves_a_safe_state() {
    let system = System::start();
    system.deployed();
    system.completes(&["retire"]);
    for (method, path, phase, changed) in [
        ("GET", "applicationGateways", "P0", false),
        ("GET", "loadBalancers", "P1", false),
        ("GET", "virtualMachineScaleSets", "P1", false),
        ("PUT", "autoscaleSettings", "P2", true),
        ("PATCH", "virtualMachineScaleSets", "P2", true),
        ("PUT", "applicationGateways", "P4", true),
        ("POST", "backendhealth", "P5", true),
    ] {
        let case = format!("{method} {path}");
        deny(&system, method, path);
        let ended = system.run(&["swap"]);
        ask_admin(&system, "DELETE", "");
        let report = ended.result();
        let told = format!("{case}: {report:#}\n{}", ended.stderr);
        assert_eq!(ended.code, 11, "{told}");
        assert_eq!(report["phase"], phase, "{told}");
        assert_eq!(report["changed"], changed, "{told}");
        let reason = report["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("AuthorizationFailed (403)"), "{told}");
        assert!(reason.contains("`turquoise init --roles`"), "{told}");
        let resume = report["resume"].as_str().unwrap_or_default();
        assert!(resume.starts_with("turquoise resume "), "{told}");
        let back = system.run(&["abort"]).code;
        let documented: &[i32] = if phase == "P5" { &[5] } else { &[0, 4] };
        assert!(
            documented.contains(&back),
            "{back} of {documented:?}: {told}"
        );
        assert_eq!(system.live(), "green", "{told}");
    }
    deny(&system, "GET", "applicationGateways");
    for verb in ["plan", "status", "doctor"] {
        let ended = system.run(&[verb]);
        assert_eq!(ended.code, 11, "{verb}: {}", ended.stderr);
        let next = ended.result()["next"].to_string();
        assert!(next.contains("`turquoise init --roles`"), "{verb}: {next}");
    }
}
