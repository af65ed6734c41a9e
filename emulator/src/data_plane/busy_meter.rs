//! How busy an instance was, for autoscale: busy worker time in buckets of ten seconds.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Instant;

/// The length of a bucket. Host metrics are per minute; autoscale asks for windows of minutes.
const BUCKET: Duration = Duration::from_secs(10);
/// Buckets kept: the last hour, the longest window an autoscale rule looks back on.
const KEPT: u64 = 360;

/// Busy time by bucket of cloud time.
#[derive(Clone, Debug, Default)]
pub(crate) struct BusyMeter {
    first: u64,
    busy: VecDeque<Duration>,
}

impl BusyMeter {
    /// Counts one worker busy from `start` to `end`.
    pub(crate) fn add(&mut self, start: Instant, end: Instant) {
        let mut from = start;
        while from < end {
            let bucket = bucket_of(from);
            let until = end.min(start_of(bucket + 1));
            if let Some(busy) = self.bucket(bucket) {
                *busy += until.since(from);
            }
            from = until;
        }
    }

    /// Busy time in the whole buckets between two instants, and the length of those buckets.
    pub(crate) fn between(&self, from: Instant, until: Instant) -> (Duration, Duration) {
        let buckets = bucket_of(from)..bucket_of(until);
        let length = BUCKET * u32::try_from(buckets.clone().count()).unwrap_or(u32::MAX);
        let busy = buckets
            .filter_map(|bucket| {
                self.busy
                    .get(usize::try_from(bucket.checked_sub(self.first)?).ok()?)
            })
            .sum();
        (busy, length)
    }

    fn bucket(&mut self, bucket: u64) -> Option<&mut Duration> {
        if self.busy.is_empty() {
            self.first = bucket;
        }
        let index = usize::try_from(bucket.checked_sub(self.first)?).ok()?;
        if index >= self.busy.len() {
            self.busy.resize(index + 1, Duration::ZERO);
        }
        let surplus = (self.busy.len() as u64).saturating_sub(KEPT);
        for _ in 0..surplus {
            self.busy.pop_front();
            self.first += 1;
        }
        self.busy
            .get_mut(usize::try_from(bucket.checked_sub(self.first)?).ok()?)
    }
}

fn bucket_of(at: Instant) -> u64 {
    at.as_millis() / 10_000
}

fn start_of(bucket: u64) -> Instant {
    Instant::from_millis(bucket * 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn work_is_shared_out_over_the_buckets_it_spans() {
        let mut meter = BusyMeter::default();
        meter.add(at(5), at(25));
        assert_eq!(meter.between(at(0), at(10)), (secs(5), secs(10)));
        assert_eq!(meter.between(at(10), at(20)), (secs(10), secs(10)));
        assert_eq!(meter.between(at(0), at(30)), (secs(20), secs(30)));
    }

    #[test]
    fn an_hour_is_kept() {
        let mut meter = BusyMeter::default();
        meter.add(at(0), at(1));
        meter.add(at(3_600), at(3_601));
        assert_eq!(meter.between(at(0), at(10)).0, Duration::ZERO);
        assert_eq!(meter.between(at(3_600), at(3_610)).0, secs(1));
    }
}
