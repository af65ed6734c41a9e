//! Plan and apply as a pipeline uses them: files, hashes, exit codes, Markdown.

mod support;

use support::run_in;
use support::system::System;

#[test]
fn a_plan_is_frozen_approved_and_applied_or_refused() {
    let system = System::start();
    system.deployed();

    let planned = system.run(&["plan", "--out", "swap.plan", "--detailed-exitcode"]);
    let plan = planned.result();
    assert_eq!(planned.code, 2, "{plan:#}\n{}", planned.stderr);
    assert_eq!(plan["content"]["new"]["name"], "blue", "{plan:#}");
    let writes = plan["content"]["writes"].as_array().expect("a list");
    assert!(
        writes
            .iter()
            .filter(|write| write["method"] == "PUT")
            .count()
            >= 2
    );

    let github = system.run_as("github", &["plan"]);
    assert_eq!(github.code, 0, "{}", github.stderr);
    assert!(github.stdout.starts_with("<!-- turquoise-plan -->"));
    let hash = plan["hash"].as_str().expect("a plan has a hash");
    assert!(github.stdout.contains(hash), "equal worlds, equal hashes");
    assert!(
        github
            .stdout
            .contains("+ [{\"ipAddress\":\"10.0.0.5\"},{\"ipAddress\":\"10.0.0.6\"}]")
    );

    // Another writer: the approval does not fit any more, and nothing is done in its name.
    let edited = std::fs::read_to_string(system.folder.path().join("swap.plan"))
        .expect("it was written")
        .replace("\"drain_s\": 60", "\"drain_s\": 1");
    std::fs::write(system.folder.path().join("edited.plan"), edited).expect("the folder is ours");
    let refused = system.run(&["apply", "edited.plan"]);
    assert_eq!(refused.code, 9, "{}", refused.stderr);
    let refused = system.run(&["swap", "--approve-with", "sha256:0"]);
    assert_eq!(refused.code, 9, "{}", refused.stderr);
    assert_eq!(refused.result()["changed"], false);

    let applied = system.completes(&["apply", "swap.plan"]);
    assert_eq!(applied["outcome"], "completed", "{applied:#}");
    assert_eq!(applied["gateway_puts"], 2, "{applied:#}");
    assert_eq!(system.live(), "blue");

    let again = system.run(&["apply", "swap.plan"]);
    assert_eq!(again.code, 9, "{}", again.stderr);
    let result = again.result();
    assert!(
        result["reason"]
            .as_str()
            .is_some_and(|why| why.contains("`blue` serves already")),
        "{result:#}"
    );
}

#[test]
fn a_command_without_markdown_says_so() {
    let system = support::folder();
    let ended = run_in(&system, &["status", "--output", "markdown"]);
    assert_eq!(ended.code, 64, "{}", ended.stderr);
    let ended = run_in(&system, &["apply", "absent.plan"]);
    assert_eq!(ended.code, 64, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("turquoise plan --out"),
        "{}",
        ended.stderr
    );
}
