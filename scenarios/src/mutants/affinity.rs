//! Mutants that forget whom a cookie still leads where.

use turquoise_emulator::data_plane::Mixture;

use super::Mutant;
use super::early_removal::{Removes, When};
use crate::invariant::Invariant;
use crate::scenario::Scenario;

/// F49: cookies keep leading to the removed side while it drains.
pub(super) const AFFINITY_REMOVED: Mutant = Mutant {
    id: "affinity-removed",
    catalogue: "F49",
    wrong: "takes the removed side away while cookies still lead to it",
    oracles: &[
        Invariant::S(2),
        Invariant::S(6),
        Invariant::S(13),
        Invariant::Q(6),
    ],
    expose: |scenario| scenario.topology.affinity = true,
    make: || Box::new(Removes::new(When::OldSucceeded)),
    ..Mutant::HARMLESS
};

/// F50: the way back leaves those behind who were bound to the new side.
pub(super) const AFFINITY_ROLLBACK: Mutant = Mutant {
    id: "affinity-rollback",
    catalogue: "F50",
    wrong: "takes the new side away as soon as the way back has removed it",
    oracles: &[Invariant::S(2), Invariant::S(6), Invariant::S(13)],
    expose: |scenario| {
        scenario.topology.affinity = true;
        with_a_stranger_behind_the_new_side(scenario);
    },
    make: || Box::new(Removes::new(When::NewRemoved)),
    ..Mutant::HARMLESS
};

/// Somebody else's service answers at the new side's address (F52): whoever asks who is there goes
/// back.
pub(super) fn with_a_stranger_behind_the_new_side(scenario: &mut Scenario) {
    scenario.builds.new.mixture = Some(Mixture {
        percent: 100,
        runs: "third-service".to_owned(),
        admits: true,
    });
}
