//! The hunt for one mutant: seed after seed, until the oracle it belongs to catches it.

use std::ops::Range;

use serde::Serialize;

use super::{CampaignError, run};
use crate::invariant::Invariant;
use crate::mutants::Mutant;
use crate::run::Runner;
use crate::subject::Subject;

/// How a mutant fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kill {
    /// The mutant.
    pub mutant: &'static str,
    /// Its catalogue entry.
    pub catalogue: &'static str,
    /// The invariants it belongs to.
    pub belongs_to: Vec<Invariant>,
    /// The invariants it violated, on the seed that killed it or on the last one that noticed it.
    pub violated: Vec<Invariant>,
    /// Whether an oracle it belongs to caught it.
    pub killed: bool,
    /// The seed on which it was caught.
    pub seed: Option<u64>,
    /// Scenarios it was tried on.
    pub tried: u64,
    /// Scenarios that did not count, because the reference did not pass them.
    pub skipped: u64,
}

impl Kill {
    /// Whether only oracles caught it that it does not belong to: a warning.
    #[must_use]
    pub fn is_by_another(&self) -> bool {
        !self.killed && !self.violated.is_empty()
    }
}

/// Hunts a mutant through `seeds`.
///
/// # Errors
/// When a scenario's system cannot be set up.
pub fn hunt(
    runner: &Runner,
    mutant: &'static Mutant,
    seeds: Range<u64>,
) -> Result<Kill, CampaignError> {
    let mut kill = Kill {
        mutant: mutant.id,
        catalogue: mutant.catalogue,
        belongs_to: mutant.oracles.to_vec(),
        violated: Vec::new(),
        killed: false,
        seed: None,
        tried: 0,
        skipped: 0,
    };
    for seed in seeds {
        let scenario = mutant.exposed(seed);
        let mutated = run(runner, Subject::Mutant(mutant), &scenario)?;
        kill.tried += 1;
        if mutated.verdict.violated.is_empty() {
            continue;
        }
        // The reference's run is paid only where there is something to count.
        let reference = run(runner, Subject::Turquoise, &scenario)?;
        if !reference.verdict.holds() {
            kill.skipped += 1;
            continue;
        }
        kill.violated = mutated.verdict.violated.keys().copied().collect();
        if mutant.oracles.iter().any(|own| kill.violated.contains(own)) {
            kill.killed = true;
            kill.seed = Some(seed);
            break;
        }
    }
    Ok(kill)
}
