//! The swap: begin or take up a run, drive it, give account.
//!
//! [`machine`] is the pure table, [`drive`] does what it says. This module is what comes before and
//! after: which run it is, who holds the lease, what the journal knows, and the report.

mod account;
mod doctor;
mod drive;
pub(crate) mod effect;
pub(crate) mod event;
mod history;
pub(crate) mod machine;
#[cfg(test)]
mod model;
mod moments;
mod planning;
mod status;
mod way_back;

use std::cell::{Cell, RefCell};

use futures_util::future::{Either, select};
use futures_util::pin_mut;

use crate::arm_client::{ArmClient, Operation};
use crate::control::Ask;
use crate::environment::Environment;
use crate::journal::{Journal, JournalError, JournalStore, Record, Recovered, RunId, StoreError};
use crate::lease::{Held, Taken, take};
use crate::observer::Progress;
use crate::phase::Phase;
use crate::report::{Outcome, SwapReport};
use crate::run::{Run, Start};

use account::refused;
use drive::{Driver, Memory};

pub use doctor::{DoctorCheck, Gravity, doctor};
pub use drive::retire;
pub use drive::{GcReport, gc};
pub use history::{RunHistory, history, journal_lines};
pub use planning::{Planning, plan};
pub use status::status;
pub use way_back::{abort, rollback};

/// Swaps the pool to the idle side, or goes on with an unfinished run.
///
/// Never fails: whatever happens, the report says what was changed and how to go on.
pub async fn swap<E: Environment>(run: &Run<'_, E>) -> SwapReport {
    match begin(run, Verb::Swap).await {
        Ok(begun) => begun.run(run, false).await,
        Err(report) => *report,
    }
}

/// Goes on with the last unfinished run, or says that there is none.
pub async fn resume<E: Environment>(run: &Run<'_, E>) -> SwapReport {
    match last_run(run.journal).await {
        Ok(Some((_, recovered))) if recovered.has_more_to_do() => {}
        Ok(_) if matches!(run.settings.start, Start::Resume(_)) => {}
        Ok(_) => return nothing_to_do("no run is unfinished"),
        Err(error) => return *unusable(&error),
    }
    swap(run).await
}

/// A report that changed nothing because nothing had to be.
fn nothing_to_do(reason: &str) -> SwapReport {
    *refused(Outcome::NothingToDo, reason.to_owned())
}

/// What a process was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// To bring the new side in: a run whose work is done only has to be accounted for.
    Swap,
    /// To undo: a run whose work is done is over.
    Rollback,
    /// To clear away, likewise.
    Clear,
}

/// A run with its lease and its journal.
struct Begun<'a> {
    journal: Journal<'a>,
    recovered: Recovered,
    lease: Held<'a>,
}

async fn begin<'a, E: Environment>(
    run: &Run<'a, E>,
    verb: Verb,
) -> Result<Begun<'a>, Box<SwapReport>> {
    let id = which_run(run, verb).await?;
    let lease = hold(run, &id).await?;
    match open(run, &id, &lease, verb).await {
        Ok((journal, recovered)) => Ok(Begun {
            journal,
            recovered,
            lease,
        }),
        Err(report) => {
            // Nothing was begun, so nothing needs the lease; its expiry frees it in any case.
            drop(lease.release().await);
            Err(report)
        }
    }
}

/// The run to take up, or a new id.
async fn which_run<E: Environment>(run: &Run<'_, E>, verb: Verb) -> Result<RunId, Box<SwapReport>> {
    let environment = run.environment;
    let new = || RunId::begin(environment.unix_millis(), environment.random("run id"));
    match &run.settings.start {
        Start::New => Ok(new()),
        Start::Resume(id) => Ok(id.clone()),
        Start::ResumeLast => {
            let last = last_run(run.journal).await.map_err(|e| unusable(&e))?;
            let Some((id, recovered)) = last else {
                return Ok(new());
            };
            let unaccounted = verb == Verb::Swap && recovered.died_unaccounted();
            let open = recovered.is_open() || recovered.died_early() || unaccounted;
            let untold = verb == Verb::Swap && died_untold(run, &id).await?;
            Ok(if open || untold { id } else { new() })
        }
    }
}

/// Whether a run's process died after its journal was closed: its lease still lies there. Whoever
/// repeats the command wants to hear how that run ended, not to swap back.
async fn died_untold<E: Environment>(
    run: &Run<'_, E>,
    id: &RunId,
) -> Result<bool, Box<SwapReport>> {
    let held = run.lease.read().await.map_err(|e| store_trouble(&e))?;
    Ok(held.is_some_and(|(_, lease)| lease.run == id.as_str()))
}

/// Whether no run of ours came after this one.
async fn is_last<E: Environment>(run: &Run<'_, E>, id: &RunId) -> Result<bool, Box<SwapReport>> {
    let last = last_run(run.journal).await.map_err(|e| unusable(&e))?;
    Ok(last.is_some_and(|(last, _)| last == *id))
}

/// How many runs back an unfinished one is looked for: a wall clock that was set back gives a new run
/// an older name (F92), but not by many runs.
const LOOK_BACK: usize = 16;

/// The newest run that is not over, else the newest, and what its journal says.
pub(crate) async fn last_run(
    store: &dyn JournalStore,
) -> Result<Option<(RunId, Recovered)>, JournalError> {
    let runs = store.runs().await.map_err(|source| JournalError::Store {
        run: RunId::begin(0, 0),
        source,
    })?;
    let mut newest = None;
    for id in runs.into_iter().rev().take(LOOK_BACK) {
        let (_, entries) = Journal::open(store, &id).await?;
        let recovered = Recovered::replay(&entries);
        if recovered.is_open() {
            return Ok(Some((id, recovered)));
        }
        newest.get_or_insert((id, recovered));
    }
    Ok(newest)
}

async fn hold<'a, E: Environment>(
    run: &Run<'a, E>,
    id: &RunId,
) -> Result<Held<'a>, Box<SwapReport>> {
    let ttl = run.config.lease.ttl.0;
    let owner = &run.settings.owner;
    let taking = take(run.environment, run.lease, owner, id.as_str(), ttl);
    match beside_watch(run, taking).await {
        Ok(Taken::Ours(held)) => Ok(held),
        Ok(Taken::Others(lease)) => {
            let age_ms = run
                .environment
                .unix_millis()
                .saturating_sub(lease.taken_unix_ms);
            let reason = format!(
                "`{}` holds the lease for run `{}` since {} s; wait for it to end, or for {} s after \
                 it dies",
                lease.owner,
                lease.run,
                age_ms / 1_000,
                lease.ttl_ms / 1_000
            );
            Err(refused(Outcome::LockHeld, reason))
        }
        Err(error) => Err(store_trouble(&error)),
    }
}

/// Says that a silent holder is being watched, which takes as long as the lease lives (L6).
async fn beside_watch<T, E: Environment>(run: &Run<'_, E>, taking: impl Future<Output = T>) -> T {
    let began = run.environment.now();
    let telling = async {
        loop {
            let next = run.environment.now() + drive::NOTICE;
            run.environment.sleep_until(next).await;
            let waiting = Progress::Waiting {
                phase: Phase::P0,
                elapsed: run.environment.now().since(began),
                ceiling: run.config.lease.ttl.0,
                missing: vec![
                    "the lease: its last holder is watched for a sign of life".to_owned(),
                ],
            };
            run.observer.on(run.environment.now(), &waiting);
        }
    };
    pin_mut!(taking);
    pin_mut!(telling);
    match select(taking, telling).await {
        Either::Left((taken, _)) => taken,
        Either::Right(_) => unreachable!("notices never end"),
    }
}

async fn open<'a, E: Environment>(
    run: &Run<'a, E>,
    id: &RunId,
    lease: &Held<'a>,
    verb: Verb,
) -> Result<(Journal<'a>, Recovered), Box<SwapReport>> {
    if matches!(run.settings.start, Start::New) {
        refuse_over_open_run(run).await?;
    }
    let (journal, entries) = Journal::open(run.journal, id)
        .await
        .map_err(|e| unusable(&e))?;
    let recovered = Recovered::replay(&entries);
    if !recovered.has_more_to_do() {
        let begun = !entries.is_empty();
        refuse_over_ended_run(run, id, begun.then_some(&recovered)).await?;
    }
    check_sides(run, &recovered)?;
    let began = Record::Began {
        owner: run.settings.owner.clone(),
        endpoint: run.access.endpoint().to_owned(),
        pool: run.config.target.pool_id(),
        rollback: verb == Verb::Rollback,
    };
    let written = journal.write(run.environment, lease.epoch(), began).await;
    written.map_err(|e| unusable(&e))?;
    unpause(run, id).await;
    Ok((journal, recovered))
}

/// Refuses to begin a run again that is over, and says how it ended; whoever asked for no particular run
/// goes on with a new one. `None` stands for a run of which nothing is written down.
async fn refuse_over_ended_run<E: Environment>(
    run: &Run<'_, E>,
    id: &RunId,
    ended: Option<&Recovered>,
) -> Result<(), Box<SwapReport>> {
    let completed = ended.is_some_and(|ended| ended.outcome == Some(Outcome::Completed));
    let (outcome, reason) = match run.settings.start {
        Start::New => return Ok(()),
        Start::ResumeLast if ended.is_none() => return Ok(()),
        // Its process ended it while we waited for the lease, or died with its last word.
        Start::ResumeLast if completed => completed_before(id),
        Start::Resume(_) if completed && is_last(run, id).await? => completed_before(id),
        Start::ResumeLast => (
            Outcome::Stale,
            format!(
                "run `{id}` ended while the lease was waited for; `turquoise status` says how, then \
                 ask again"
            ),
        ),
        Start::Resume(_) => (
            Outcome::Stale,
            format!("run `{id}` is over or was never begun; `turquoise status` names the last run"),
        ),
    };
    Err(refused(outcome, reason))
}

fn completed_before(id: &RunId) -> (Outcome, String) {
    let reason = format!("run `{id}` had completed before this process could take it up");
    (Outcome::Completed, reason)
}

/// Whoever takes up a paused run lets it go on. A store that cannot take this pauses it once more.
async fn unpause<E: Environment>(run: &Run<'_, E>, id: &RunId) {
    let Ok(Some(mut request)) = run.lease.request().await else {
        return;
    };
    if request.run == *id && request.ask == Ask::Pause {
        request.ask = Ask::GoOn;
        request.by.clone_from(&run.settings.owner);
        drop(run.lease.ask(&request).await);
    }
}

async fn refuse_over_open_run<E: Environment>(run: &Run<'_, E>) -> Result<(), Box<SwapReport>> {
    let last = last_run(run.journal).await.map_err(|e| unusable(&e))?;
    match last {
        Some((id, recovered)) if recovered.is_open() => {
            let reason = format!(
                "run `{id}` is unfinished in phase {}; go on with `turquoise resume {id}`, or go \
                 back with `turquoise rollback`",
                recovered.phase()
            );
            let mut report = refused(Outcome::Stale, reason);
            report.resume = Some(format!("turquoise resume {id}"));
            Err(report)
        }
        _ => Ok(()),
    }
}

/// A journal only means something with the configuration it was written for (F77).
fn check_sides<E: Environment>(
    run: &Run<'_, E>,
    recovered: &Recovered,
) -> Result<(), Box<SwapReport>> {
    let Some(sides) = &recovered.sides else {
        return Ok(());
    };
    for member in [&sides.old, &sides.new] {
        let side = run.config.side(&member.name);
        if side.map(|side| side.address) != Some(member.address) {
            let reason = format!(
                "the journal speaks of side `{}` at {}, the configuration does not; use the \
                 configuration that the run began with",
                member.name, member.address
            );
            return Err(refused(Outcome::Stale, reason));
        }
    }
    Ok(())
}

fn unusable(error: &JournalError) -> Box<SwapReport> {
    refused(Outcome::Refused, crate::error_text(error))
}

fn store_trouble(error: &StoreError) -> Box<SwapReport> {
    refused(Outcome::Refused, crate::error_text(error))
}

impl Begun<'_> {
    async fn run<E: Environment>(self, run: &Run<'_, E>, abort: bool) -> SwapReport {
        let Begun {
            journal,
            recovered,
            lease,
        } = self;
        // Whoever reads an activity log finds our requests by this name, and the run by its id.
        let name = journal.run().to_string();
        let arm = ArmClient::new(run.environment, run.access, &name);
        for url in &recovered.operations {
            arm.adopt(Operation::recovered(url.clone()));
        }
        let driver = Driver {
            run: *run,
            arm,
            journal,
            lease,
            memory: RefCell::new(Memory::of(&recovered)),
            abort: Cell::new(abort),
            paused: RefCell::default(),
        };
        let driven = driver.drive(&recovered).await;
        driver.account(driven).await
    }
}

#[cfg(test)]
mod tests;
