//! Where the face reads the time that it hands to the core.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::time::Instant;

/// The clock of a drive. Reading it has no effect, so a crash around it leaves nothing behind.
pub trait Clock: Clone + Send + Sync + 'static {
    /// The present, in cloud time. Never goes back.
    fn now(&self) -> Instant;
}

/// A clock that moves only when told to; clones share the time.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Moves to `at`; an earlier instant than the present is ignored.
    pub fn set(&self, at: Instant) {
        self.0.fetch_max(at.as_nanos(), Ordering::AcqRel);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_never_goes_back_and_is_shared_by_its_clones() {
        let clock = ManualClock::default();
        let clone = clock.clone();
        clock.set(Instant::from_millis(20));
        clock.set(Instant::from_millis(10));
        assert_eq!(clone.now(), Instant::from_millis(20));
    }
}
