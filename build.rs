//! Tells the command which build it is: a hash over its sources, the commit, the compiler.
//!
//! The hash needs no git and sees uncommitted changes, so it is what results are compared by; the
//! commit is for people, and absent where there is no checkout.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// Everything that can change what a campaign does.
const SOURCES: [&str; 7] = [
    "Cargo.lock",
    "Cargo.toml",
    "build.rs",
    "emulator",
    "orchestrator",
    "scenarios",
    "src",
];

fn main() -> io::Result<()> {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    // Moves with every commit and checkout; in a worktree it is not below `.git`.
    if let Some(log) = output("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    set("SOURCE", &hash_of_sources()?);
    set(
        "COMMIT",
        &output("git", &["describe", "--always", "--dirty", "--abbrev=12"]).unwrap_or_default(),
    );
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    set("RUSTC", &output(&rustc, &["--version"]).unwrap_or_default());
    for (name, variable) in [("PROFILE", "PROFILE"), ("TARGET", "TARGET")] {
        set(name, &env::var(variable).unwrap_or_default());
    }
    Ok(())
}

fn set(name: &str, value: &str) {
    println!("cargo::rustc-env=TURQUOISE_BUILD_{name}={value}");
}

/// What a program says; nothing where it is missing or fails.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// Names and contents of all source files, in the order of their names.
fn hash_of_sources() -> io::Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(Path::new(source), &mut files)?;
    }
    files.sort();
    let mut hasher = Sha256::new();
    for file in files {
        hasher.update(file.to_string_lossy().as_bytes());
        hasher.update([0]);
        let contents = fs::read(&file)?;
        hasher.update(contents.len().to_le_bytes());
        hasher.update(contents);
    }
    let digits = hasher.finalize();
    Ok(digits
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        if is_source(path) {
            files.push(path.to_owned());
        }
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?.path();
        if entry.file_name().is_some_and(|name| name != "target") {
            collect(&entry, files)?;
        }
    }
    Ok(())
}

/// Whether a file can change the program: tests, snapshots and documents do not.
fn is_source(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let in_tests = path.components().any(|part| part.as_os_str() == "tests");
    matches!(
        extension,
        Some("rs" | "toml" | "lock" | "css" | "html" | "json")
    ) && !in_tests
        && !path.starts_with("scenarios/corpus")
}
