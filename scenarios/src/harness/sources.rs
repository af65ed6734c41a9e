//! The harness mutant of its sources: a judge that shares code with whom it judges (H11).

use super::bench::{Bench, require};
use super::{Harness, Red};

/// The crate that no judge may know.
const ORCHESTRATOR: &str = "turquoise_orchestrator";

/// What judges, as it was built. A test holds that no oracle is missing here.
pub(crate) const JUDGES: &[(&str, &str)] = &[
    ("cause.rs", include_str!("../cause.rs")),
    ("gap.rs", include_str!("../gap.rs")),
    ("latency.rs", include_str!("../latency.rs")),
    ("ledger.rs", include_str!("../ledger.rs")),
    ("observation.rs", include_str!("../observation.rs")),
    ("oracles.rs", include_str!("../oracles.rs")),
    ("timeline.rs", include_str!("../timeline.rs")),
    ("verdict.rs", include_str!("../verdict.rs")),
];

/// H11.
pub(super) fn shared_code(_bench: &Bench, harness: Harness) -> Result<(), Red> {
    for (name, source) in JUDGES {
        let mut source = (*source).to_owned();
        if harness == Harness::Mutated {
            source.push_str("\nuse turquoise_orchestrator::gates::members_verdict;\n");
        }
        let line = source.lines().find(|line| names_it(line));
        require(line.is_none(), || {
            format!("`{name}` says `{}`", line.unwrap_or_default())
        })?;
    }
    Ok(())
}

fn names_it(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.contains(ORCHESTRATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The built-in list is what a binary can look at; here every file is.
    #[test]
    fn no_oracle_s_source_names_the_orchestrator() {
        let room = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut seen = 0;
        for folder in ["oracles", "observation"] {
            let files = std::fs::read_dir(room.join(folder)).expect("the folder is there");
            for file in files {
                let path = file.expect("it can be listed").path();
                let Ok(source) = std::fs::read_to_string(&path) else {
                    continue;
                };
                seen += 1;
                let line = source.lines().find(|line| names_it(line));
                assert_eq!(line, None, "{}", path.display());
            }
        }
        assert!(seen > 15, "only {seen} files were looked at");
    }
}
