//! An application's capacity: so many requests at once, so many more in a queue.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::data_plane::Application;

/// The workers of one instance.
#[derive(Debug)]
pub(crate) struct Workers {
    free: Semaphore,
    limit: u64,
    inside: AtomicU64,
}

/// A request's place in the application; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Workers);

impl Workers {
    pub(crate) fn new(application: &Application) -> Self {
        let workers = application.workers.max(1);
        Self {
            free: Semaphore::new(usize::try_from(workers).unwrap_or(Semaphore::MAX_PERMITS)),
            limit: u64::from(workers) + u64::from(application.queue),
            inside: AtomicU64::new(0),
        }
    }

    /// Requests accepted and not finished.
    pub(crate) fn in_flight(&self) -> u64 {
        self.inside.load(Ordering::SeqCst)
    }

    /// A place at a worker or in the queue; `None` when the queue is full.
    pub(crate) fn enter(&self) -> Option<Place<'_>> {
        let place = Place(self);
        (self.inside.fetch_add(1, Ordering::SeqCst) < self.limit).then_some(place)
    }
}

impl Place<'_> {
    /// Waits for the turn at a worker; the worker is busy while the permit lives.
    pub(crate) async fn turn(&self) -> SemaphorePermit<'_> {
        let permit = self.0.free.acquire().await;
        permit.expect("because the semaphore is never closed")
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_turns_the_next_request_away() {
        let workers = Workers::new(&Application {
            workers: 1,
            queue: 1,
            ..Application::default()
        });
        let first = workers.enter().expect("a worker is free");
        let _working = first.turn().await;
        let queued = workers.enter().expect("the queue has a place");
        assert!(workers.enter().is_none());
        assert_eq!(workers.in_flight(), 2);
        drop(queued);
        assert!(workers.enter().is_some());
    }
}
