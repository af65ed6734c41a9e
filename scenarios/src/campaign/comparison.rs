//! The reference and the published script, under each fault alone.
//!
//! For every [`Trouble`] both swap in the same scenarios: one per seed, equal but for who swaps.

mod row;

use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::workers::on_threads;
use super::{CampaignError, run};
use crate::generate::{Trouble, with_only};
use crate::run::Runner;
use crate::subject::Subject;

pub use row::Compared;

/// Who is compared, in the order of rows.
const SUBJECTS: [Subject; 2] = [Subject::Turquoise, Subject::Published];

/// How both fared under each trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Scenarios per row.
    pub seeds: u64,
    /// One row per trouble and orchestrator, the reference first.
    pub rows: Vec<Compared>,
}

impl Comparison {
    /// Whether the reference passed every scenario. The published script is no promise of ours.
    #[must_use]
    pub fn holds(&self) -> bool {
        let reference = Subject::Turquoise.to_string();
        let mut ours = self.rows.iter().filter(|row| row.orchestrator == reference);
        ours.all(|row| row.failed == 0)
    }
}

/// Runs both orchestrators over `seeds` under each trouble, on one thread per core when `threads` is
/// absent; any number of threads gives the same rows.
///
/// # Errors
/// [`CampaignError::World`] when a scenario cannot be set up.
pub fn compare(
    seeds: &Range<u64>,
    threads: Option<NonZero<usize>>,
) -> Result<Comparison, CampaignError> {
    let contest = Contest::new(seeds);
    on_threads(threads, || contest.work())?;
    Ok(contest.result())
}

struct Contest<'a> {
    seeds: &'a Range<u64>,
    pairs: Vec<(Trouble, Subject)>,
    runner: Runner,
    rows: Mutex<Vec<Compared>>,
    next: AtomicU64,
}

impl<'a> Contest<'a> {
    fn new(seeds: &'a Range<u64>) -> Self {
        let both = |trouble| SUBJECTS.map(|subject| (trouble, subject));
        let pairs: Vec<_> = Trouble::all().flat_map(both).collect();
        let rows = pairs
            .iter()
            .map(|(trouble, by)| Compared::new(*trouble, *by));
        Self {
            seeds,
            rows: Mutex::new(rows.collect()),
            pairs,
            runner: Runner::default(),
            next: AtomicU64::new(0),
        }
    }

    /// One thread's work, until nothing is left.
    fn work(&self) -> Result<(), CampaignError> {
        while let Some((index, seed)) = self.next_job() {
            let (trouble, subject) = self.pairs[index];
            let ran = run(&self.runner, subject, &with_only(trouble, seed))?;
            let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            rows[index].add(&ran);
        }
        Ok(())
    }

    /// Seed by seed: a seed's topology is deployed once for all its runs.
    fn next_job(&self) -> Option<(usize, u64)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let pairs = self.pairs.len() as u64;
        let seed = self.seeds.start.checked_add(number / pairs)?;
        let index = usize::try_from(number % pairs).ok()?;
        self.seeds.contains(&seed).then_some((index, seed))
    }

    fn result(self) -> Comparison {
        Comparison {
            seeds: self.seeds.end.saturating_sub(self.seeds.start),
            rows: self
                .rows
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_reference_must_pass() {
        for (subject, holds) in [(Subject::Turquoise, false), (Subject::Published, true)] {
            let mut row = Compared::new(Trouble::Calm, subject);
            row.failed = 1;
            let comparison = Comparison {
                seeds: 1,
                rows: vec![row],
            };
            assert_eq!(comparison.holds(), holds, "{subject}");
        }
    }
}
