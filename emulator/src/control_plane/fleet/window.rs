//! The time inside which an operation's effects are spread.

use crate::time::Instant;

/// The time an operation takes, in which its effects are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// When the operation was accepted.
    pub(crate) from: Instant,
    /// When it ends.
    pub(crate) until: Instant,
}

impl Window {
    /// The instant at a share of the window, `0.0` being its beginning.
    pub(crate) fn at(self, share: f64) -> Instant {
        (self.from + self.until.since(self.from).mul_f64(share)).ceil_millis()
    }

    /// The `index`-th of `count` equal parts.
    pub(super) fn part(self, index: u32, count: u32) -> Self {
        let edge = |index| self.at(f64::from(index) / f64::from(count.max(1)));
        Self {
            from: edge(index),
            until: edge(index + 1),
        }
    }
}
