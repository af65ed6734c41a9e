//! The store of lease and journal as a process sees it: slow, out of reach, forgetful of answers.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use turquoise_orchestrator::{
    Instant, JournalStore, Lease, LeaseStore, MemoryStore, RunId, StoreError, Version,
};

use super::core::cloud_time;
use super::level::Level;
use super::lifeline::Lifeline;
use super::notebook::Notebook;
use crate::observation::{JournalLine, LeasePut};
use crate::scenario::{Effect, Scenario, StorageTrouble, Stored};

/// One store; several processes may share it.
#[derive(Debug)]
pub(super) struct Shelf {
    number: u16,
    memory: MemoryStore,
    /// The lease as it was before its last change.
    previous: RefCell<Option<(Version, Lease)>>,
    /// How much of each of the scenario's storage faults is left.
    left: RefCell<Vec<u32>>,
}

impl Shelf {
    pub(super) fn new(number: u16, scenario: &Scenario) -> Self {
        let left = |trouble: StorageTrouble| match trouble {
            StorageTrouble::AppendConflict { count } | StorageTrouble::ReplyLost { count, .. } => {
                count
            }
            StorageTrouble::Unavailable { .. } | StorageTrouble::StaleLeaseRead { .. } => u32::MAX,
        };
        let faults = scenario.storage.faults.iter();
        Self {
            number,
            memory: MemoryStore::default(),
            previous: RefCell::default(),
            left: RefCell::new(faults.map(|fault| left(fault.trouble)).collect()),
        }
    }

    /// The run that holds the lease; empty when none does.
    pub(super) fn holder(&self) -> String {
        let held = LeaseStore::read(&self.memory).now_or_never();
        let held = held.and_then(Result::ok).flatten();
        held.map_or_else(String::new, |(_, l)| l.run)
    }
}

/// A store as one process reaches it.
#[derive(Debug)]
pub(super) struct Reached<L> {
    pub(super) shelf: Rc<Shelf>,
    pub(super) level: Rc<L>,
    pub(super) scenario: Rc<Scenario>,
    pub(super) swap_start: Instant,
    pub(super) notebook: Notebook,
    pub(super) lifeline: Rc<Lifeline>,
    pub(super) process: u16,
}

impl<L: Level> Reached<L> {
    async fn travel(&self) {
        let latency = Duration::from_millis(u64::from(self.scenario.storage.latency_ms));
        if !latency.is_zero() {
            self.level.sleep_until(self.level.now() + latency).await;
        }
    }

    /// Uses up the first fault that acts now and that `acts` wants; whether there was one.
    fn meets(&self, acts: impl Fn(StorageTrouble) -> bool) -> bool {
        let now_ms = self.level.now().0.saturating_sub(self.swap_start.0);
        let faults = self.scenario.storage.faults.iter().enumerate();
        for (index, fault) in faults {
            let is_over = match fault.trouble {
                StorageTrouble::Unavailable { for_ms, .. }
                | StorageTrouble::StaleLeaseRead { for_ms } => now_ms >= fault.at_ms + for_ms,
                _ => false,
            };
            let mut left = self.shelf.left.borrow_mut();
            if now_ms < fault.at_ms || is_over || left[index] == 0 || !acts(fault.trouble) {
                continue;
            }
            left[index] -= 1;
            let at = cloud_time(self.level.now());
            self.notebook.happened(at, fault.trouble.name());
            return true;
        }
        false
    }

    fn within_reach(&self, object: Stored) -> Result<(), StoreError> {
        let out =
            |trouble| matches!(trouble, StorageTrouble::Unavailable { of, .. } if of == object);
        if self.meets(out) {
            return Err(out_of_reach(object));
        }
        Ok(())
    }

    fn answer<T>(&self, object: Stored, done: Result<T, StoreError>) -> Result<T, StoreError> {
        let lost =
            |trouble| matches!(trouble, StorageTrouble::ReplyLost { of, .. } if of == object);
        if done.is_ok() && self.meets(lost) {
            return Err(out_of_reach(object));
        }
        done
    }

    async fn append_now(&self, run: &RunId, at: usize, line: &str) -> Result<(), StoreError> {
        self.within_reach(Stored::Journal)?;
        if self.meets(|trouble| matches!(trouble, StorageTrouble::AppendConflict { .. })) {
            return Err(StoreError::Conflict {
                object: run.to_string(),
            });
        }
        self.shelf.memory.append(run, at, line).await
    }

    async fn put_now(
        &self,
        expected: Option<&Version>,
        lease: &Lease,
    ) -> Result<Version, StoreError> {
        self.within_reach(Stored::Lease)?;
        let before = LeaseStore::read(&self.shelf.memory).await?;
        let version = self.shelf.memory.put(expected, lease).await?;
        *self.shelf.previous.borrow_mut() = before;
        Ok(version)
    }
}

fn out_of_reach(object: Stored) -> StoreError {
    StoreError::Unavailable {
        object: match object {
            Stored::Journal => "journal".to_owned(),
            Stored::Lease => "lease".to_owned(),
        },
        reason: "the store did not answer".to_owned(),
    }
}

impl<L: Level> JournalStore for Reached<L> {
    fn read<'a>(&'a self, run: &'a RunId) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            self.travel().await;
            self.within_reach(Stored::Journal)?;
            JournalStore::read(&self.shelf.memory, run).await
        })
    }

    fn append<'a>(
        &'a self,
        run: &'a RunId,
        at: usize,
        line: &'a str,
    ) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.lifeline.reach(Effect::JournalBefore).await;
            self.travel().await;
            let done = self.append_now(run, at, line).await;
            self.notebook.journal(JournalLine {
                at: cloud_time(self.level.now()),
                process: self.process,
                store: self.shelf.number,
                run: run.to_string(),
                number: at,
                line: line.to_owned(),
                stored: done.is_ok(),
            });
            self.lifeline.reach(Effect::JournalAfter).await;
            self.answer(Stored::Journal, done)
        })
    }

    fn runs(&self) -> LocalBoxFuture<'_, Result<Vec<RunId>, StoreError>> {
        Box::pin(async move {
            self.travel().await;
            self.within_reach(Stored::Journal)?;
            self.shelf.memory.runs().await
        })
    }
}

impl<L: Level> LeaseStore for Reached<L> {
    fn read(&self) -> LocalBoxFuture<'_, Result<Option<(Version, Lease)>, StoreError>> {
        Box::pin(async move {
            self.travel().await;
            self.within_reach(Stored::Lease)?;
            if self.meets(|trouble| matches!(trouble, StorageTrouble::StaleLeaseRead { .. })) {
                return Ok(self.shelf.previous.borrow().clone());
            }
            LeaseStore::read(&self.shelf.memory).await
        })
    }

    fn put<'a>(
        &'a self,
        expected: Option<&'a Version>,
        lease: &'a Lease,
    ) -> LocalBoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            self.lifeline.reach(Effect::LeaseBefore).await;
            self.travel().await;
            let done = self.put_now(expected, lease).await;
            self.notebook.lease(LeasePut {
                at: cloud_time(self.level.now()),
                process: self.process,
                store: self.shelf.number,
                owner: lease.owner.clone(),
                run: lease.run.clone(),
                epoch: lease.epoch,
                beat: lease.beat,
                ttl_ms: lease.ttl_ms,
                accepted: done.is_ok(),
            });
            self.lifeline.reach(Effect::LeaseAfter).await;
            self.answer(Stored::Lease, done)
        })
    }
}
