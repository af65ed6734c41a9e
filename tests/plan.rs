//! Plan and apply as a pipeline uses them: files, hashes, exit codes, Markdown.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use support::system::{SPEED, System};
use support::{run_in, turquoise};

/// Does the step of `examples/pipelines/github/action.yml` as its host does: the exit code, and what
/// the step has put out so far.
fn pipeline(system: &System, verb: &str) -> (i32, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pipelines/github");
    let action = std::fs::read_to_string(folder.join("action.yml")).expect("it is there");
    let (_, step) = action.split_once("run: |\n").expect("it has one step");
    let path = system.folder.path();
    // The runner's `turquoise`, in Azure's seconds.
    let command = turquoise(&system.folder);
    let text = format!(
        "#!/bin/sh\nexec '{}' \"$@\" {SPEED}\n",
        command.get_program().display()
    );
    std::fs::write(path.join("turquoise"), text).expect("the folder is ours");
    let mine = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path.join("turquoise"), mine).expect("the folder is ours");
    let mut search = vec![path.to_owned()];
    search.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let ended = Command::new("bash")
        .args(["-e", "-c", step])
        .current_dir(path)
        .env("PATH", std::env::join_paths(search).expect("they were one"))
        .env("GITHUB_ACTION_PATH", folder)
        .env("GITHUB_OUTPUT", path.join("put-out"))
        .env("GITHUB_STEP_SUMMARY", path.join("summary"))
        .env("VERB", verb)
        .env("TURQUOISE_ENDPOINT", &system.endpoint)
        .env("TURQUOISE_STATE", ".turquoise")
        .env("TURQUOISE_CONFIG", "turquoise.toml")
        .output()
        .expect("bash is there");
    let told = std::fs::read_to_string(path.join("put-out")).unwrap_or_default();
    (ended.status.code().unwrap_or(-1), told)
}

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

    // From here on as the example's composite action does it.
    let (planned, told) = pipeline(&system, "plan");
    assert_eq!((planned, told.as_str()), (0, "exit-code=2\n"));
    let summary = std::fs::read_to_string(system.folder.path().join("summary"));
    assert!(summary.is_ok_and(|summary| summary.contains(hash)));
    let (applied, told) = pipeline(&system, "apply");
    assert_eq!((applied, told.as_str()), (0, "exit-code=2\nexit-code=0\n"));
    let runs = system.completes(&["history"]);
    let applied = runs["runs"].as_array().and_then(|runs| runs.last());
    let applied = applied.expect("every run is listed");
    assert_eq!(applied["outcome"]["kind"], "completed", "{applied:#}");
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
