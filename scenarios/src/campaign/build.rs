//! Which build ran a campaign: what makes two results comparable.

use serde::{Deserialize, Serialize};

/// The build of the program that ran a campaign; the shell knows, this crate does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// A hash over every source file: equal for equal sources, in a checkout or out of one.
    pub source: String,
    /// `git describe` when it was built; absent outside a checkout.
    pub commit: Option<String>,
    /// The compiler.
    pub rustc: String,
    /// Its profile, `release` or `debug`.
    pub profile: String,
    /// The target.
    pub target: String,
}

impl Build {
    /// Whether both ran the same sources; compilers and profiles do not change a digest.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.source == other.source
    }
}
