//! The hunt for one mutant: seed after seed, until the oracle it belongs to catches it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::catalogue::Wave;
use super::{CampaignError, run};
use crate::invariant::Invariant;
use crate::mutants::Mutant;
use crate::run::Runner;
use crate::subject::Subject;

/// How a mutant fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    /// The mutant.
    pub mutant: String,
    /// Its catalogue entry.
    pub catalogue: String,
    /// When the catalogue wants it.
    pub wave: Wave,
    /// The invariants it belongs to.
    pub belongs_to: Vec<Invariant>,
    /// The invariants it violated, on the seed that killed it or on the last one that noticed it.
    pub violated: Vec<Invariant>,
    /// Those of them that it belongs to.
    pub by: Vec<Invariant>,
    /// Whether an oracle it belongs to caught it, in every range of seeds.
    pub killed: bool,
    /// The first seed on which it was caught.
    pub seed: Option<u64>,
    /// Scenarios it was tried on, in all ranges together.
    pub tried: u64,
    /// Scenarios that did not count, because the reference did not pass them.
    pub skipped: u64,
    /// Ranges of seeds it was hunted through.
    pub ranges: u64,
    /// Scenarios until it was caught, in each range in which it was.
    pub first_kills: Vec<u64>,
    /// The median of those, the upper one of two; absent where a range left it alive.
    pub median: Option<u64>,
}

impl Kill {
    fn new(mutant: &Mutant) -> Self {
        Self {
            mutant: mutant.id.to_owned(),
            catalogue: mutant.catalogue.to_owned(),
            wave: Wave::of(mutant.catalogue),
            belongs_to: mutant.oracles.to_vec(),
            violated: Vec::new(),
            by: Vec::new(),
            killed: false,
            seed: None,
            tried: 0,
            skipped: 0,
            ranges: 0,
            first_kills: Vec::new(),
            median: None,
        }
    }

    /// Whether only oracles caught it that it does not belong to: a warning.
    #[must_use]
    pub fn is_by_another(&self) -> bool {
        !self.killed && !self.violated.is_empty()
    }

    /// Closes the account once every range was hunted through.
    fn close(mut self) -> Self {
        self.killed = self.ranges > 0 && self.first_kills.len() as u64 == self.ranges;
        if self.killed {
            let mut sorted = self.first_kills.clone();
            sorted.sort_unstable();
            self.median = sorted.get(sorted.len() / 2).copied();
        }
        self
    }
}

/// Hunts a mutant through `seeds`.
///
/// # Errors
/// When a scenario's system cannot be set up.
pub fn hunt(
    runner: &Runner,
    mutant: &'static Mutant,
    seeds: Range<u64>,
) -> Result<Kill, CampaignError> {
    let mut hunt = Hunt::new(runner, mutant);
    hunt.through(seeds, &|| false)?;
    Ok(hunt.kill.close())
}

/// Hunts a mutant through several disjoint ranges of `length` seeds, from `first` on; `None` when
/// `stop` said so before the end.
pub(super) fn hunt_ranges(
    runner: &Runner,
    mutant: &'static Mutant,
    (first, length, ranges): (u64, u64, u64),
    stop: &dyn Fn() -> bool,
) -> Result<Option<Kill>, CampaignError> {
    let mut hunt = Hunt::new(runner, mutant);
    for range in 0..ranges {
        let start = first.saturating_add(length.saturating_mul(range));
        hunt.through(start..start.saturating_add(length), stop)?;
        if stop() {
            return Ok(None);
        }
    }
    Ok(Some(hunt.kill.close()))
}

struct Hunt<'a> {
    runner: &'a Runner,
    mutant: &'static Mutant,
    kill: Kill,
}

impl<'a> Hunt<'a> {
    fn new(runner: &'a Runner, mutant: &'static Mutant) -> Self {
        Self {
            runner,
            mutant,
            kill: Kill::new(mutant),
        }
    }

    /// Goes through one range until the mutant is caught.
    fn through(&mut self, seeds: Range<u64>, stop: &dyn Fn() -> bool) -> Result<(), CampaignError> {
        self.kill.ranges += 1;
        for (tried, seed) in (1..).zip(seeds) {
            if stop() {
                break;
            }
            self.kill.tried += 1;
            if self.catches(seed)? {
                self.kill.seed.get_or_insert(seed);
                self.kill.first_kills.push(tried);
                break;
            }
        }
        Ok(())
    }

    /// Whether an oracle it belongs to catches the mutant on a seed that the reference passes.
    fn catches(&mut self, seed: u64) -> Result<bool, CampaignError> {
        let scenario = self.mutant.exposed(seed);
        let mutated = run(self.runner, Subject::Mutant(self.mutant), &scenario)?;
        if mutated.verdict.violated.is_empty() {
            return Ok(false);
        }
        // The reference's run is paid only where there is something to count.
        let reference = run(self.runner, Subject::Turquoise, &scenario)?;
        if !reference.verdict.holds() {
            self.kill.skipped += 1;
            return Ok(false);
        }
        let violated: Vec<Invariant> = mutated.verdict.violated.keys().copied().collect();
        let own = |invariant: &&Invariant| self.mutant.oracles.contains(invariant);
        let by: Vec<Invariant> = violated.iter().filter(own).copied().collect();
        let caught = !by.is_empty();
        // What the table shows is its first kill, or else the last that somebody noticed.
        if self.kill.first_kills.is_empty() {
            (self.kill.violated, self.kill.by) = (violated, by);
        }
        Ok(caught)
    }
}
