//! The hunt for one mutant: seed after seed, until the oracle that the catalogue names catches it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::catalogue::{Wave, named};
use super::{CampaignError, run};
use crate::invariant::Invariant;
use crate::mutants::Mutant;
use crate::run::Runner;
use crate::subject::Subject;

/// Once an oracle that a mutant belongs to has caught it, so many more scenarios are tried for one
/// that the catalogue names. Most mutants show both on their first.
const RIGHT_WITHIN: u64 = 100;

/// How a mutant fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    /// The mutant.
    pub mutant: String,
    /// Its catalogue entry.
    pub catalogue: String,
    /// When the catalogue wants it.
    pub wave: Wave,
    /// The invariants that the catalogue says its entry breaks: the right oracles.
    pub named: Vec<Invariant>,
    /// The invariants it belongs to: those, and where what it does may show first.
    pub belongs_to: Vec<Invariant>,
    /// Whether its fault is one of a world that it alone meets; the reference runs without it.
    pub own_world: bool,
    /// The invariants it violated, on the seed that killed it or on the first one that noticed it.
    pub violated: Vec<Invariant>,
    /// Those of them that it belongs to.
    pub by: Vec<Invariant>,
    /// Whether an oracle it belongs to caught it, in every range of seeds.
    pub killed: bool,
    /// Whether a right oracle did, in every range of seeds.
    pub right: bool,
    /// The first seed on which it was caught, by a right oracle if one caught it.
    pub seed: Option<u64>,
    /// Scenarios it was tried on, in all ranges together.
    pub tried: u64,
    /// Scenarios that did not count, because the reference did not pass them.
    pub skipped: u64,
    /// Ranges of seeds it was hunted through.
    pub ranges: u64,
    /// Scenarios until it was caught, in each range in which it was; by a right oracle if one did.
    pub first_kills: Vec<u64>,
    /// The median of those, the upper one of two; absent where a range left it alive.
    pub median: Option<u64>,
}

impl Kill {
    fn new(mutant: &Mutant) -> Self {
        let named = named(mutant.catalogue);
        let mut belongs_to = named.clone();
        let more = mutant.oracles.iter().filter(|own| !named.contains(own));
        belongs_to.extend(more);
        Self {
            mutant: mutant.id.to_owned(),
            catalogue: mutant.catalogue.to_owned(),
            wave: Wave::of(mutant.catalogue),
            named,
            belongs_to,
            own_world: mutant.has_own_world(),
            violated: Vec::new(),
            by: Vec::new(),
            killed: false,
            right: false,
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
    fn close(mut self, right: u64) -> Self {
        self.killed = self.ranges > 0 && self.first_kills.len() as u64 == self.ranges;
        self.right = self.killed && right == self.ranges;
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
    Ok(hunt.close())
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
    Ok(Some(hunt.close()))
}

struct Hunt<'a> {
    runner: &'a Runner,
    mutant: &'static Mutant,
    kill: Kill,
    /// Ranges in which a right oracle caught it.
    right: u64,
}

/// Who noticed a mutant, from the least to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Noticed {
    /// An oracle it does not belong to.
    Another,
    /// One it belongs to.
    Own,
    /// One that the catalogue names.
    Named,
}

/// A seed on which a mutant was noticed.
struct Catch {
    seed: u64,
    tried: u64,
    noticed: Noticed,
    violated: Vec<Invariant>,
}

impl<'a> Hunt<'a> {
    fn new(runner: &'a Runner, mutant: &'static Mutant) -> Self {
        Self {
            runner,
            mutant,
            kill: Kill::new(mutant),
            right: 0,
        }
    }

    fn close(self) -> Kill {
        self.kill.close(self.right)
    }

    /// Goes through one range until a right oracle catches the mutant, or another it belongs to did
    /// and no right one follows.
    fn through(&mut self, seeds: Range<u64>, stop: &dyn Fn() -> bool) -> Result<(), CampaignError> {
        self.kill.ranges += 1;
        let mut best: Option<Catch> = None;
        for (tried, seed) in (1..).zip(seeds) {
            let settled = best.as_ref().is_some_and(|best| is_settled(best, tried));
            if settled || stop() {
                break;
            }
            self.kill.tried += 1;
            let catch = self.catch(seed, tried)?;
            let noticed = best.as_ref().map(|best| best.noticed);
            if catch.as_ref().map(|catch| catch.noticed) > noticed {
                best = catch;
            }
        }
        if let Some(best) = best {
            self.note(best);
        }
        Ok(())
    }

    /// What the mutant violated on a seed that the reference passes.
    fn catch(&mut self, seed: u64, tried: u64) -> Result<Option<Catch>, CampaignError> {
        let scenario = self.mutant.exposed(seed);
        let mutated = run(self.runner, Subject::Mutant(self.mutant), &scenario)?;
        if mutated.verdict.violated.is_empty() {
            return Ok(None);
        }
        // The reference's run is paid only where there is something to count.
        let reference = run(self.runner, Subject::Turquoise, &scenario)?;
        if !reference.verdict.holds() {
            self.kill.skipped += 1;
            return Ok(None);
        }
        let violated: Vec<Invariant> = mutated.verdict.violated.keys().copied().collect();
        let any_of = |list: &[Invariant]| violated.iter().any(|broken| list.contains(broken));
        let noticed = if any_of(&self.kill.named) {
            Noticed::Named
        } else if any_of(&self.kill.belongs_to) {
            Noticed::Own
        } else {
            Noticed::Another
        };
        Ok(Some(Catch {
            seed,
            tried,
            noticed,
            violated,
        }))
    }

    /// Enters a range's best catch; the table shows the first range's.
    fn note(&mut self, best: Catch) {
        let first = self.kill.first_kills.is_empty();
        if best.noticed > Noticed::Another {
            self.kill.seed.get_or_insert(best.seed);
            self.kill.first_kills.push(best.tried);
            self.right += u64::from(best.noticed == Noticed::Named);
        }
        if first {
            let own = |broken: &&Invariant| self.kill.belongs_to.contains(broken);
            self.kill.by = best.violated.iter().filter(own).copied().collect();
            self.kill.violated = best.violated;
        }
    }
}

/// Whether nothing better is looked for after so many scenarios.
fn is_settled(best: &Catch, tried: u64) -> bool {
    match best.noticed {
        Noticed::Named => true,
        Noticed::Own => tried > best.tried + RIGHT_WITHIN,
        Noticed::Another => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::Invariant::{L, Q, S};

    /// The only ones that meet their oracle, and those of the first wave that show elsewhere too.
    const RIGHT: [(&str, Invariant); 9] = [
        ("mixed-for-long", Q(5)),
        ("drain-forever", L(5)),
        ("put-cuts-streams", Q(7)),
        ("flip-flop", S(7)),
        ("upload", Q(6)),
        ("zombie-writer", S(14)),
        ("token-expiry", L(1)),
        ("lro-timeout", S(16)),
        ("propagation-remove", S(2)),
    ];

    #[test]
    fn the_oracle_that_the_catalogue_names_catches_these() {
        let runner = Runner::default();
        for (id, right) in RIGHT {
            let mutant = Mutant::by_id(id).expect("a mutant of that name");
            let kill = hunt(&runner, mutant, 0..20).unwrap_or_else(|error| panic!("{error}"));
            assert!(kill.killed && kill.violated.contains(&right), "{kill:?}");
        }
    }
}
