//! Journal and lease in memory: for tests, simulations and rehearsals.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};

use super::{JournalStore, RunId, StoreError};
use crate::control::Request;
use crate::lease::{Lease, LeaseStore, Version};

/// Journals and one lease in memory; outlives the runs that use it, as a store does.
#[derive(Debug, Default)]
pub struct MemoryStore {
    runs: RefCell<BTreeMap<RunId, Vec<String>>>,
    lease: RefCell<Option<(Version, Lease)>>,
    request: RefCell<Option<Request>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn append_now(&self, run: &RunId, at: usize, line: &str) -> Result<(), StoreError> {
        let mut runs = self.runs.borrow_mut();
        let lines = runs.entry(run.clone()).or_default();
        if lines.len() != at {
            return Err(StoreError::Conflict {
                object: run.to_string(),
            });
        }
        lines.push(line.to_owned());
        Ok(())
    }

    fn put_now(&self, expected: Option<&Version>, lease: &Lease) -> Result<Version, StoreError> {
        let mut held = self.lease.borrow_mut();
        if held.as_ref().map(|(version, _)| version) != expected {
            return Err(StoreError::Conflict {
                object: "lease".to_owned(),
            });
        }
        let version = Version::of(lease);
        *held = Some((version.clone(), lease.clone()));
        Ok(version)
    }
}

impl JournalStore for MemoryStore {
    fn read<'a>(&'a self, run: &'a RunId) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>> {
        let lines = self.runs.borrow().get(run).cloned().unwrap_or_default();
        ready(Ok(lines)).boxed_local()
    }

    fn append<'a>(
        &'a self,
        run: &'a RunId,
        at: usize,
        line: &'a str,
    ) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        async move { self.append_now(run, at, line) }.boxed_local()
    }

    fn runs(&self) -> LocalBoxFuture<'_, Result<Vec<RunId>, StoreError>> {
        let runs = self.runs.borrow().keys().cloned().collect();
        ready(Ok(runs)).boxed_local()
    }
}

impl LeaseStore for MemoryStore {
    fn read(&self) -> LocalBoxFuture<'_, Result<Option<(Version, Lease)>, StoreError>> {
        ready(Ok(self.lease.borrow().clone())).boxed_local()
    }

    fn put<'a>(
        &'a self,
        expected: Option<&'a Version>,
        lease: &'a Lease,
    ) -> LocalBoxFuture<'a, Result<Version, StoreError>> {
        async move { self.put_now(expected, lease) }.boxed_local()
    }

    fn request(&self) -> LocalBoxFuture<'_, Result<Option<Request>, StoreError>> {
        ready(Ok(self.request.borrow().clone())).boxed_local()
    }

    fn ask<'a>(&'a self, request: &'a Request) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        async move {
            *self.request.borrow_mut() = Some(request.clone());
            Ok(())
        }
        .boxed_local()
    }
}
