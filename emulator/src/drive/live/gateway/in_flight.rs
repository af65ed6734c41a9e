//! How many requests are with a member, and whether more may come.
//!
//! A removed member may only be given up when nothing is in flight to it, and a request must never
//! slip in behind that decision. Both sides therefore write before they read: a request counts
//! itself and then looks whether the member is closed; whoever gives the member up closes it and
//! then looks at the counter. One of them sees the other (simulation.md A5, B (4)).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The counter of one member at one gateway instance.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    count: AtomicU64,
    closed: AtomicBool,
}

/// One request in flight; counts until dropped.
#[derive(Debug)]
pub(crate) struct Counted(Arc<InFlight>);

impl InFlight {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Counts one more request; `None` when the member is closed and another must be chosen.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Counted> {
        self.count.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(Arc::clone(self));
        (!counted.is_cut()).then_some(counted)
    }

    /// Lets no further request in and says how many are in: whoever closes must end them.
    pub(crate) fn close(&self) -> u64 {
        self.closed.store(true, Ordering::SeqCst);
        self.count()
    }
}

impl Counted {
    /// Whether the member was closed: a failure since then is the gateway's cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.0.closed.load(Ordering::SeqCst)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_count_until_they_are_dropped() {
        let in_flight = Arc::new(InFlight::default());
        let first = in_flight.enter();
        assert!(first.is_some());
        assert_eq!(in_flight.count(), 1);
        drop(first);
        assert_eq!(in_flight.count(), 0);
    }

    #[test]
    fn a_closed_member_lets_nobody_in_and_counts_nobody() {
        let in_flight = Arc::new(InFlight::default());
        let inside = in_flight.enter().expect("it is open");
        assert_eq!(in_flight.close(), 1);
        assert!(in_flight.enter().is_none());
        assert!(inside.is_cut());
        assert_eq!(in_flight.count(), 1);
    }

    /// Real threads race a close against a request: whenever the closer has seen zero, no request
    /// got in.
    #[test]
    fn no_request_slips_in_behind_a_close() {
        for _round in 0..1_000 {
            let in_flight = Arc::new(InFlight::default());
            let (entered, seen) = std::thread::scope(|threads| {
                let request = threads.spawn(|| in_flight.enter());
                let closer = threads.spawn(|| in_flight.close());
                let entered = request.join().expect("entering does not panic");
                (entered, closer.join().expect("closing does not panic"))
            });
            assert!(entered.is_none() || seen == 1);
        }
    }
}
