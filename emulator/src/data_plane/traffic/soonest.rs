//! A queue by time for what mostly comes in order.
//!
//! Where each request takes as long as the last, whatever is due later is added later: a run takes
//! it in and gives it out without comparing. What comes out of order goes into a heap beside it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Entries, the least first.
#[derive(Clone, Debug)]
pub(crate) struct Soonest<T: Ord> {
    /// Ascending.
    run: VecDeque<T>,
    others: BinaryHeap<Reverse<T>>,
}

impl<T: Ord> Default for Soonest<T> {
    fn default() -> Self {
        Self {
            run: VecDeque::new(),
            others: BinaryHeap::new(),
        }
    }
}

impl<T: Ord> Soonest<T> {
    /// The least.
    pub(crate) fn peek(&self) -> Option<&T> {
        match (self.run.front(), self.others.peek()) {
            (Some(first), Some(Reverse(other))) => Some(first.min(other)),
            (Some(first), None) => Some(first),
            (None, other) => other.map(|Reverse(other)| other),
        }
    }

    /// Takes the least out, if it meets a condition.
    pub(crate) fn pop_if(&mut self, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        let least = self.peek().filter(|least| wanted(least))?;
        if self.run.front().is_some_and(|first| first <= least) {
            self.run.pop_front()
        } else {
            self.others.pop().map(|Reverse(other)| other)
        }
    }

    /// Adds one.
    pub(crate) fn push(&mut self, entry: T) {
        if self.run.back().is_none_or(|last| *last <= entry) {
            self.run.push_back(entry);
        } else {
            self.others.push(Reverse(entry));
        }
    }

    /// Keeps those that meet a condition.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(&T) -> bool) {
        self.run.retain(&mut wanted);
        self.others.retain(|Reverse(other)| wanted(other));
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let others = self.others.iter().map(|Reverse(other)| other);
        self.run.iter().chain(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn the_least_comes_out_first_in_whichever_order_they_came() {
        for spread in [0, 3, 100] {
            let (mut soonest, mut sorted) = (Soonest::default(), Vec::new());
            for number in 0..1_000_u64 {
                let entry = number + Seed::new(spread).at(number).below(spread + 1);
                soonest.push(entry);
                sorted.push(entry);
                if number % 3 == 0 {
                    sorted.sort_unstable();
                    let least = sorted.remove(0);
                    assert_eq!(soonest.pop_if(|it| *it > least), None);
                    assert_eq!(soonest.pop_if(|it| *it <= least), Some(least));
                }
            }
            soonest.retain(|it| it % 2 == 0);
            sorted.retain(|it| it % 2 == 0);
            assert_eq!(soonest.iter().count(), sorted.len());
            sorted.sort_unstable();
            for least in sorted {
                assert_eq!(soonest.pop_if(|_| true), Some(least));
            }
            assert_eq!(soonest.peek(), None);
        }
    }
}
