//! All levels of simulation give one digest, and so do two processes.

use std::fs;
use std::path::Path;
use std::process::Command;

use turquoise_scenarios::generate;
use turquoise_scenarios::mutants::MUTANTS;
use turquoise_scenarios::run::{Level, Runner};
use turquoise_scenarios::subject::Subject;

#[track_caller]
fn agree(runner: &Runner, subject: Subject, seed: u64) {
    let scenario = match subject {
        Subject::Mutant(mutant) => mutant.exposed(seed),
        _ => generate::scenario(seed).scenario,
    };
    let on = |level| {
        let ran = runner.run(level, subject, &scenario);
        ran.unwrap_or_else(|error| panic!("{subject} on seed {seed}: {error}"))
    };
    let core = on(Level::Core);
    for level in [Level::InProcess, Level::Duplex] {
        let other = on(level);
        assert_eq!(
            core.digest, other.digest,
            "{subject}, seed {seed}, {level:?}"
        );
        assert_eq!(core.observation.end, other.observation.end);
    }
}

#[test]
fn core_router_and_byte_streams_give_one_digest() {
    let runner = Runner::default();
    for seed in 0..60 {
        agree(&runner, Subject::Turquoise, seed);
    }
}

#[test]
fn they_do_so_for_scripts_and_mutants_too() {
    let runner = Runner::default();
    for seed in 0..20 {
        agree(&runner, Subject::Published, seed);
    }
    // Each costs a second in a build for tests.
    for (seed, mutant) in (0..).zip(MUTANTS.iter().step_by(4)) {
        agree(&runner, Subject::Mutant(mutant), seed);
    }
}

const SEED: &str = "TURQUOISE_TRACE_OF_SEED";
const FILE: &str = "TURQUOISE_TRACE_INTO_FILE";

fn trace(seed: u64) -> Vec<u8> {
    let trace = Runner::default().trace_bytes(seed);
    trace.unwrap_or_else(|error| panic!("seed {seed}: {error}"))
}

/// Does something only in a process of its own, started by the test below.
#[test]
fn writes_the_trace_it_is_asked_for() {
    let (Ok(seed), Ok(file)) = (std::env::var(SEED), std::env::var(FILE)) else {
        return;
    };
    let bytes = trace(seed.parse().expect("the parent wrote a number"));
    fs::write(file, bytes).expect("the parent named a file that can be written");
}

fn in_another_process(seed: u64, number: u32) -> Vec<u8> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("trace-{seed}-{number}"));
    let itself = std::env::current_exe().expect("a test knows its own file");
    let output = Command::new(itself)
        .args(["--exact", "levels::writes_the_trace_it_is_asked_for"])
        .env(SEED, seed.to_string())
        .env(FILE, &file)
        .output()
        .expect("a test can start itself");
    assert!(output.status.success(), "{output:?}");
    fs::read(&file).expect("the child wrote it")
}

#[test]
fn one_seed_gives_the_same_bytes_in_two_processes() {
    for seed in [0, 1, 7] {
        let first = in_another_process(seed, 1);
        assert!(first.len() > 10_000, "only {} bytes", first.len());
        // Not `assert_eq!`, which would print both.
        assert!(first == in_another_process(seed, 2), "seed {seed}");
        assert!(first == trace(seed), "seed {seed}");
    }
}
