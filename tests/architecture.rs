//! Rules about the repository itself: arrows between crates, what cores leave alone, documents.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of code, without comments, blank lines and tests. The style asks for 80 to 250 lines with
/// them; beyond this, a file holds more than one idea.
const LONGEST_FILE: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `folder` with this extension, sorted.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.expect("a readable entry").path()) {
            // The fuzz crate is a workspace of its own, with a build folder of its own.
            if path.ends_with("fuzz/target") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<PathBuf> {
    [
        "src",
        "emulator",
        "orchestrator",
        "scenarios",
        "tests",
        "benches",
    ]
    .into_iter()
    .flat_map(|folder| files(folder, "rs"))
    .collect()
}

/// The part of a source file before its tests.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

fn code_lines(text: &str) -> usize {
    let lines = production(text).lines().map(str::trim_start);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

#[track_caller]
fn assert_none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

#[test]
fn arrows_between_crates_go_one_way() {
    let forbidden = [
        (
            "emulator/arm",
            &[
                "turquoise-emulator",
                "turquoise-orchestrator",
                "turquoise-scenarios",
            ][..],
        ),
        (
            "emulator/template",
            &[
                "turquoise-arm",
                "turquoise-emulator",
                "turquoise-orchestrator",
                "turquoise-scenarios",
            ],
        ),
        (
            "emulator",
            &["turquoise-orchestrator", "turquoise-scenarios"],
        ),
        (
            "orchestrator",
            &[
                "turquoise-emulator",
                "turquoise-scenarios",
                "turquoise-template",
            ],
        ),
    ];
    for (room, crates) in forbidden {
        let manifest: toml::Table = read(&root().join(room).join("Cargo.toml"))
            .parse()
            .expect("a manifest is TOML");
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(table).and_then(toml::Value::as_table) else {
                continue;
            };
            for name in crates {
                assert!(
                    !dependencies.contains_key(*name),
                    "{room} must not know {name}"
                );
            }
        }
    }
}

#[test]
fn cores_have_no_sockets_files_clocks_or_tasks() {
    let cores = [
        "emulator/arm/src",
        "emulator/src/control_plane",
        "emulator/src/data_plane",
        "emulator/template/src",
        "orchestrator/src/plan",
        "orchestrator/src/gates",
        "orchestrator/src/swap/machine",
        "orchestrator/src/view",
        "scenarios/src/oracles",
    ];
    let banned = [
        "tokio::",
        "std::net::Tcp",
        "std::net::Udp",
        "std::fs",
        "async fn",
        "thread::",
    ];
    let mut findings = Vec::new();
    for path in cores.into_iter().flat_map(|core| files(core, "rs")) {
        let text = read(&path);
        for word in banned
            .iter()
            .filter(|word| production(&text).contains(**word))
        {
            findings.push(format!("{} uses `{word}`", shown(&path)));
        }
    }
    assert_none(&findings, "a core takes values and returns values");
}

#[test]
fn files_are_short_enough_to_read() {
    let findings: Vec<String> = sources()
        .iter()
        .map(|path| (path, code_lines(&read(path))))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(path, lines)| format!("{} has {lines} lines", shown(path)))
        .collect();
    assert_none(&findings, "one idea per file");
}

#[test]
fn every_source_file_says_what_it_is_for() {
    let findings: Vec<String> = sources()
        .iter()
        // Tests split off by size belong to the file beside which they stand.
        .filter(|path| !path.ends_with("tests.rs"))
        .filter(|path| !read(path).trim_start().starts_with("//!"))
        .map(|path| shown(path))
        .collect();
    assert_none(&findings, "a module begins with what it is for");
}

#[test]
fn modules_are_files_beside_their_folders() {
    let findings: Vec<String> = sources()
        .iter()
        .filter(|path| path.file_name().is_some_and(|name| name == "mod.rs"))
        // Cargo would take a plain `tests/support.rs` for a test of its own, and so with benches.
        .filter(|path| !shown(path).ends_with("/support/mod.rs"))
        .map(|path| shown(path))
        .collect();
    assert_none(&findings, "`foo.rs` + `foo/`, never `foo/mod.rs`");
}

#[test]
fn suppressions_have_a_reason_and_nothing_is_left_undone() {
    // Written apart, so that this file does not find itself.
    let allow = concat!("#[", "allow(");
    let todo = concat!("TO", "DO");
    let mut findings = Vec::new();
    for path in sources() {
        for (number, line) in read(&path).lines().enumerate() {
            let undone = line.find(todo).is_some_and(|at| {
                let rest = &line[at + todo.len()..];
                !(rest.starts_with('(') && rest.contains(" #") && rest.contains("): "))
            });
            if line.contains(allow) || line.contains(concat!("#![", "allow(")) || undone {
                findings.push(format!("{}:{}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    assert_none(
        &findings,
        "`#[expect(lint, reason)]` and `TO-DO(kind #issue): text` only",
    );
}

#[test]
fn every_oracle_is_in_the_registry_whose_test_makes_it_fail() {
    let registry = read(&root().join("scenarios/src/oracles.rs"));
    let findings: Vec<String> = files("scenarios/src/oracles", "rs")
        .iter()
        .filter(|path| read(path).contains("const ORACLE"))
        .filter(|path| {
            let module = path.file_stem().and_then(|stem| stem.to_str());
            !module.is_some_and(|name| registry.contains(&format!("{name}::ORACLE")))
        })
        .map(|path| shown(path))
        .collect();
    assert_none(&findings, "an oracle that nobody asks judges nothing");
}

#[test]
fn the_changelog_has_its_form() {
    let text = read(&root().join("CHANGELOG.md"));
    let order = [
        "### Safety and correctness",
        "### Features",
        "### Internals",
    ];
    let versions: Vec<&str> = text.split("\n## ").skip(1).collect();
    assert!(
        versions
            .first()
            .is_some_and(|first| first.starts_with("Unreleased"))
    );
    for version in versions {
        let found: Vec<&str> = version
            .lines()
            .filter(|line| line.starts_with("### "))
            .collect();
        let expected: Vec<&str> = order
            .into_iter()
            .filter(|name| found.contains(name))
            .collect();
        assert_eq!(found, expected, "sections, in this order, and no others");
        assert!(
            version.lines().any(|line| line.starts_with("- ")),
            "a version without an entry"
        );
    }
}

#[test]
fn documents_name_files_that_exist() {
    let mut findings = Vec::new();
    for document in documents() {
        let folder = document.parent().unwrap_or_else(|| root());
        for link in links(&read(&document)) {
            if !folder.join(&link).exists() {
                findings.push(format!("{} links to `{link}`", shown(&document)));
            }
        }
    }
    for document in ["README.md", "ARCHITECTURE.md"] {
        for name in named_paths(&read(&root().join(document))) {
            if !root().join(&name).exists() {
                findings.push(format!("{document} names `{name}`"));
            }
        }
    }
    assert_none(&findings, "a document names only what is there");
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for room in [
        ".",
        "emulator",
        "emulator/arm",
        "emulator/template",
        "orchestrator",
        "scenarios",
    ] {
        let manifest = read(&root().join(room).join("Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{room}");
    }
}

#[test]
fn golden_files_belong_to_a_test_that_exists() {
    let mut findings = Vec::new();
    for path in ["emulator", "orchestrator", "scenarios", "tests", "src"]
        .into_iter()
        .flat_map(|folder| files(folder, "snap"))
    {
        let text = read(&path);
        let source = text.lines().find_map(|line| line.strip_prefix("source: "));
        if !source.is_some_and(|source| root().join(source).exists()) {
            findings.push(shown(&path));
        }
    }
    assert_none(&findings, "a golden file without its test is dead");
}

fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(root())
        .expect("the root is readable")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    for room in ["emulator", "orchestrator", "scenarios", "tests", "benches"] {
        found.extend(files(room, "md"));
    }
    found
}

/// Targets of relative links: `[text](target)`.
fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
        .map(|target| target.split('#').next().unwrap_or(target).to_owned())
        .collect()
}

/// Paths in back-ticks: words without blanks that begin in one of the rooms.
fn named_paths(text: &str) -> Vec<String> {
    let rooms = [
        "src/",
        "tests/",
        "benches/",
        "emulator/",
        "orchestrator/",
        "scenarios/",
    ];
    text.split('`')
        .filter(|word| rooms.iter().any(|room| word.starts_with(room)) && !word.contains(' '))
        .map(str::to_owned)
        .collect()
}
