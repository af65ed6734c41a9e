//! Reads that lag behind: a front end that has not heard of the last writes yet (F67).
//!
//! Only where a fault asks for it: then every version of the resources it means is kept with the
//! instant from which it was told.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use turquoise_arm::ResourceId;

use super::answer::Answer;
use super::{ControlPlane, Turn};
use crate::time::Instant;

/// Every version of some resources, by key.
#[derive(Clone, Debug, Default)]
pub(super) struct History(BTreeMap<String, Vec<Version>>);

/// A version of a resource, as it was told from an instant on.
#[derive(Clone, Debug)]
struct Version {
    since: Instant,
    number: u64,
    answer: Answer,
}

impl History {
    fn last(&self, id: &ResourceId) -> Option<u64> {
        self.0.get(id.key())?.last().map(|version| version.number)
    }

    /// What was told at an instant; before the first version is known, that one.
    fn at(&self, key: &str, instant: Instant) -> Option<&Answer> {
        let versions = self.0.get(key)?;
        let told = versions.iter().rev().find(|v| v.since <= instant);
        told.or_else(|| versions.first())
            .map(|version| &version.answer)
    }
}

impl ControlPlane {
    /// Keeps the present version of what reads may lag behind on.
    pub(super) fn remember(&mut self, now: Instant) {
        if !self.faults.has_stale_reads() {
            return;
        }
        let known = |id: &ResourceId, version| self.history.last(id) == Some(version);
        let changed = self
            .top_level()
            .filter(|resource| self.faults.reads_may_lag(resource.id.as_str()))
            .filter(|resource| !known(&resource.id, resource.version))
            .map(|resource| (resource.id.clone(), resource.version));
        let changed: Vec<(ResourceId, u64)> = changed.collect();
        for (id, number) in changed {
            let Ok(answer) = self.get(&id) else { continue };
            let versions = self.history.0.entry(id.key().to_owned()).or_default();
            versions.push(Version {
                since: now,
                number,
                answer,
            });
        }
    }

    /// The answer of a front end that lags behind, where one answers this read.
    pub(super) fn stale_answer(&mut self, turn: Turn<'_>) -> Option<Answer> {
        if *turn.request.method != Method::GET || !self.faults.has_stale_reads() {
            return None;
        }
        let key = turn.request.path.to_ascii_lowercase();
        if !self.history.0.contains_key(&key) {
            return None;
        }
        let lag = self.faults.on_read(turn.now.as_millis(), &key)?;
        let back = turn.now.as_millis().saturating_sub(lag);
        let then = Instant::ZERO + Duration::from_millis(back);
        self.history.at(&key, then).cloned()
    }
}
