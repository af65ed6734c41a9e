//! What the command prints about itself: manual pages, the schema of its events, explanations.

mod support;

use support::{folder, run, run_in};

#[test]
fn every_verb_has_a_manual_page_and_says_so() {
    let folder = folder();
    let ended = run_in(&folder, &["man", "."]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for page in ["turquoise.1", "turquoise-swap.1", "turquoise-lock-break.1"] {
        assert!(folder.path().join(page).exists(), "{page}");
    }
    assert_eq!(run_in(&folder, &["man", "absent"]).code, 64);
}

#[test]
fn the_schema_is_json_and_failures_are_explained() {
    let schema = run(&["schema"]);
    assert_eq!(schema.code, 0, "{}", schema.stderr);
    assert!(serde_json::from_str::<serde_json::Value>(&schema.stdout).is_ok());
    let told = run(&["explain", "F36"]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout.contains("Shown by"), "{}", told.stdout);
}

#[test]
fn exit_codes_are_told_in_one_table() {
    let told = run(&["explain", "exit-codes"]);
    for code in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 64, 130, 143] {
        let row = format!("{code:>3}  ");
        let lines = told.stdout.lines().filter(|line| line.starts_with(&row));
        assert_eq!(lines.count(), 1, "{code}: {}", told.stdout);
    }
}

#[test]
fn the_table_of_failures_is_current() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("orchestrator/FAILURES.md");
    let document = turquoise_scenarios::failures::document();
    if std::env::var_os("TURQUOISE_REFRESH").is_some() {
        std::fs::write(&file, &document).expect("the folder is ours");
    }
    let printed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        printed == document,
        "print it anew with `TURQUOISE_REFRESH=1 cargo test --test documents`"
    );
}
