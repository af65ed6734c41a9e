//! The ways back: `abort` undoes the run that is unfinished, `rollback` brings back who served before.
//!
//! A rollback is level-triggered: its target is the side that served before the last run that meant
//! anything, and where that side serves already there is nothing to do. So a second rollback, or one
//! whose first process died, never swaps forward again. Where no run tells who served before it
//! refuses: a guess would be a swap that nobody asked for.

use super::account::refused;
use super::machine::{Ending, State};
use super::{Verb, begin, last_run, nothing_to_do, unusable};
use crate::environment::Environment;
use crate::journal::{Journal, JournalError, JournalStore, Recovered, RunId};
use crate::report::{Outcome, SwapReport};
use crate::run::{Run, Settings, Start};

/// Ends the unfinished run backwards: before the first gateway write nothing but its pins is undone,
/// after it the old side is brought back with proof. Nothing to do when no run is unfinished.
pub async fn abort<E: Environment>(run: &Run<'_, E>) -> SwapReport {
    match last_run(run.journal).await {
        Ok(Some((_, recovered))) if recovered.is_open() => {}
        Ok(_) => return nothing_to_do("no run is unfinished"),
        Err(error) => return *unusable(&error),
    }
    let settings = Settings {
        start: Start::ResumeLast,
        ..run.settings.clone()
    };
    let run = Run {
        settings: &settings,
        ..*run
    };
    match begin(&run, Verb::Swap).await {
        Ok(begun) => begun.run(&run, true).await,
        Err(report) => *report,
    }
}

/// What a rollback says that cannot know whom to bring back.
const NO_HISTORY: &str = "no run in this journal tells which side served before; if another machine \
    swapped, use its journal, or name the side that shall serve: `turquoise swap --to SIDE`";

/// Brings the old side back: ends an unfinished run backwards, or swaps a finished one back. Where it
/// serves already nothing is done; refused where no run tells which side that is.
pub async fn rollback<E: Environment>(run: &Run<'_, E>) -> SwapReport {
    let target = match target(run.journal).await {
        Ok(target) => target,
        Err(error) => return *unusable(&error),
    };
    let named = run.settings.to.is_some() || matches!(run.settings.start, Start::Resume(_));
    if target.is_none() && !named {
        match last_run(run.journal).await {
            Ok(Some((_, last))) if last.is_open() || last.died_early() => {}
            Ok(Some(_)) => return nothing_to_do("no run has changed who serves"),
            Ok(None) => return *refused(Outcome::Refused, NO_HISTORY.to_owned()),
            Err(error) => return *unusable(&error),
        }
    }
    let settings = Settings {
        start: match &run.settings.start {
            Start::New => Start::ResumeLast,
            given => given.clone(),
        },
        to: run.settings.to.clone().or(target),
        ..run.settings.clone()
    };
    let run = Run {
        settings: &settings,
        ..*run
    };
    match begin(&run, Verb::Rollback).await {
        // With an unfinished run there is something to abort, unless it is a rollback itself;
        // without one this is a swap back.
        Ok(begun) => {
            let recovered = &begun.recovered;
            let abort = recovered.is_open() && recovered.rollback != Some(true);
            let report = begun.run(&run, abort).await;
            if abort && report.outcome == Outcome::Completed {
                return swap_back(&run).await;
            }
            report
        }
        Err(report) => *report,
    }
}

/// The unfinished run had nothing left but to put back what it had borrowed, and so it completed: what
/// was asked for is a swap of its own.
async fn swap_back<E: Environment>(run: &Run<'_, E>) -> SwapReport {
    let settings = Settings {
        start: Start::New,
        ..run.settings.clone()
    };
    let run = Run {
        settings: &settings,
        ..*run
    };
    match begin(&run, Verb::Rollback).await {
        Ok(begun) => begun.run(&run, false).await,
        Err(report) => *report,
    }
}

/// The side that served before the newest run that meant anything; `None` when no journal tells.
async fn target(store: &dyn JournalStore) -> Result<Option<String>, JournalError> {
    let runs = store.runs().await.map_err(|source| JournalError::Store {
        run: RunId::begin(0, 0),
        source,
    })?;
    for id in runs.iter().rev() {
        let (_, entries) = Journal::open(store, id).await?;
        if let Some(side) = brings_back(&Recovered::replay(&entries)) {
            return Ok(Some(side));
        }
    }
    Ok(None)
}

/// The side that undoing this run would bring back, or that it was to bring back itself; `None` for a
/// run that ended or died before it decided anything.
fn brings_back(run: &Recovered) -> Option<String> {
    use State::{Ended, Observing, Parked, Preflighting};
    let sides = run.sides.as_ref()?;
    match run.state? {
        Observing | Preflighting | Parked(_) => None,
        Ended(Ending::NothingToDo | Ending::Refused) => None,
        _ if run.rollback == Some(true) => Some(sides.new.name.clone()),
        _ => Some(sides.old.name.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Member, Sides};
    use std::net::Ipv4Addr;

    fn run_in(state: State, rollback: bool) -> Recovered {
        let member = |name: &str| Member {
            name: name.to_owned(),
            address: Ipv4Addr::LOCALHOST,
        };
        Recovered {
            state: Some(state),
            sides: Some(Sides {
                old: member("green"),
                new: member("blue"),
            }),
            rollback: Some(rollback),
            ..Recovered::default()
        }
    }

    #[test]
    fn a_rollback_keeps_what_a_rollback_brought_and_forgets_who_decided_nothing() {
        for (state, rollback, side) in [
            (State::Ended(Ending::Completed), false, Some("green")),
            (State::Ended(Ending::Completed), true, Some("blue")),
            (State::Ended(Ending::RolledBack), false, Some("green")),
            (State::Ended(Ending::RolledBack), true, Some("blue")),
            (State::Ended(Ending::Abandoned), false, Some("green")),
            (State::Ended(Ending::Refused), false, None),
            (State::Preflighting, true, None),
            (State::BakingMixed, false, Some("green")),
            (State::BakingMixed, true, Some("blue")),
        ] {
            let run = run_in(state, rollback);
            assert_eq!(brings_back(&run).as_deref(), side, "{state:?} {rollback}");
        }
    }
}
