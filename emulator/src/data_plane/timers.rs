//! A table of what is due when.

use std::collections::BTreeMap;

use crate::time::Instant;

/// Entries by instant; those of one instant come out in the order they went in.
#[derive(Clone, Debug)]
pub(crate) struct Timers<T> {
    entries: BTreeMap<(Instant, u64), T>,
    added: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            added: 0,
        }
    }
}

impl<T> Timers<T> {
    /// Adds an entry.
    pub(crate) fn add(&mut self, at: Instant, entry: T) {
        self.entries.insert((at, self.added), entry);
        self.added += 1;
    }

    /// When the next entry is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next entry due at or before `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, T)> {
        let entry = self.entries.first_entry()?;
        let at = entry.key().0;
        (at <= now).then(|| (at, entry.remove()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_by_time_then_by_age_and_never_early() {
        let mut timers = Timers::default();
        let at = Instant::from_millis;
        timers.add(at(2), 'c');
        timers.add(at(1), 'a');
        timers.add(at(1), 'b');
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.pop_due(Instant::ZERO), None);
        assert_eq!(timers.pop_due(at(2)), Some((at(1), 'a')));
        assert_eq!(timers.pop_due(at(2)), Some((at(1), 'b')));
        assert_eq!(timers.pop_due(at(2)), Some((at(2), 'c')));
        assert_eq!(timers.next(), None);
    }
}
