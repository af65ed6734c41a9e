//! A journal store whose process dies right after a given line.

use std::cell::Cell;
use std::future::pending;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::journal::{JournalStore, MemoryStore, RunId, StoreError};

/// Lets so many lines through, then never returns: the line is there, the process is not.
pub(crate) struct CrashingStore<'a> {
    store: &'a MemoryStore,
    left: Cell<u32>,
    crashed: Cell<bool>,
}

impl<'a> CrashingStore<'a> {
    pub(crate) fn after(store: &'a MemoryStore, lines: u32) -> Self {
        Self {
            store,
            left: Cell::new(lines),
            crashed: Cell::new(false),
        }
    }

    pub(crate) fn crashed(&self) -> bool {
        self.crashed.get()
    }
}

impl JournalStore for CrashingStore<'_> {
    fn read<'a>(&'a self, run: &'a RunId) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.store.read(run)
    }

    fn append<'a>(
        &'a self,
        run: &'a RunId,
        at: usize,
        line: &'a str,
    ) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.store.append(run, at, line).await?;
            self.left.set(self.left.get() - 1);
            if self.left.get() == 0 {
                self.crashed.set(true);
                pending::<()>().await;
            }
            Ok(())
        }
        .boxed_local()
    }

    fn runs(&self) -> LocalBoxFuture<'_, Result<Vec<RunId>, StoreError>> {
        self.store.runs()
    }
}
