//! Arrivals drawn ahead on a thread of their own.
//!
//! Each request is drawn from its id alone, so that it does not matter who draws it and when.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use turquoise_emulator::Instant;
use turquoise_emulator::data_plane::{Arrival, Arrivals};
use turquoise_emulator::ledger::Seen;

/// Arrivals handed over at a time.
const BATCH: usize = 4 * 1024;
/// Batches drawn ahead.
const WAITING: usize = 4;

/// Arrivals of another source, drawn ahead.
#[derive(Clone, Debug)]
pub(crate) struct Ahead<A> {
    /// For what follows from other requests: that hangs on the request alone.
    source: A,
    batches: Arc<Mutex<Receiver<Vec<Arrival>>>>,
    current: std::vec::IntoIter<Arrival>,
}

impl<A: Arrivals + Clone + 'static> Ahead<A> {
    /// Begins to draw. The thread ends with the source, or once nobody asks any more.
    pub(super) fn of(source: A) -> Self {
        let (batches, arriving) = sync_channel(WAITING);
        let mut drawn = source.clone();
        std::thread::spawn(move || {
            loop {
                let next = || Arrivals::next(&mut drawn);
                let batch: Vec<Arrival> = std::iter::from_fn(next).take(BATCH).collect();
                if batch.is_empty() || batches.send(batch).is_err() {
                    break;
                }
            }
        });
        Self {
            source,
            batches: Arc::new(Mutex::new(arriving)),
            current: Vec::new().into_iter(),
        }
    }
}

impl<A: Arrivals + Clone + 'static> Arrivals for Ahead<A> {
    fn next(&mut self) -> Option<Arrival> {
        if let Some(arrival) = Iterator::next(&mut self.current) {
            return Some(arrival);
        }
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        self.current = batches.recv().ok()?.into_iter();
        drop(batches);
        Iterator::next(&mut self.current)
    }

    fn after(&mut self, request: &Arrival, ended: Instant, seen: Seen) -> Option<Arrival> {
        self.source.after(request, ended, seen)
    }
}
