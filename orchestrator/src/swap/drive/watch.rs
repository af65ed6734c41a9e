//! Watching the new side's machines once they serve (F30).
//!
//! Answers alone tell too late: a side that has lost machines answers well until it is overloaded.
//! The old side is still warm then, so the way back is open.

use std::time::Duration;

use super::Driver;
use crate::environment::{Environment, Instant};
use crate::gates::{SideFacts, short_of};
use crate::swap::event::Event;

/// Between two counts: each asks every machine and the balancer.
const PACE: Duration = Duration::from_secs(30);
/// So many counts in a row must find too few; one may have met a machine between two probes.
const COUNTS: u32 = 2;

/// Counts of the new side's machines.
#[derive(Debug, Default)]
pub(super) struct Watch {
    last: Option<Instant>,
    short: u32,
}

impl Watch {
    /// Whether to count now: at the pace, and at once while the last count found too few.
    fn is_due(&self, now: Instant) -> bool {
        self.short > 0 || self.last.is_none_or(|last| now.since(last) >= PACE)
    }

    /// Takes in a count; true once enough of them found too few.
    fn count(&mut self, now: Instant, is_short: bool) -> bool {
        self.last = Some(now);
        self.short = if is_short { self.short + 1 } else { 0 };
        self.short >= COUNTS
    }
}

impl<E: Environment> Driver<'_, E> {
    /// Counts when it is due. Too few machines are a breach; a count that could not be made is
    /// made again at the next look.
    pub(super) async fn watch_new_side(&self, watch: &mut Watch) -> Result<(), Event> {
        if !watch.is_due(self.now()) {
            return Ok(());
        }
        let (sides, required) = (self.sides(), self.memory.borrow().required);
        let facts: SideFacts = match self.side_facts(&sides.new).await {
            Ok(facts) => facts,
            Err(failure) => return self.unread(&sides.new.name, &failure).map(drop),
        };
        match short_of(&facts, required) {
            Some(why) if watch.count(self.now(), true) => Err(self.breach(why)),
            Some(_) => Ok(()),
            None => {
                watch.count(self.now(), false);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_short_counts_in_a_row_are_a_breach_and_the_second_comes_at_once() {
        let mut watch = Watch::default();
        let at = |second: u64| Instant(second * 1_000);
        assert!(watch.is_due(at(0)));
        assert!(!watch.count(at(0), false));
        assert!(!watch.is_due(at(29)) && watch.is_due(at(30)));
        assert!(!watch.count(at(30), true));
        assert!(watch.is_due(at(31)), "at the next look");
        assert!(!watch.count(at(35), false), "it was between two probes");
        assert!(!watch.is_due(at(40)));
        assert!(!watch.count(at(65), true));
        assert!(watch.count(at(70), true));
    }
}
