//! The journal: what a run intended, did and saw, so that any machine can go on from there.
//!
//! One append-only list of lines per run. Each line carries the hash of the one before, so that a
//! changed or missing line is noticed. Intent is written before an effect, outcome after it.

mod file;
mod memory;
mod record;
mod recovered;
mod shared;

use std::fmt;

use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};

pub use file::FileStore;
pub use memory::MemoryStore;
pub(crate) use record::{Entry, Journal, JournalError, Record, hash};
pub(crate) use recovered::{HookPast, Pin, Recovered, Scale};
pub use shared::SharedStore;

/// A run's id; ids sort by the time their runs began.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// An id as typed by a person or listed by a store.
    ///
    /// # Errors
    /// When it could not be a file or blob name: letters, digits and `-` only.
    pub fn parse(text: &str) -> Result<Self, InvalidRunId> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
            return Err(InvalidRunId(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id of a run that begins at `unix_millis`, made unique by a random number.
    pub(crate) fn begin(unix_millis: u64, random: u64) -> Self {
        let millis = i64::try_from(unix_millis).unwrap_or_default();
        let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
        let time = time.strftime("%Y%m%d-%H%M%S");
        Self(format!("{time}-{:04x}", random & 0xffff))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a [`RunId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a run id; `turquoise status` names the last one")]
pub struct InvalidRunId(String);

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Someone else wrote first; nothing was written.
    #[error("`{object}` was changed by someone else")]
    Conflict {
        /// What was to be written.
        object: String,
    },
    /// The store cannot be used; whether a write acted is unknown.
    #[error("`{object}` cannot be used: {reason}; check that the folder exists and can be written")]
    Unavailable {
        /// What was to be read or written.
        object: String,
        /// What the store said.
        reason: String,
    },
}

/// Where journals are kept: one append-only list of lines per run, for one gateway pool.
///
/// Crash rules: before a method's await completes the line may or may not be there; after it
/// returned `Ok` the line survives a crash of the machine that wrote it.
pub trait JournalStore {
    /// All lines of a run in order; empty when there is no such run.
    fn read<'a>(&'a self, run: &'a RunId) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>>;

    /// Adds `line` as number `at`, counted from 0, if exactly `at` lines are there
    /// ([`StoreError::Conflict`] otherwise). A conditional put, so two writers cannot interleave.
    fn append<'a>(
        &'a self,
        run: &'a RunId,
        at: usize,
        line: &'a str,
    ) -> LocalBoxFuture<'a, Result<(), StoreError>>;

    /// The ids of all runs, oldest first.
    fn runs(&self) -> LocalBoxFuture<'_, Result<Vec<RunId>, StoreError>>;
}
