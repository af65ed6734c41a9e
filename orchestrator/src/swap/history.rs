//! What the journals tell of all runs, each with a checked chain.

use serde::Serialize;
use serde_json::Value;

use crate::journal::{Journal, JournalError, JournalStore, Record, Recovered, RunId, StoreError};
use crate::phase::Phase;
use crate::report::Outcome;

/// One run as its journal tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunHistory {
    /// Its id.
    pub run: String,
    /// Whether it was asked to bring an old side back.
    pub rollback: bool,
    /// Everyone whose process drove it, in order.
    pub owners: Vec<String>,
    /// When it began, on the wall clock.
    pub began_unix_ms: u64,
    /// When its journal was last written.
    pub last_unix_ms: u64,
    /// The side that served when it began.
    pub old: Option<String>,
    /// The side it was to bring.
    pub new: Option<String>,
    /// The last phase entered.
    pub phase: Phase,
    /// How its last process ended; absent when it died or still runs.
    pub outcome: Option<Outcome>,
    /// Why.
    pub reason: String,
    /// Gateway writes that Azure accepted.
    pub gateway_puts: usize,
    /// Whether something is left to do: `turquoise resume`.
    pub open: bool,
    /// Lines of its journal.
    pub lines: usize,
    /// What is wrong with the journal; absent when its chain of hashes is whole.
    pub broken: Option<String>,
}

/// Every run of the store, oldest first. A journal that is broken is told so, not left out.
///
/// # Errors
/// When the store cannot be used.
pub async fn history(store: &dyn JournalStore) -> Result<Vec<RunHistory>, StoreError> {
    let mut runs = Vec::new();
    for id in store.runs().await? {
        runs.push(match Journal::open(store, &id).await {
            Ok((_, entries)) => told(&id, &entries),
            Err(JournalError::Store { source, .. }) => return Err(source),
            Err(error) => RunHistory {
                broken: Some(error.to_string()),
                ..told(&id, &[])
            },
        });
    }
    // Two runs of one second are told apart by letters drawn at random.
    runs.sort_by_cached_key(|run| {
        let second = run
            .run
            .rsplit_once('-')
            .map(|(second, _)| second.to_owned());
        (second, run.began_unix_ms)
    });
    Ok(runs)
}

/// Every line of one run's journal, checked; empty when there is no such run.
///
/// # Errors
/// As text: when the store cannot be used or the chain is broken.
pub async fn journal_lines(store: &dyn JournalStore, run: &RunId) -> Result<Vec<Value>, String> {
    let opened = Journal::open(store, run).await;
    let (_, entries) = opened.map_err(|error| crate::error_text(&error))?;
    let lines = entries.iter().map(serde_json::to_value);
    lines
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

fn told(id: &RunId, entries: &[crate::journal::Entry]) -> RunHistory {
    let recovered = Recovered::replay(entries);
    let owners = entries.iter().filter_map(|entry| match &entry.record {
        Record::Began { owner, .. } => Some(owner.clone()),
        _ => None,
    });
    let reason = entries.iter().rev().find_map(|entry| match &entry.record {
        Record::Ended { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    let accepted = recovered.writes.iter();
    let sides = recovered.sides.as_ref();
    RunHistory {
        run: id.to_string(),
        rollback: recovered.rollback == Some(true),
        owners: owners.collect(),
        began_unix_ms: entries.first().map_or(0, |entry| entry.unix_ms),
        last_unix_ms: entries.last().map_or(0, |entry| entry.unix_ms),
        old: sides.map(|sides| sides.old.name.clone()),
        new: sides.map(|sides| sides.new.name.clone()),
        phase: recovered.phase(),
        reason: reason
            .filter(|_| recovered.outcome.is_some())
            .unwrap_or_default(),
        gateway_puts: accepted.filter(|w| w.accepted == Some(true)).count(),
        open: recovered.is_open(),
        outcome: recovered.outcome,
        lines: entries.len(),
        broken: None,
    }
}
