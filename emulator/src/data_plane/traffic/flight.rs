//! A request under way: provisional until its end, because a kill or a drain can still change it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;

use super::arrival::Arrival;
use crate::data_plane::gateway::TargetId;
use crate::ledger::{Build, Contract, Fault, RequestClass, RequestId, Seen};
use crate::time::Instant;

/// Which gateway instance works on a request, and for which source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    /// Index of the traffic source.
    pub(crate) source: usize,
    /// Slot of the gateway.
    pub(crate) gateway: usize,
    /// The gateway's instance.
    pub(crate) instance: usize,
}

impl Lane {
    /// No gateway at all.
    pub(crate) const fn direct(source: usize) -> Self {
        Self {
            source,
            gateway: usize::MAX,
            instance: usize::MAX,
        }
    }

    /// Whether no gateway works on the request.
    pub(crate) const fn is_direct(&self) -> bool {
        self.gateway == usize::MAX
    }
}

/// One attempt of a gateway instance, with its end as foreseen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) arrival: Arrival,
    pub(crate) lane: Lane,
    pub(crate) generation: u64,
    pub(crate) target: TargetId,
    pub(crate) member: (Ipv4Addr, u16),
    pub(crate) attempt: u8,
    pub(crate) dispatched: Instant,
    /// When it ends, and how, if nothing intervenes.
    pub(crate) ends: Instant,
    pub(crate) fate: Fate,
    /// When the client has seen the beginning of the answer.
    pub(crate) first_byte: Instant,
    /// The execution by an instance, where one accepted the request.
    pub(crate) run: Option<Run>,
    /// The member connection it uses, as named in the backend pool.
    pub(crate) connection: (u64, u8),
}

impl Flight {
    /// Whether its good end changes nothing for anybody else: its client sends no other request,
    /// and no session learns from it.
    pub(crate) fn ends_quietly(&self) -> bool {
        self.arrival.follows == 0
            && self.arrival.class != RequestClass::Session
            && !self.lane.is_direct()
    }
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The member's answer is passed on.
    Served(u16),
    /// The member fails.
    Failed(Fault),
    /// The client's patience ends first.
    ClientGone,
}

/// An execution by an instance. It goes on when the gateway or the client gives up: the
/// application does not notice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) id: RequestId,
    pub(crate) slot: usize,
    pub(crate) address: Ipv4Addr,
    pub(crate) build: Build,
    /// The build that its answer names.
    pub(crate) reports: Build,
    /// What the client will find in the answer.
    pub(crate) contract: Contract,
    pub(crate) started: Instant,
    /// When it finishes, and with which status; `None` for one that hangs.
    pub(crate) finishes: Option<(Instant, u16)>,
}

impl Run {
    /// Its whole answer as the client sees it.
    pub(crate) const fn answer(&self, status: u16) -> Seen {
        Seen::Answer {
            status,
            build: Some(self.reports),
            complete: true,
        }
    }
}

/// Something pending, by when it is due.
pub(crate) trait Due {
    /// When, and a key that orders what is due at one instant, the same in every run.
    fn due(&self) -> (Instant, RequestId, u8);
}

impl Due for Flight {
    fn due(&self) -> (Instant, RequestId, u8) {
        (self.ends, self.arrival.id, self.attempt)
    }
}

impl Due for Run {
    /// Only one that finishes is ever pending.
    fn due(&self) -> (Instant, RequestId, u8) {
        let ends = self.finishes.map_or(self.started, |(ends, _)| ends);
        (ends, self.id, 0)
    }
}

/// When something is due, and where it is kept. The order of fields is the order of time; what
/// comes last only tells entries apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at: Instant,
    id: RequestId,
    attempt: u8,
    added: u64,
    slot: usize,
}

/// Pending things, taken out when due or by condition.
#[derive(Clone, Debug)]
pub(crate) struct PendingSet<T> {
    slots: Vec<Option<(u64, T)>>,
    vacant: Vec<usize>,
    queue: BinaryHeap<Reverse<Place>>,
    added: u64,
}

impl<T> Default for PendingSet<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            vacant: Vec::new(),
            queue: BinaryHeap::new(),
            added: 0,
        }
    }
}

impl<T: Due> PendingSet<T> {
    /// Adds one.
    pub(crate) fn add(&mut self, item: T) {
        self.added += 1;
        let (at, id, attempt) = item.due();
        let entry = Some((self.added, item));
        let slot = match self.vacant.pop() {
            Some(slot) => {
                self.slots[slot] = entry;
                slot
            }
            None => {
                self.slots.push(entry);
                self.slots.len() - 1
            }
        };
        self.queue.push(Reverse(Place {
            at,
            id,
            attempt,
            added: self.added,
            slot,
        }));
    }

    /// When the next is due.
    pub(crate) fn next_due(&mut self) -> Option<Instant> {
        while let Some(Reverse(place)) = self.queue.peek() {
            if self.holds(place.slot, place.added) {
                return Some(place.at);
            }
            self.queue.pop();
        }
        None
    }

    /// Takes the next one due at or before `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<T> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse(place) = self.queue.pop()?;
        self.vacate(place.slot)
    }

    /// Takes out all that meet a condition, in an order that is the same in every run.
    pub(crate) fn take_if(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let slots: Vec<usize> = (0..self.slots.len())
            .filter(|slot| matches!(&self.slots[*slot], Some((_, item)) if wanted(item)))
            .collect();
        let mut taken: Vec<T> = slots
            .into_iter()
            .filter_map(|slot| self.vacate(slot))
            .collect();
        taken.sort_by_key(|item| {
            let (at, id, attempt) = item.due();
            (id, attempt, at)
        });
        taken
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten().map(|(_, item)| item)
    }

    /// Whether none is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.vacant.len() == self.slots.len()
    }

    fn holds(&self, slot: usize, added: u64) -> bool {
        matches!(&self.slots[slot], Some((own, _)) if *own == added)
    }

    fn vacate(&mut self, slot: usize) -> Option<T> {
        let (_, item) = self.slots[slot].take()?;
        self.vacant.push(slot);
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Item(u64, RequestId, u8);

    impl Due for Item {
        fn due(&self) -> (Instant, RequestId, u8) {
            (Instant::from_millis(self.0), self.1, self.2)
        }
    }

    fn set(items: &[Item]) -> PendingSet<Item> {
        let mut set = PendingSet::default();
        for item in items {
            set.add(*item);
        }
        set
    }

    #[test]
    fn what_is_due_comes_out_by_time_request_and_attempt() {
        let mut set = set(&[Item(2, 1, 0), Item(1, 9, 0), Item(1, 3, 1), Item(1, 3, 0)]);
        let mut out = Vec::new();
        while let Some(item) = set.pop_due(Instant::from_millis(1)) {
            out.push(item);
        }
        assert_eq!(out, [Item(1, 3, 0), Item(1, 3, 1), Item(1, 9, 0)]);
        assert_eq!(set.next_due(), Some(Instant::from_millis(2)));
        assert!(!set.is_empty());
    }

    #[test]
    fn what_was_taken_out_is_not_due_again_and_its_place_is_reused() {
        let mut set = set(&[Item(1, 5, 0), Item(2, 4, 0), Item(3, 3, 0)]);
        assert_eq!(
            set.take_if(|item| item.1 > 3),
            [Item(2, 4, 0), Item(1, 5, 0)]
        );
        set.add(Item(9, 8, 0));
        assert_eq!(set.pop_due(Instant::from_millis(8)), Some(Item(3, 3, 0)));
        assert_eq!(set.pop_due(Instant::from_millis(8)), None);
        assert_eq!(set.pop_due(Instant::from_millis(9)), Some(Item(9, 8, 0)));
        assert!(set.is_empty());
    }
}
