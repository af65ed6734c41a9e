//! Who reads what came to its end while traffic goes on, so that no ledger has to be kept.
//!
//! [`Reader`] is the seam; a simulation of hundreds of millions of requests folds them as they end.

use std::fmt;
use std::time::Duration;

use super::DataPlane;
use crate::event::Timed;
use crate::ledger::Finished;
use crate::time::Instant;

/// Requests handed over at a time: enough to pay for a change of threads, little enough for a
/// core's cache.
const CHUNK: usize = 16 * 1024;
/// Traffic is advanced at most this far at once while somebody reads.
const STRETCH: Duration = Duration::from_millis(16);

/// Reads what came to its end.
pub trait Reader: fmt::Debug + Send + Sync {
    /// Something happened in the data plane; told before the requests that ended after it.
    fn on_event(&mut self, timed: &Timed);

    /// Takes what came to its end since the last call, and may take or leave its lists, which are
    /// used again.
    fn read(&mut self, finished: &mut Finished);
}

/// A reader, if there is one. It belongs to one run: a clone has none.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    reader: Option<Box<dyn Reader>>,
    finished: Finished,
}

impl Clone for Reading {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Reading {
    pub(crate) fn on_event(&mut self, timed: &Timed) {
        if let Some(reader) = &mut self.reader {
            reader.on_event(timed);
        }
    }
}

impl DataPlane {
    /// Has what comes to its end read from now on; [`DataPlane::drain_ledgers`] then gives out only
    /// what was not read.
    pub fn set_reader(&mut self, reader: Box<dyn Reader>) {
        self.reading.reader = Some(reader);
    }

    /// Has the rest read, and gives the reader up. Whatever ends later stays in the ledgers.
    pub fn end_reading(&mut self) {
        self.read();
        self.reading = Reading::default();
    }

    /// Advances traffic; in short stretches while somebody reads, so that what waits to be read
    /// stays little. Results do not depend on how often traffic is advanced.
    pub(super) fn advance_traffic(&mut self, until: Instant) {
        if self.reading.reader.is_some() {
            let mut stop = self.traffic.horizon() + STRETCH;
            while stop < until {
                self.traffic.advance(&mut self.network, stop);
                if self.traffic.finished() >= CHUNK {
                    self.read();
                }
                stop = stop + STRETCH;
            }
        }
        self.traffic.advance(&mut self.network, until);
    }

    fn read(&mut self) {
        let reading = &mut self.reading;
        if let Some(reader) = &mut reading.reader {
            self.traffic.drain_finished(&mut reading.finished);
            reader.read(&mut reading.finished);
        }
    }
}
