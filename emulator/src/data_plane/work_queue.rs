//! An instance's workers as a first-in-first-out queue, without events.
//!
//! With arrivals taken in order of time, a request starts when the worker that is free first is
//! free (the Kiefer–Wolfowitz recursion), so its completion is known when it arrives.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use crate::time::Instant;

/// Workers and the requests waiting for one.
#[derive(Clone, Debug)]
pub(crate) struct WorkQueue {
    free_at: BinaryHeap<Reverse<Instant>>,
    starts: VecDeque<Instant>,
    limit: usize,
}

impl WorkQueue {
    /// That many idle workers, at least one, and room for `limit` waiting requests.
    pub(crate) fn new(workers: u32, limit: u32) -> Self {
        Self {
            free_at: (0..workers.max(1))
                .map(|_| Reverse(Instant::ZERO))
                .collect(),
            starts: VecDeque::new(),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        }
    }

    /// Takes a request in at `now`, never earlier than the last one: when work on it starts and
    /// ends. `None` when too many wait already.
    pub(crate) fn admit(&mut self, now: Instant, service: Duration) -> Option<(Instant, Instant)> {
        while self.starts.front().is_some_and(|start| *start <= now) {
            self.starts.pop_front();
        }
        let mut first = self.free_at.peek_mut()?;
        let start = first.0.max(now);
        if start > now {
            if self.starts.len() >= self.limit {
                return None;
            }
            self.starts.push_back(start);
        }
        first.0 = start + service;
        Some((start, start + service))
    }

    /// How long a request that came now would wait for a worker.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.free_at
            .peek()
            .map_or(Duration::ZERO, |first| first.0.since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: Duration = Duration::from_millis(10);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn requests_wait_for_the_first_free_worker() {
        let mut queue = WorkQueue::new(2, 8);
        assert_eq!(queue.admit(at(0), SERVICE), Some((at(0), at(10))));
        assert_eq!(queue.admit(at(4), SERVICE), Some((at(4), at(14))));
        assert_eq!(queue.wait(at(5)), Duration::from_millis(5));
        assert_eq!(queue.admit(at(5), SERVICE), Some((at(10), at(20))));
        assert_eq!(queue.admit(at(30), SERVICE), Some((at(30), at(40))));
    }

    #[test]
    fn a_full_queue_turns_away_and_room_returns_with_time() {
        let mut queue = WorkQueue::new(1, 1);
        assert!(queue.admit(at(0), SERVICE).is_some());
        assert!(queue.admit(at(1), SERVICE).is_some());
        assert_eq!(queue.admit(at(9), SERVICE), None);
        assert_eq!(queue.admit(at(10), SERVICE), Some((at(20), at(30))));
    }
}
