//! How the mutants stand to the failure catalogue: who is in its first wave, and who is missing.

mod named;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::mutants::{MUTANTS, NOT_SEEDED};

pub use named::named;

/// The catalogue's entries are F01 to F114.
const ENTRIES: u8 = 114;

/// The 41 entries of the first wave, which every campaign must kill (failure-catalogue.md C.10).
const FIRST_WAVE: [&str; 41] = [
    "F03", "F04", "F05", "F06", "F20", "F22", "F27", "F32", "F33", "F35", "F36", "F37", "F41",
    "F48", "F52", "F55", "F58", "F59", "F61", "F63", "F68", "F69", "F70", "F71", "F74", "F75",
    "F76", "F78", "F79", "F80", "F83", "F84", "F86", "F87", "F92", "F93", "F94", "F95", "F98",
    "F110", "F113",
];

/// When the catalogue wants an entry seeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wave {
    /// Among the first 41.
    First,
    /// Later.
    Later,
}

/// An entry that no mutant stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotSeeded {
    /// The entry, such as `F14`.
    pub catalogue: String,
    /// Its wave.
    pub wave: Wave,
    /// Why it is not seeded.
    pub reason: String,
}

impl Wave {
    /// The wave of an entry.
    #[must_use]
    pub fn of(catalogue: &str) -> Self {
        if FIRST_WAVE.contains(&catalogue) {
            Self::First
        } else {
            Self::Later
        }
    }

    /// The word in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Later => "later",
        }
    }
}

/// The entries that say why no mutant stands for them.
pub(super) fn not_seeded() -> Vec<NotSeeded> {
    let rows = NOT_SEEDED.iter().map(|(catalogue, reason)| NotSeeded {
        catalogue: (*catalogue).to_owned(),
        wave: Wave::of(catalogue),
        reason: (*reason).to_owned(),
    });
    rows.collect()
}

/// The entries that neither are seeded nor say why not.
pub(super) fn unaccounted() -> Vec<String> {
    let seeded = MUTANTS.iter().map(|mutant| mutant.catalogue);
    let explained = NOT_SEEDED.iter().map(|(catalogue, _)| *catalogue);
    let known: BTreeSet<&str> = seeded.chain(explained).collect();
    (1..=ENTRIES)
        .map(|number| format!("F{number:02}"))
        .filter(|entry| !known.contains(entry.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wave_has_forty_one_entries() {
        let entries: BTreeSet<_> = FIRST_WAVE.into_iter().collect();
        assert_eq!(entries.len(), 41);
        assert_eq!(Wave::of("F37"), Wave::First);
        assert_eq!(Wave::of("F02"), Wave::Later);
    }

    #[test]
    fn an_entry_is_seeded_or_explained_or_unaccounted() {
        let unaccounted = unaccounted();
        assert!(!unaccounted.contains(&"F37".to_owned()));
        let of_the_catalogue = |entry: &&str| entry.starts_with('F');
        let seeded: BTreeSet<_> = MUTANTS
            .iter()
            .map(|mutant| mutant.catalogue)
            .filter(of_the_catalogue)
            .collect();
        let explained = not_seeded().len();
        assert_eq!(seeded.len() + explained + unaccounted.len(), 114);
    }
}
