//! A profile as arrivals in virtual time.

use std::time::Duration;

use turquoise_emulator::data_plane::{Arrival, Arrivals};
use turquoise_emulator::ledger::{RequestClass, RequestId, Seen};
use turquoise_emulator::{Instant, Seed};

use super::profile::{Planned, Planner, Profile};

/// The requests of a profile over a span of cloud time, each drawn from its id alone.
#[derive(Clone, Debug)]
pub struct ProfileArrivals {
    planner: Planner,
    began: Instant,
    until: Instant,
    due: Instant,
    id: RequestId,
    follows: u8,
    service: Duration,
}

impl ProfileArrivals {
    /// Arrivals from `from` to `until`, numbered from 1. `service` is the application's mean time
    /// for one unit of work: a long request asks for as many units as fill its time.
    #[must_use]
    pub fn new(
        profile: Profile,
        seed: Seed,
        from: Instant,
        until: Instant,
        service: Duration,
    ) -> Self {
        Self {
            follows: profile.follows(),
            planner: Planner::new(profile, seed),
            began: from,
            until,
            due: from,
            id: 1,
            service,
        }
    }

    /// Ends the arrivals at an instant, when it is known only later how long they must last.
    pub fn end_at(&mut self, until: Instant) {
        self.until = until;
    }

    fn arrival(&self, planned: Planned) -> Arrival {
        let mut arrival = Arrival {
            id: self.id,
            due: self.due,
            client: planned.client,
            connection: planned.connection,
            class: planned.class,
            patience: Duration::from_millis(self.planner.profile().patience_ms),
            follows: self.follows_of(planned.class),
            ..Arrival::default()
        };
        match planned.class {
            RequestClass::Long => arrival.work = self.units(planned.work),
            RequestClass::Upload | RequestClass::Expect => arrival.upload = planned.work,
            RequestClass::Download | RequestClass::WebSocket | RequestClass::EventStream => {
                arrival.transfer = planned.work;
                arrival.patience += planned.work;
            }
            _ => {}
        }
        arrival
    }

    /// Where nobody tries again, only a page leads to another request.
    fn follows_of(&self, class: RequestClass) -> u8 {
        let may = class == RequestClass::Page || self.planner.profile().retry.tries > 0;
        if may { self.follows } else { 0 }
    }

    /// The file of a page that came, from the build that rendered it.
    fn asset(page: &Arrival, ended: Instant, seen: Seen) -> Option<Arrival> {
        let Seen::Answer {
            status: 200..=299,
            build,
            complete: true,
        } = seen
        else {
            return None;
        };
        Some(Arrival {
            class: RequestClass::Asset,
            origin: build,
            due: ended,
            ..*page
        })
    }

    /// The same again after a pause, where it failed and may be repeated.
    fn retry(&self, request: &Arrival, ended: Instant, seen: Seen) -> Option<Arrival> {
        let failed = match seen {
            Seen::Answer {
                status, complete, ..
            } => status >= 500 || !complete,
            Seen::Refused | Seen::Reset | Seen::TimedOut => true,
            Seen::Aborted => false,
        };
        let again = self.planner.profile().retry.tries > 0 && failed;
        (again && !request.class.is_unrepeatable()).then(|| Arrival {
            due: ended + self.planner.pause_before(request.id),
            ..*request
        })
    }

    fn units(&self, work: Duration) -> f64 {
        if self.service.is_zero() {
            1.0
        } else {
            work.div_duration_f64(self.service)
        }
    }
}

impl Arrivals for ProfileArrivals {
    fn next(&mut self) -> Option<Arrival> {
        if self.due >= self.until {
            return None;
        }
        let arrival = self.arrival(self.planner.plan(self.id));
        let elapsed = self.due.since(self.began);
        self.due = self.due + self.planner.gap_after(self.id, elapsed);
        // What follows has the next ids.
        self.id += 1 + u64::from(self.follows);
        Some(arrival)
    }

    fn after(&mut self, request: &Arrival, ended: Instant, seen: Seen) -> Option<Arrival> {
        let follows = request.follows.checked_sub(1)?;
        let page = request.class == RequestClass::Page;
        let asset = page.then(|| Self::asset(request, ended, seen)).flatten();
        let following = asset.or_else(|| self.retry(request, ended, seen))?;
        Some(Arrival {
            id: request.id + 1,
            follows,
            ..following
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(seconds: u64) -> Vec<Arrival> {
        let (from, until) = (
            Instant::from_millis(5_000),
            Instant::from_millis(5_000 + seconds * 1000),
        );
        let service = Duration::from_millis(40);
        let mut source = ProfileArrivals::new(
            Profile::simulated(100.0),
            Seed::new(3),
            from,
            until,
            service,
        );
        std::iter::from_fn(|| source.next()).collect()
    }

    #[test]
    fn they_come_in_order_within_their_span_at_their_rate() {
        let arrivals = arrivals(100);
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.due));
        assert!(
            arrivals
                .iter()
                .all(|arrival| (5_000..105_000).contains(&arrival.due.as_millis()))
        );
        assert!(
            (9_600..10_400).contains(&arrivals.len()),
            "{} of about 10000",
            arrivals.len()
        );
    }

    #[test]
    fn a_longer_span_changes_nothing_in_the_shorter_one() {
        let (short, long) = (arrivals(10), arrivals(20));
        assert_eq!(short[..], long[..short.len()]);
    }

    #[test]
    fn a_long_request_asks_for_as_much_work_as_fills_its_time() {
        let long: Vec<Arrival> = arrivals(100)
            .into_iter()
            .filter(|arrival| arrival.class == RequestClass::Long)
            .collect();
        assert!(!long.is_empty());
        for arrival in long {
            let asked = Duration::from_millis(40).mul_f64(arrival.work);
            assert!((1_999..=20_001).contains(&asked.as_millis()), "{arrival:?}");
        }
    }
}
