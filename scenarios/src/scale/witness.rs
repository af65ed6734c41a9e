//! Who was being served when: a few requests that stand for all others.
//!
//! Oracles that ask whether a side was busy at an instant (S13) need a request that was. Of each
//! quarter of a second and side, the first and the last dispatched and the one that took longest
//! are kept; whoever else was under way, one of them tells it.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use turquoise_emulator::Instant;
use turquoise_emulator::ledger::{Exchange, Ledgers};

use crate::observation::Role;

/// Nanoseconds of a stretch, as a power of two: 0.27 s, well below the second that a side must have
/// been quiet for.
const STRETCH_BITS: u32 = 28;

/// The witnesses of a run. Their number grows with virtual time, not with requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Witnesses {
    kept: BTreeMap<(u64, Role), Kept<Exchange>>,
}

/// The witnesses of one stretch, or of what is read at a time of it.
#[derive(Clone, Copy, Debug)]
struct Kept<E> {
    first: E,
    last: E,
    longest: E,
}

/// Witnesses among what is read at a time.
#[derive(Debug, Default)]
pub(super) struct Reading<'e> {
    /// By side, the stretch that was last asked for.
    recent: [Option<(u64, Kept<&'e Exchange>)>; 2],
}

impl<E: Copy + Borrow<Exchange>> Kept<E> {
    const fn new(exchange: E) -> Self {
        Self {
            first: exchange,
            last: exchange,
            longest: exchange,
        }
    }

    fn see(&mut self, exchange: E) {
        let key = |it: &Exchange| (it.gateway.dispatched, it.gateway.id);
        if key(exchange.borrow()) < key(self.first.borrow()) {
            self.first = exchange;
        }
        if key(exchange.borrow()) > key(self.last.borrow()) {
            self.last = exchange;
        }
        let end = |it: &Exchange| (it.gateway.ended, it.gateway.id);
        if end(exchange.borrow()) > end(self.longest.borrow()) {
            self.longest = exchange;
        }
    }
}

impl Witnesses {
    /// A request that went as it should, to a side.
    pub(super) fn see<'e>(
        &mut self,
        reading: &mut Reading<'e>,
        role: Role,
        exchange: &'e Exchange,
    ) {
        let stretch = exchange.gateway.dispatched.as_nanos() >> STRETCH_BITS;
        let recent = &mut reading.recent[role as usize];
        match recent {
            Some((at, kept)) if *at == stretch => kept.see(exchange),
            _ => {
                if let Some((at, kept)) = recent.replace((stretch, Kept::new(exchange))) {
                    self.keep((at, role), &kept);
                }
            }
        }
    }

    /// Keeps the witnesses of what has been read.
    pub(super) fn finish(&mut self, reading: Reading<'_>) {
        for (role, recent) in [Role::Old, Role::New].into_iter().zip(reading.recent) {
            if let Some((at, kept)) = recent {
                self.keep((at, role), &kept);
            }
        }
    }

    /// All witnesses, each once, as ledgers; and how many they are.
    pub(super) fn into_ledgers(self) -> (Ledgers, u64) {
        let mut all: BTreeMap<(Instant, u64), Exchange> = BTreeMap::new();
        for kept in self.kept.into_values() {
            for exchange in [kept.first, kept.last, kept.longest] {
                all.insert((exchange.client.ended, exchange.client.id), exchange);
            }
        }
        let mut ledgers = Ledgers::default();
        all.values().for_each(|exchange| ledgers.add(exchange));
        (ledgers, all.len() as u64)
    }

    fn keep(&mut self, key: (u64, Role), kept: &Kept<&Exchange>) {
        let known = self
            .kept
            .entry(key)
            .or_insert_with(|| Kept::new(*kept.first));
        for exchange in [kept.first, kept.last, kept.longest] {
            known.see(*exchange);
        }
    }
}
