//! Requests whose answer is foreseen, by when it ends.
//!
//! Nearly every request ends as foreseen, and its end does nothing to any other. So they need no
//! order among themselves: a wheel of short buckets takes one in and gives it out in a few
//! instructions, where a heap would sift through everything under way. A cut or a kill, which is
//! rare, looks through all of them.

use super::flight::Flight;
use crate::time::Instant;

/// Nanoseconds of a bucket, as a power of two: 4.2 ms, so that a bucket of a million requests a
/// second still fits a core's cache.
const BUCKET_BITS: u32 = 22;
/// Buckets of the wheel, and turns of it that are kept apart, as a power of two.
const TURN_BITS: u32 = 6;
const TURN: usize = 1 << TURN_BITS;

/// Flights by bucket of their end. A bucket is given out whole, once all of it is in the past.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    /// The first bucket not given out yet, counted from the beginning of time.
    first: u64,
    /// The buckets of this turn of the wheel.
    near: Wheel,
    /// The next turns, each as one bucket.
    far: Wheel,
    /// What ends after those.
    beyond: Vec<Flight>,
    /// No flight there ends in an earlier turn than this.
    beyond_from: u64,
    /// Emptied buckets, to be used again.
    spare: Vec<Vec<Flight>>,
}

/// Sixty-four buckets.
#[derive(Clone, Debug)]
struct Wheel {
    buckets: Vec<Vec<Flight>>,
    /// One bit per bucket that holds something.
    occupied: u64,
}

impl Default for Calendar {
    fn default() -> Self {
        Self {
            first: 0,
            near: Wheel::new(),
            far: Wheel::new(),
            beyond: Vec::new(),
            beyond_from: u64::MAX,
            spare: Vec::new(),
        }
    }
}

impl Calendar {
    /// Adds a flight that ends later than everything given out.
    pub(crate) fn add(&mut self, flight: &Flight) {
        let bucket = bucket_of(flight.ends).max(self.first);
        let (turn, now) = (bucket >> TURN_BITS, self.first >> TURN_BITS);
        if turn == now {
            self.near.add(bucket, flight, &mut self.spare);
        } else if turn - now < TURN as u64 {
            self.far.add(turn, flight, &mut self.spare);
        } else {
            self.beyond_from = self.beyond_from.min(turn);
            self.beyond.push(*flight);
        }
    }

    /// Everything that ended before this instant has been given out.
    pub(crate) fn given_out(&self) -> Instant {
        Instant::from_nanos(self.first << BUCKET_BITS)
    }

    /// Gives out the buckets that lie wholly before `now`.
    pub(crate) fn give_out(&mut self, now: Instant, mut out: impl FnMut(&Flight)) {
        let end = bucket_of(now);
        while self.first < end {
            if self.is_empty() {
                self.first = end;
                return;
            }
            let next_turn = ((self.first >> TURN_BITS) + 1) << TURN_BITS;
            let limit = end.min(next_turn);
            while let Some(bucket) = self.near.first_within(self.first, limit) {
                let mut flights = self.near.take(bucket);
                flights.iter().for_each(&mut out);
                flights.clear();
                self.spare.push(flights);
            }
            self.first = limit;
            if limit == next_turn {
                self.turn();
            }
        }
    }

    /// Takes out what is still under way at `now` and meets a condition, in no order.
    pub(crate) fn take_if(
        &mut self,
        now: Instant,
        mut wanted: impl FnMut(&Flight) -> bool,
    ) -> Vec<Flight> {
        let mut taken = Vec::new();
        let mut wanted = |flight: &mut Flight| flight.ends > now && wanted(flight);
        for wheel in [&mut self.near, &mut self.far] {
            for (bucket, flights) in wheel.buckets.iter_mut().enumerate() {
                taken.extend(flights.extract_if(.., &mut wanted));
                if flights.is_empty() {
                    wheel.occupied &= !(1 << bucket);
                }
            }
        }
        taken.extend(self.beyond.extract_if(.., &mut wanted));
        taken
    }

    /// Takes out what ended before `now` and was not given out, in no order.
    pub(crate) fn take_ended(&mut self, now: Instant) -> Vec<Flight> {
        let Some(bucket) = self.near.first_within(self.first, self.first + 1) else {
            return Vec::new();
        };
        let flights = &mut self.near.buckets[place(bucket)];
        let ended = flights.extract_if(.., |flight| flight.ends < now).collect();
        if flights.is_empty() {
            self.near.occupied &= !(1 << place(bucket));
        }
        ended
    }

    /// What is kept, ended or not.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Flight> {
        let buckets = self.near.buckets.iter().chain(&self.far.buckets);
        buckets.flatten().chain(&self.beyond)
    }

    fn is_empty(&self) -> bool {
        self.near.occupied | self.far.occupied == 0 && self.beyond.is_empty()
    }

    /// Spreads the turn that begins over its buckets.
    fn turn(&mut self) {
        let turn = self.first >> TURN_BITS;
        let next = self.far.take(turn);
        if self.beyond_from <= turn {
            self.look_beyond(turn);
        }
        for flight in &next {
            self.add(flight);
        }
    }

    /// Takes what ends within reach of the wheels. Whoever looks when the first of them ends need
    /// not look again for a whole turn of the far wheel.
    fn look_beyond(&mut self, turn: u64) {
        let reached = turn + TURN as u64;
        let near = |flight: &mut Flight| turn_of(flight.ends) < reached;
        let near: Vec<Flight> = self.beyond.extract_if(.., near).collect();
        let left = self.beyond.iter().map(|flight| turn_of(flight.ends));
        self.beyond_from = left.min().unwrap_or(u64::MAX);
        near.iter().for_each(|flight| self.add(flight));
    }
}

impl Wheel {
    fn new() -> Self {
        Self {
            buckets: vec![Vec::new(); TURN],
            occupied: 0,
        }
    }

    fn add(&mut self, number: u64, flight: &Flight, spare: &mut Vec<Vec<Flight>>) {
        let place = place(number);
        let bucket = &mut self.buckets[place];
        if bucket.capacity() == 0
            && let Some(emptied) = spare.pop()
        {
            *bucket = emptied;
        }
        bucket.push(*flight);
        self.occupied |= 1 << place;
    }

    fn take(&mut self, number: u64) -> Vec<Flight> {
        let place = place(number);
        self.occupied &= !(1 << place);
        std::mem::take(&mut self.buckets[place])
    }

    /// The first bucket from `from` on that holds something, before `limit`; both lie in one turn.
    fn first_within(&self, from: u64, limit: u64) -> Option<u64> {
        let later = self.occupied >> place(from);
        let found = from + u64::from(later.trailing_zeros());
        (later != 0 && found < limit).then_some(found)
    }
}

const fn bucket_of(at: Instant) -> u64 {
    at.as_nanos() >> BUCKET_BITS
}

const fn turn_of(at: Instant) -> u64 {
    bucket_of(at) >> TURN_BITS
}

fn place(number: u64) -> usize {
    usize::try_from(number % TURN as u64).expect("because it is below sixty-four")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::data_plane::traffic::Arrival;
    use crate::data_plane::traffic::flight::{Fate, Lane};
    use crate::seed::Seed;

    fn flight(id: u64, ends: Instant) -> Flight {
        Flight {
            arrival: Arrival {
                id,
                ..Arrival::default()
            },
            lane: Lane {
                source: 0,
                gateway: 0,
                instance: 0,
            },
            generation: 1,
            target: 0,
            member: (std::net::Ipv4Addr::LOCALHOST, 80),
            attempt: 0,
            dispatched: Instant::ZERO,
            ends,
            fate: Fate::Served(200),
            first_byte: ends,
            run: None,
            connection: (id, 0),
        }
    }

    /// Ends from a millisecond to half a minute ahead: within a bucket, a turn, and beyond all.
    fn ends_after(now: Instant, id: u64) -> Instant {
        let spans = [1, 100, 2_000, 30_000];
        let draw = Seed::new(5).at(id);
        let most = spans[usize::try_from(draw.below(4)).expect("below four")];
        now + Duration::from_micros(1 + draw.at(1).below(most * 1_000))
    }

    #[test]
    fn everything_comes_out_once_in_its_time_and_never_early() {
        let mut calendar = Calendar::default();
        let (mut now, mut waiting, mut id) = (Instant::ZERO, BTreeSet::new(), 0);
        for step in 0..4_000_u64 {
            for _ in 0..3 {
                id += 1;
                let ends = ends_after(now, id);
                calendar.add(&flight(id, ends));
                waiting.insert((ends, id));
            }
            now = now + Duration::from_micros(Seed::new(step).below(40_000));
            calendar.give_out(now, |flight| {
                assert!(flight.ends < now);
                assert!(waiting.remove(&(flight.ends, flight.arrival.id)));
            });
            let given_out = calendar.given_out();
            assert!(given_out <= now);
            assert!(waiting.first().is_none_or(|(ends, _)| *ends >= given_out));
        }
        calendar.give_out(now + Duration::from_secs(60), |flight| {
            assert!(waiting.remove(&(flight.ends, flight.arrival.id)));
        });
        assert!(waiting.is_empty(), "{waiting:?}");
        assert!(calendar.iter().next().is_none());
    }

    #[test]
    fn only_what_is_under_way_can_be_taken_out() {
        let at = Instant::from_millis;
        let mut calendar = Calendar::default();
        for (id, ends) in [(1, 1), (2, 2), (3, 3), (4, 300), (5, 60_000)] {
            calendar.add(&flight(id, at(ends)));
        }
        let mut ids = |now, wanted: &dyn Fn(u64) -> bool| {
            let taken = calendar.take_if(at(now), |flight| wanted(flight.arrival.id));
            let mut ids: Vec<u64> = taken.iter().map(|flight| flight.arrival.id).collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(ids(2, &|id| id != 4), [3, 5]);
        assert_eq!(ids(2, &|_| true), [4]);
        let ended: Vec<_> = calendar
            .take_ended(at(2))
            .iter()
            .map(|it| it.ends)
            .collect();
        assert_eq!(ended, [at(1)]);
        assert_eq!(calendar.iter().count(), 1);
    }
}
