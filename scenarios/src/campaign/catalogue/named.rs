//! Which invariants the catalogue says an entry breaks (failure-catalogue.md C.9).
//!
//! A mutant is caught by the right oracle when one of these is violated. Mutants may belong to other
//! oracles too, where what they do shows elsewhere first; only these make a kill a full one.

use crate::invariant::Invariant::{self, L, Q, S};

/// What an entry breaks. A mutant beyond the catalogue has its oracle's number for an entry, such as
/// `Q5`, and that oracle is the right one.
#[must_use]
pub fn named(entry: &str) -> Vec<Invariant> {
    let row = NAMED.iter().find(|(known, _)| *known == entry);
    match row {
        Some((_, invariants)) => invariants.to_vec(),
        None => entry.parse().into_iter().collect(),
    }
}

const NAMED: [(&str, &[Invariant]); 114] = [
    ("F01", &[S(20), S(11), S(2)]),
    ("F02", &[S(20), S(10)]),
    ("F03", &[S(20), S(11)]),
    ("F04", &[S(20)]),
    ("F05", &[S(10), S(2), S(20)]),
    ("F06", &[S(11), Q(1)]),
    ("F07", &[S(20)]),
    ("F08", &[S(20), S(9)]),
    ("F09", &[S(11), S(19)]),
    ("F10", &[S(11), S(2)]),
    ("F11", &[S(20)]),
    ("F12", &[S(20)]),
    ("F13", &[S(16), S(20)]),
    ("F14", &[S(11), S(4)]),
    ("F15", &[S(20), S(9)]),
    ("F16", &[S(16), S(20)]),
    ("F17", &[S(2)]),
    ("F18", &[S(20), L(4)]),
    ("F19", &[S(2), S(10)]),
    ("F20", &[S(10), Q(3)]),
    ("F21", &[S(10), Q(3), L(4)]),
    ("F22", &[S(12), S(19)]),
    ("F23", &[S(10), S(16)]),
    ("F24", &[S(10), S(20)]),
    ("F25", &[Q(3), S(10)]),
    ("F26", &[S(10), S(11), L(1)]),
    ("F27", &[L(1), Q(2)]),
    ("F28", &[S(10), S(9)]),
    ("F29", &[S(10), S(23)]),
    ("F30", &[S(10), L(4)]),
    ("F31", &[S(2), Q(3)]),
    ("F32", &[S(19), S(12), S(10)]),
    ("F33", &[S(5), S(6), S(2)]),
    ("F34", &[S(4), S(5), S(7)]),
    ("F35", &[S(6), S(1)]),
    ("F36", &[S(24), S(1), S(21)]),
    ("F37", &[S(6), S(1), S(13)]),
    ("F38", &[S(6), S(1)]),
    ("F39", &[S(5), S(2)]),
    ("F40", &[S(2)]),
    ("F41", &[S(10), Q(4)]),
    ("F42", &[S(5), S(7)]),
    ("F43", &[S(1), S(3)]),
    ("F44", &[S(1), L(5), Q(1)]),
    ("F45", &[S(1), S(3)]),
    ("F46", &[S(1)]),
    ("F47", &[S(1), S(9)]),
    ("F48", &[S(3)]),
    ("F49", &[S(5), S(6)]),
    ("F50", &[S(4), S(7)]),
    ("F51", &[S(6), L(5)]),
    ("F52", &[S(4), S(8)]),
    ("F53", &[S(5), S(2)]),
    ("F54", &[S(11), Q(1)]),
    ("F55", &[S(11)]),
    ("F56", &[S(10), S(20)]),
    ("F57", &[S(9), S(2)]),
    ("F58", &[S(15), S(14)]),
    ("F59", &[S(15)]),
    ("F60", &[S(15), S(14)]),
    ("F61", &[S(17), S(18), S(23)]),
    ("F62", &[S(14), S(15)]),
    ("F63", &[S(16), S(18), S(19)]),
    ("F64", &[S(17), S(18)]),
    ("F65", &[S(16), S(20)]),
    ("F66", &[S(16), S(15), L(1)]),
    ("F67", &[S(16)]),
    ("F68", &[S(16), S(20)]),
    ("F69", &[S(15), S(21)]),
    ("F70", &[L(1), L(4), S(19)]),
    ("F71", &[L(1), S(18)]),
    ("F72", &[L(2), S(23)]),
    ("F73", &[L(1), S(10)]),
    ("F74", &[S(23), S(20)]),
    ("F75", &[L(6), S(23)]),
    ("F76", &[S(18), S(17), S(8), L(2)]),
    ("F77", &[S(18), S(16)]),
    ("F78", &[S(14), S(15)]),
    ("F79", &[S(14)]),
    ("F80", &[L(3)]),
    ("F81", &[S(14), L(3)]),
    ("F82", &[S(19), S(17)]),
    ("F83", &[S(19), S(11)]),
    ("F84", &[S(19), L(4)]),
    ("F85", &[S(20), S(11)]),
    ("F86", &[S(13), S(6)]),
    ("F87", &[S(13), S(12)]),
    ("F88", &[S(16), S(4)]),
    ("F89", &[S(12), S(4)]),
    ("F90", &[S(12), S(19)]),
    ("F91", &[S(16), S(20), S(23)]),
    ("F92", &[S(12), S(14), S(20)]),
    ("F93", &[S(22)]),
    ("F94", &[S(23)]),
    ("F95", &[L(5), L(1)]),
    ("F96", &[S(8), S(4), S(24)]),
    ("F97", &[S(8), L(2)]),
    ("F98", &[S(24), S(1)]),
    ("F99", &[L(1), S(20), S(17)]),
    ("F100", &[S(18), S(10)]),
    ("F101", &[S(15), S(8), S(12)]),
    ("F102", &[S(14), S(15)]),
    ("F103", &[S(13), S(21), S(22)]),
    ("F104", &[S(20), S(9)]),
    ("F105", &[S(9)]),
    ("F106", &[S(20), L(4)]),
    ("F107", &[S(19), L(4)]),
    ("F108", &[S(9), S(19)]),
    ("F109", &[S(9)]),
    ("F110", &[S(9), S(7)]),
    ("F111", &[S(19), S(9)]),
    ("F112", &[S(3)]),
    ("F113", &[S(7)]),
    ("F114", &[S(8), S(20)]),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mutants::MUTANTS;

    #[test]
    fn every_mutant_has_a_right_oracle() {
        for mutant in MUTANTS {
            assert!(!named(mutant.catalogue).is_empty(), "{}", mutant.id);
        }
        assert_eq!(named("Q5"), [Q(5)]);
        assert_eq!(named("nothing"), []);
    }

    /// Where the catalogue lies beside the repository, the table is its own.
    #[test]
    fn the_table_is_the_catalogue_s() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/failure-catalogue.md");
        let Ok(catalogue) = std::fs::read_to_string(file) else {
            return;
        };
        for (entry, invariants) in NAMED {
            let (_, rest) = catalogue
                .split_once(&format!("**{entry} · "))
                .unwrap_or_else(|| panic!("`{entry}` is in the catalogue"));
            let (_, rest) = rest.split_once("breaks ").expect("it says what it breaks");
            let (breaks, _) = rest.split_once(" ·").expect("it says why it is known");
            let ours: Vec<String> = invariants.iter().map(ToString::to_string).collect();
            assert_eq!(ours.join(" "), breaks, "{entry}");
        }
    }
}
