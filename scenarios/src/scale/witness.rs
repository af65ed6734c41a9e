//! Who was being served when: a few requests that stand for all others.
//!
//! Oracles that ask whether a side was busy at an instant (S13) need a request that was. Of each
//! quarter of a second and side, the first and the last dispatched and the one that took longest
//! are kept; whoever else was under way, one of them tells it.

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
    kept: BTreeMap<(u64, Role), Kept>,
    /// The stretch that was last asked for.
    recent: [Option<(u64, Kept)>; 2],
}

/// The witnesses of one stretch.
#[derive(Clone, Copy, Debug)]
struct Kept {
    first: Exchange,
    last: Exchange,
    longest: Exchange,
}

impl Kept {
    const fn new(exchange: &Exchange) -> Self {
        Self {
            first: *exchange,
            last: *exchange,
            longest: *exchange,
        }
    }

    fn see(&mut self, exchange: &Exchange) {
        let key = |it: &Exchange| (it.gateway.dispatched, it.gateway.id);
        if key(exchange) < key(&self.first) {
            self.first = *exchange;
        }
        if key(exchange) > key(&self.last) {
            self.last = *exchange;
        }
        let end = |it: &Exchange| (it.gateway.ended, it.gateway.id);
        if end(exchange) > end(&self.longest) {
            self.longest = *exchange;
        }
    }
}

impl Witnesses {
    /// A request that went as it should, to a side.
    pub(super) fn see(&mut self, role: Role, exchange: &Exchange) {
        let stretch = exchange.gateway.dispatched.as_nanos() >> STRETCH_BITS;
        let recent = &mut self.recent[role as usize];
        if let Some((at, kept)) = recent
            && *at == stretch
        {
            kept.see(exchange);
            return;
        }
        // What took long was dispatched in an earlier stretch, which stays in the map.
        let new = recent.as_ref().is_none_or(|(at, _)| stretch > *at);
        if new {
            let before = recent.replace((stretch, Kept::new(exchange)));
            if let Some((at, kept)) = before {
                self.keep((at, role), kept);
            }
        } else {
            self.keep((stretch, role), Kept::new(exchange));
        }
    }

    /// All witnesses, each once, as ledgers; and how many they are.
    pub(super) fn into_ledgers(mut self) -> (Ledgers, u64) {
        for role in [Role::Old, Role::New] {
            if let Some((at, kept)) = self.recent[role as usize].take() {
                self.keep((at, role), kept);
            }
        }
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

    fn keep(&mut self, key: (u64, Role), kept: Kept) {
        let known = self.kept.entry(key).or_insert(kept);
        for exchange in [kept.first, kept.last, kept.longest] {
            known.see(&exchange);
        }
    }
}
