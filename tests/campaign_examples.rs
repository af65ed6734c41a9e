//! The examples of `examples/campaign/`: what they call exists, and they say what their scheduler
//! needs to hear.

mod support;

use std::fs;
use std::path::Path;

use support::run;

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/campaign");
    let path = path.join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every option that an example gives to the command, in lines that do not call somebody else.
fn options(text: &str) -> Vec<String> {
    let ours = |line: &&str| {
        let line = line.trim();
        !line.starts_with('#') && !line.contains("cargo ") && !line.contains("kubectl")
    };
    let words = text.lines().filter(ours).flat_map(str::split_whitespace);
    words
        .filter(|word| word.starts_with("--") && *word != "---")
        .map(|word| word.split('=').next().unwrap_or(word).to_owned())
        .collect()
}

#[test]
fn every_option_in_the_examples_exists() {
    let help = run(&["simulate", "--help"]).stdout + &run(&["simulate", "merge", "--help"]).stdout;
    for name in [
        "kubernetes.yaml",
        "slurm.sbatch",
        "github.yaml",
        "gitlab.yaml",
    ] {
        let options = options(&example(name));
        assert!(options.len() >= 3, "{name}: {options:?}");
        for option in options {
            assert!(help.contains(&option), "{name} gives {option}: {help}");
        }
    }
}

#[test]
fn every_example_says_what_its_scheduler_needs_to_hear() {
    for (name, needed) in [
        (
            "kubernetes.yaml",
            &[
                "completionMode: Indexed",
                "completions: 20",
                "name: TURQUOISE_SHARDS",
                "value: \"20\"",
                "--shard=auto",
                "merge",
            ][..],
        ),
        ("slurm.sbatch", &["#SBATCH --array=0-2", "--shard auto"]),
        (
            "github.yaml",
            &[
                "shard: [1, 2, 3, 4, 5, 6, 7, 8]",
                "--shard ${{ matrix.shard }}/8",
                "merge results",
            ],
        ),
        (
            "gitlab.yaml",
            &["parallel: 8", "--shard auto", "merge results"],
        ),
    ] {
        let text = example(name);
        for words in needed {
            assert!(text.contains(words), "{name} lacks `{words}`");
        }
    }
}

/// What YAML forbids and people write: tabs, odd indents, a key without a blank after its colon.
#[test]
fn yaml_is_indented_by_blanks_and_its_keys_end_in_colons() {
    for name in ["kubernetes.yaml", "github.yaml", "gitlab.yaml"] {
        for (number, line) in example(name).lines().enumerate() {
            let place = format!("{name}:{}: {line}", number + 1);
            assert!(!line.contains('\t'), "{place}");
            let indent = line.len() - line.trim_start().len();
            assert!(indent.is_multiple_of(2), "{place}");
            assert_eq!(line.trim_end(), line, "{place}");
        }
    }
}
