//! The ledger line of one request's execution, written exactly once.

use super::{Busy, Machine};
use crate::http::Clock;
use crate::ledger::{InstanceEntry, RequestId};
use crate::time::Instant;

/// A request accepted. Dropped without a status, it was stopped: the machine or the connection
/// ended first.
#[derive(Debug)]
pub(super) struct Execution<'a> {
    machine: &'a Machine,
    entry: InstanceEntry,
}

impl<'a> Execution<'a> {
    pub(super) fn begin(machine: &'a Machine, id: RequestId) -> Self {
        let now = machine.clock.now();
        let view = machine.view.load();
        let entry = InstanceEntry {
            id,
            address: view.address,
            build: view.build,
            started: now,
            ended: now,
            status: None,
        };
        Self { machine, entry }
    }

    /// A worker has worked on it since `from`.
    pub(super) fn worked(&self, from: Instant) {
        self.machine.books.busy.push(Busy {
            address: self.entry.address,
            from,
            until: self.machine.clock.now(),
        });
    }

    /// The request was answered.
    pub(super) fn answered(mut self, status: u16) {
        self.entry.status = Some(status);
    }
}

impl Drop for Execution<'_> {
    fn drop(&mut self) {
        self.entry.ended = self.machine.clock.now();
        self.machine.books.executions.push(self.entry);
    }
}
