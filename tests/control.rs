//! A swap in one process, and the verbs that hold it, turn it round and look at it in others.

mod support;

use std::process::Command;

use support::system::{SPEED, System};
use support::{Ended, Started, run_in, turquoise};

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
    parked(&swap.end(), ".turquoise");
    std::fs::remove_file(&state).expect("just written");
    std::fs::rename(&aside, &state).expect("just moved");
    system.resumes_to("green");
}
