//! A mutant beyond the catalogue: both sides serve together for longer than was planned (Q5).

use turquoise_orchestrator::config::Span;

use super::Mutant;
use crate::invariant::Invariant;

/// Q5: the comparison of both sides lasts for hours.
pub(super) const MIXED_FOR_LONG: Mutant = Mutant {
    id: "mixed-for-long",
    catalogue: "Q5",
    wrong: "compares both sides for three hours, in which clients meet now one and now the other",
    oracles: &[Invariant::Q(5)],
    configure: |config| config.phases.bake = Span::minutes(180),
    ..Mutant::HARMLESS
};
