//! The longest gaps of a series, from requests as they end.
//!
//! [`Gaps::measure`](crate::gap::Gaps::measure) says what a gap is and reads them off sorted lists.
//! Here nothing is kept but the intervals between good answers that may still turn out the longest:
//! a later answer can only show that somebody was due earlier in one of them, and cannot once every
//! client that was due then has lost patience.

use std::time::Duration;

use turquoise_emulator::Instant;

use crate::gap::{Gap, Longest};

/// Intervals kept before those that cannot win any more are looked for.
const CROWD: usize = 64;

/// Requests of one kind, told in order of their ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    /// No request ends later than this after it was due.
    patience: Duration,
    count: u32,
    first_due: Instant,
    last_due: Instant,
    /// When the last request ended, well or not.
    end: Instant,
    /// What follows the last good answer.
    current: Interval,
    /// Intervals between good answers, in order of time.
    open: Vec<Interval>,
    /// No interval ends later.
    latest: Instant,
    /// The longest gaps seen so far: a lower bound of the longest there are.
    least: Duration,
    least_shared: Duration,
    /// The longest gaps of intervals that are not open any more.
    settled: Gap,
    settled_shared: Gap,
    /// Intervals that are open before the settled ones are looked for.
    crowd: usize,
}

/// A stretch without a good answer, and the first two requests due in it.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    from: Instant,
    to: Instant,
    first: Option<Instant>,
    second: Option<Instant>,
}

impl Interval {
    fn due(&mut self, due: Instant) {
        match self.first {
            Some(first) if due >= first => {
                self.second = Some(self.second.map_or(due, |second| second.min(due)));
            }
            first => {
                self.second = first;
                self.first = Some(due);
            }
        }
    }

    fn gap(&self) -> Gap {
        self.first
            .map_or_else(Gap::default, |from| Gap { from, to: self.to })
    }

    fn shared(&self) -> Gap {
        self.second.map_or_else(Gap::default, |_| self.gap())
    }

    fn length(&self) -> Duration {
        self.to.since(self.from)
    }
}

impl Series {
    /// A series of requests none of which ends later than `patience` after it was due.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            crowd: CROWD,
            ..Self::default()
        }
    }

    /// A request that was due then ended then, with a good answer or without.
    pub(super) fn ended(&mut self, due: Instant, ended: Instant, ok: bool) {
        self.first_due = if self.count == 0 {
            due
        } else {
            self.first_due.min(due)
        };
        self.last_due = self.last_due.max(due);
        self.count = self.count.saturating_add(1);
        self.end = self.end.max(ended);
        if due < self.latest {
            self.note_due(due);
        }
        if due >= self.current.from && (due < ended || !ok) {
            self.current.due(due);
        }
        if ok {
            self.close(ended);
        }
    }

    /// The longest gaps, once every request has ended; `None` when there was none.
    pub(super) fn told(self) -> Option<Longest> {
        (self.count > 0).then(|| self.longest())
    }

    fn longest(mut self) -> Longest {
        self.close(self.end);
        let longest = |settled, of: fn(&Interval) -> Gap| {
            let open = self.open.iter().map(of);
            open.fold(settled, Gap::max_by_length)
        };
        Longest {
            gap: longest(self.settled, Interval::gap),
            shared: longest(self.settled_shared, Interval::shared),
            mean_arrival: self
                .count
                .checked_sub(1)
                .filter(|gaps| *gaps > 0)
                .map(|gaps| self.last_due.since(self.first_due) / gaps),
        }
    }

    /// A good answer came, or the last request ended.
    fn close(&mut self, at: Instant) {
        let next = Interval {
            from: at,
            ..Interval::default()
        };
        // Nearly every interval is shorter than some gap was.
        if at <= self.current.from + self.least.min(self.least_shared) {
            self.current = next;
            return;
        }
        let interval = Interval {
            to: at,
            ..std::mem::replace(&mut self.current, next)
        };
        self.open.push(interval);
        self.latest = self.latest.max(at);
        self.learn(interval);
        if self.open.len() > self.crowd {
            self.settle(at);
            self.drop_hopeless();
            self.crowd = CROWD.max(2 * self.open.len());
        }
    }

    /// Intervals are in order of time and do not overlap.
    fn note_due(&mut self, due: Instant) {
        let place = self.open.partition_point(|interval| interval.to <= due);
        let found = self.open.get_mut(place);
        if let Some(interval) = found.filter(|interval| interval.from <= due) {
            interval.due(due);
            let interval = *interval;
            self.learn(interval);
        }
    }

    fn learn(&mut self, interval: Interval) {
        self.least = self.least.max(interval.gap().length());
        self.least_shared = self.least_shared.max(interval.shared().length());
    }

    /// Closes the intervals about which nothing more can be told: whatever ends from now on was due
    /// later.
    fn settle(&mut self, now: Instant) {
        let open_from = now - self.patience;
        let count = self.open.partition_point(|it| it.to <= open_from);
        for interval in self.open.drain(..count) {
            self.settled = self.settled.max_by_length(interval.gap());
            self.settled_shared = self.settled_shared.max_by_length(interval.shared());
        }
    }

    /// Equally long ones stay: the first of them is the one reported.
    fn drop_hopeless(&mut self) {
        let (least, least_shared) = (self.least, self.least_shared);
        self.open
            .retain(|it| it.length() >= least || it.length() >= least_shared);
    }
}

#[cfg(test)]
mod tests {
    use turquoise_emulator::Seed;

    use super::*;
    use crate::gap;

    /// Requests of random latency, a tenth of them lost, with a silence in the middle.
    fn requests(seed: u64) -> Vec<(Instant, Instant, bool)> {
        let seed = Seed::new(seed);
        let mut requests: Vec<_> = (0..2_000_u64)
            .map(|id| {
                let draw = seed.at(id);
                let due = Instant::from_nanos(id * 1_000 + draw.child("due").below(1_500));
                let slow = if draw.child("slow").below(50) == 0 {
                    60
                } else {
                    1
                };
                let took = slow * (500 + draw.child("took").below(4_000));
                let lost = draw.child("lost").below(10) == 0 || (900..950).contains(&id);
                (due, due + Duration::from_nanos(took), !lost)
            })
            .collect();
        requests.sort_by_key(|(_, ended, _)| *ended);
        requests
    }

    #[test]
    fn what_is_read_as_requests_end_is_what_the_sorted_lists_say() {
        for seed in 0..50 {
            let requests = requests(seed);
            // The slowest takes 60 times 4.5 microseconds.
            let mut series = Series::new(Duration::from_micros(300));
            for (due, ended, ok) in &requests {
                series.ended(*due, *ended, *ok);
            }
            let told = series.longest();
            let lists = gap::longest_of(&requests);
            assert_eq!(told.gap, lists.gap, "seed {seed}");
            assert_eq!(told.shared, lists.shared, "seed {seed}");
            assert_eq!(told.mean_arrival, lists.mean_arrival, "seed {seed}");
        }
    }

    #[test]
    fn intervals_longer_than_any_gap_are_forgotten_in_time() {
        // Each request takes 5 microseconds, so that no gap is longer; half of the intervals are.
        let mut series = Series::new(Duration::from_micros(300));
        let mut due = Instant::ZERO;
        for id in 0..100_000 {
            due = due + Duration::from_nanos(Seed::new(5).at(id).below(12_000));
            series.ended(due, due + Duration::from_micros(5), true);
            assert!(
                series.open.len() <= 3 * CROWD,
                "{} are open",
                series.open.len()
            );
        }
    }
}
