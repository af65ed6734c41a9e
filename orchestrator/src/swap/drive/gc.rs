//! Puts back what ended runs could not: autoscale limits that are still pinned.
//!
//! What is ours is known by identity: the journals name each setting that a run pinned, with its
//! limits of before. A setting is touched only where it still is what our pin made of it; nothing is
//! ever found by a name's pattern, and nothing is deleted.

use std::cell::{Cell, RefCell};

use serde::Serialize;

use super::warm::Tried;
use super::{Driven, Driver, Memory};
use crate::arm_client::{ArmClient, ArmFailure};
use crate::environment::Environment;
use crate::gates::Verdict;
use crate::journal::{Journal, JournalError, JournalStore, Pin, Record, Recovered, RunId};
use crate::report::Outcome;
use crate::run::Run;
use crate::swap::event::{Content, Event};
use crate::swap::machine::{Ending, State};
use crate::swap::{Verb, begin, last_run};
use crate::view::autoscale;

/// What was left behind, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GcReport {
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in one line; empty for a success.
    pub reason: String,
    /// Whether anything was changed.
    pub changed: bool,
    /// Autoscale settings that are still pinned, with what they go back to.
    pub pinned: Vec<String>,
}

impl GcReport {
    fn nothing(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self {
            outcome,
            reason: reason.into(),
            changed: false,
            pinned: Vec::new(),
        }
    }
}

/// Finds what ended runs left pinned and, unless it is only to be told, puts it back once the side
/// that does not serve is silent.
pub async fn gc<E: Environment>(run: &Run<'_, E>, dry_run: bool) -> GcReport {
    match last_run(run.journal).await {
        Ok(Some((id, last))) if last.is_open() => {
            let reason = format!(
                "run `{id}` is unfinished and may need what it pinned; `turquoise resume` or \
                 `turquoise rollback` ends it"
            );
            return GcReport::nothing(Outcome::Stale, reason);
        }
        Ok(_) => {}
        Err(error) => return GcReport::nothing(Outcome::Refused, crate::error_text(&error)),
    }
    let left = match left_pinned(run.journal).await {
        Ok(left) => left,
        Err(error) => return GcReport::nothing(Outcome::Refused, crate::error_text(&error)),
    };
    let arm = ArmClient::new(run.environment, run.access, "gc");
    let mut found = Vec::new();
    for pin in left {
        match is_ours(&arm, &pin).await {
            Ok(true) => found.push(pin),
            Ok(false) => {}
            Err(failure) => {
                return GcReport::nothing(Outcome::Unavailable, crate::error_text(&failure));
            }
        }
    }
    let pinned: Vec<String> = found.iter().map(told).collect();
    if dry_run || found.is_empty() {
        return GcReport {
            pinned,
            ..GcReport::nothing(Outcome::NothingToDo, "")
        };
    }
    let (outcome, reason) = put_back(run, found).await;
    GcReport {
        changed: outcome == Outcome::Completed,
        outcome,
        reason,
        pinned,
    }
}

fn told(pin: &Pin) -> String {
    let minimum = pin.originals.iter().map(|limits| limits.minimum).min();
    format!(
        "`{}` of {} is pinned at {}, its minimum was {}",
        pin.setting.name(),
        pin.side,
        pin.count,
        minimum.unwrap_or_default()
    )
}

/// Pins of ended runs that were not put back, each setting once: its oldest originals are the true
/// ones, its newest count is what it is pinned at.
async fn left_pinned(store: &dyn JournalStore) -> Result<Vec<Pin>, JournalError> {
    let runs = store.runs().await.map_err(|source| JournalError::Store {
        run: RunId::begin(0, 0),
        source,
    })?;
    let mut left: Vec<Pin> = Vec::new();
    for id in &runs {
        let (_, entries) = Journal::open(store, id).await?;
        let whole = entries.iter().any(
            |entry| matches!(&entry.record, Record::Restored { residue } if residue.is_empty()),
        );
        let pins = entries.iter().filter(|_| !whole).cloned();
        let pins = pins.filter(|entry| !matches!(entry.record, Record::Restored { .. }));
        for pin in Recovered::replay(&pins.collect::<Vec<_>>()).pins {
            match left.iter_mut().find(|known| known.setting == pin.setting) {
                Some(known) => known.count = pin.count,
                None => left.push(pin),
            }
        }
    }
    Ok(left)
}

/// Whether the setting still is what our pin made of it.
async fn is_ours<E: Environment>(arm: &ArmClient<'_, E>, pin: &Pin) -> Result<bool, ArmFailure> {
    let found = arm.find(&pin.setting).await?;
    Ok(found.is_some_and(|setting| {
        autoscale::restored(&setting, &pin.originals, pin.count, 0).is_some()
    }))
}

async fn put_back<E: Environment>(run: &Run<'_, E>, pins: Vec<Pin>) -> (Outcome, String) {
    let begun = match begin(run, Verb::Clear).await {
        Ok(begun) => begun,
        Err(report) => return (report.outcome, report.reason),
    };
    let name = begun.journal.run().to_string();
    let driver = Driver {
        run: *run,
        arm: ArmClient::new(run.environment, run.access, &name),
        journal: begun.journal,
        lease: begun.lease,
        memory: RefCell::new(Memory::default()),
        abort: Cell::new(false),
        paused: RefCell::default(),
    };
    let driven = driver.beside_upkeep(driver.clear(&pins)).await;
    let report = driver.account(driven).await;
    (report.outcome, report.reason)
}

impl<E: Environment> Driver<'_, E> {
    async fn clear(&self, pins: &[Pin]) -> Driven {
        let state = State::Releasing(Ending::Completed);
        self.memory.borrow_mut().enter(state, self.now());
        match self.clear_once_silent(pins).await {
            Ok(Event::OnPass) => Driven::Final(State::Ended(Ending::Completed)),
            Ok(Event::OnInterrupt) => Driven::Detached(state),
            Ok(Event::OnBlocked(reason)) | Err(Event::OnBlocked(reason)) => {
                Driven::Final(State::Parked(reason))
            }
            Ok(_) | Err(_) => Driven::Final(State::Ended(Ending::Refused)),
        }
    }

    /// An idle side's limits may let autoscale take its machines: only once nothing is sent there.
    async fn clear_once_silent(&self, pins: &[Pin]) -> Result<Event, Event> {
        match self.idle_is_old().await? {
            Event::OnPass => {}
            other => return Ok(other),
        }
        let serving = self.sides().new.name;
        let config = self.run.config;
        let event = self.wait(config.ceilings.warm.0, config.gates.every.0, async || {
            let tried = self.unpin_all(pins, &serving).await;
            self.look_of("what is pinned", tried)
        });
        Ok(event.await)
    }

    async fn unpin_all(&self, pins: &[Pin], serving: &str) -> Tried<Verdict> {
        for pin in pins {
            let Some(setting) = self.arm.find(&pin.setting).await? else {
                continue;
            };
            let floor = if pin.side == serving {
                self.configured_minimum(&pin.side)
            } else {
                0
            };
            if let Some(back) = autoscale::restored(&setting, &pin.originals, pin.count, floor) {
                self.put_resource(&pin.setting, &back, "restore autoscale")
                    .await?;
            }
        }
        Ok(Verdict::pass("autoscale limits are back"))
    }

    /// Observes, makes the live side the new one as after a swap, and waits until the other is silent.
    pub(super) async fn idle_is_old(&self) -> Result<Event, Event> {
        match self.observe().await {
            Event::OnPlan => {}
            other => return Err(other),
        }
        {
            let mut memory = self.memory.borrow_mut();
            if let Some(sides) = &mut memory.sides {
                std::mem::swap(&mut sides.old, &mut sides.new);
            }
        }
        Ok(self.drain(Content::New).await)
    }
}
