//! A swap in one process, and the verbs that hold it, turn it round and look at it in others.

mod support;

use support::system::{SPEED, System};
use support::{Started, run_in};

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
    let asked = system.run(&["abort", "--reason", "errors in the shop"]);
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
