//! Lines of the journal: what a run writes down, and the chain that binds the lines.

use std::cell::{Cell, RefCell};
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use turquoise_arm::ResourceId;

use super::{JournalStore, RunId, StoreError};
use crate::config::Moment;
use crate::environment::Environment;
use crate::gates::HookAnswer;
use crate::plan::Sides;
use crate::report::{GatewayWrite, Outcome};
use crate::swap::machine::State;
use crate::view::autoscale::Limits;

/// The pauses between tries to append double from here …
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// … to here: about half a minute in all, less than a lease's time to live.
const LAST_PAUSE: Duration = Duration::from_secs(16);

/// One thing a run writes down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(crate) enum Record {
    /// A process began or took up the run.
    Began {
        owner: String,
        endpoint: String,
        pool: ResourceId,
        /// Whether it was asked to bring an old side back.
        #[serde(default)]
        rollback: bool,
    },
    /// The direction is decided and the plan frozen.
    Planned {
        sides: Sides,
        required: u32,
        hash: String,
        lines: Vec<String>,
    },
    /// A state was entered; its work has not begun.
    Entered { state: State },
    /// Builds are known by name.
    Builds {
        old: Option<String>,
        new: Option<String>,
    },
    /// An autoscale setting is about to be pinned; these were its limits.
    Pinning {
        side: String,
        setting: ResourceId,
        originals: Vec<Limits>,
        count: u32,
    },
    /// A scale set is about to be scaled.
    Scaling {
        side: String,
        scale_set: ResourceId,
        from: u32,
        to: u32,
    },
    /// A gateway write is about to be sent.
    Writing {
        write: GatewayWrite,
        etag: Option<String>,
        body_sha256: String,
    },
    /// A gateway write was answered, or not.
    Written {
        accepted: Option<bool>,
        operation: Option<String>,
        answer: String,
    },
    /// Every gateway write has ended; the pool lists this.
    Settled { members: Vec<Ipv4Addr> },
    /// A state's evidence.
    Evidence { lines: Vec<String> },
    /// A hook is about to be asked for the first time.
    HookCalled { hook: String, when: Moment },
    /// A hook said something that it had not said the time before.
    HookAnswered {
        hook: String,
        attempt: u32,
        answer: HookAnswer,
        detail: String,
    },
    /// Pins and scales are back, or are listed here.
    Restored { residue: Vec<String> },
    /// The process ends.
    Ended { outcome: Outcome, reason: String },
}

/// A record with its place in the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its number, from 0.
    pub(crate) n: usize,
    /// The environment's clock.
    pub(crate) at_ms: u64,
    /// The wall clock, for people.
    pub(crate) unix_ms: u64,
    /// The lease's epoch it was written under.
    pub(crate) epoch: u64,
    /// The hash of the line before; empty for the first.
    pub(crate) prev: String,
    /// What is written down.
    #[serde(flatten)]
    pub(crate) record: Record,
}

/// Why a journal cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JournalError {
    /// The store.
    #[error("the journal of run `{run}` cannot be used")]
    Store {
        run: RunId,
        #[source]
        source: StoreError,
    },
    /// A line is not what the chain says.
    #[error("line {line} of the journal of run `{run}` {problem}; do not trust this journal")]
    Broken {
        run: RunId,
        line: usize,
        problem: String,
    },
}

/// An open journal: the end of one run's chain.
pub(crate) struct Journal<'a> {
    store: &'a dyn JournalStore,
    run: RunId,
    lines: Cell<usize>,
    last: RefCell<String>,
}

impl std::fmt::Debug for Journal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("run", &self.run)
            .field("lines", &self.lines.get())
            .finish_non_exhaustive()
    }
}

impl<'a> Journal<'a> {
    /// Opens a run's journal, checks its chain and gives back what it says.
    pub(crate) async fn open(
        store: &'a dyn JournalStore,
        run: &RunId,
    ) -> Result<(Self, Vec<Entry>), JournalError> {
        let lines = store.read(run).await;
        let lines = lines.map_err(|source| JournalError::Store {
            run: run.clone(),
            source,
        })?;
        let (entries, last) = verify(run, &lines)?;
        let journal = Self {
            store,
            run: run.clone(),
            lines: Cell::new(entries.len()),
            last: RefCell::new(last),
        };
        Ok((journal, entries))
    }

    /// Whose journal it is.
    pub(crate) fn run(&self) -> &RunId {
        &self.run
    }

    /// Adds a record. Once this returns, a resumed run will find it.
    pub(crate) async fn write<E: Environment>(
        &self,
        environment: &E,
        epoch: u64,
        record: Record,
    ) -> Result<(), JournalError> {
        let entry = Entry {
            n: self.lines.get(),
            at_ms: environment.now().0,
            unix_ms: environment.unix_millis(),
            epoch,
            prev: self.last.borrow().clone(),
            record,
        };
        let line =
            serde_json::to_string(&entry).expect("records are strings, numbers and lists of them");
        let appended = self.append(environment, entry.n, &line).await;
        appended.map_err(|source| JournalError::Store {
            run: self.run.clone(),
            source,
        })?;
        self.lines.set(entry.n + 1);
        *self.last.borrow_mut() = hash(&line);
        Ok(())
    }

    /// Appends a line, again after a store's hiccup. A refused or lost append is looked up first:
    /// our own line may be there, its answer lost. Only another line in its place is someone else's.
    async fn append<E: Environment>(
        &self,
        environment: &E,
        at: usize,
        line: &str,
    ) -> Result<(), StoreError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let Err(failure) = self.store.append(&self.run, at, line).await else {
                return Ok(());
            };
            if let Ok(lines) = self.store.read(&self.run).await
                && lines.len() > at
            {
                let object = self.run.to_string();
                let ours = lines[at] == line;
                return ours.then_some(()).ok_or(StoreError::Conflict { object });
            }
            if pause > LAST_PAUSE {
                return Err(failure);
            }
            environment.sleep_until(environment.now() + pause).await;
            pause *= 2;
        }
    }
}

fn verify(run: &RunId, lines: &[String]) -> Result<(Vec<Entry>, String), JournalError> {
    let mut prev = String::new();
    let mut entries = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let broken = |problem: String| JournalError::Broken {
            run: run.clone(),
            line: index + 1,
            problem,
        };
        let entry: Entry = serde_json::from_str(line)
            .map_err(|error| broken(format!("cannot be read: {error}")))?;
        if entry.n != index || entry.prev != prev {
            return Err(broken("does not follow from the one before".to_owned()));
        }
        prev = hash(line);
        entries.push(entry);
    }
    Ok((entries, prev))
}

/// SHA-256 as lower-case hexadecimal digits.
pub(crate) fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> Vec<String> {
        let mut prev = String::new();
        (0..count)
            .map(|n| {
                let entry = Entry {
                    n,
                    at_ms: 0,
                    unix_ms: 0,
                    epoch: 1,
                    prev: prev.clone(),
                    record: Record::Evidence {
                        lines: vec![n.to_string()],
                    },
                };
                let line = serde_json::to_string(&entry).expect("a record serialises");
                prev = hash(&line);
                line
            })
            .collect()
    }

    #[test]
    fn a_chain_notices_what_was_changed_or_left_out() {
        let run = RunId::parse("r").expect("a letter is an id");
        assert_eq!(
            verify(&run, &lines(3)).map(|(entries, _)| entries.len()),
            Ok(3)
        );
        let mut changed = lines(3);
        changed[1] = changed[1].replace("\"1\"", "\"7\"");
        let mut shortened = lines(3);
        shortened.remove(1);
        for broken in [changed, shortened, vec!["{".to_owned()]] {
            let error = verify(&run, &broken).expect_err("the chain is broken");
            assert!(error.to_string().contains("do not trust"), "{error}");
        }
    }
}
