//! Scenarios from seeds.
//!
//! Every choice hangs on its own node of the seed tree, so that adding a choice here moves no
//! other. Which kinds of fault exist at all is drawn first, per seed (swarm testing: it found the
//! hardest prototype mutant 5.6 times earlier than "everything at once", simulation.md A5). What is
//! generated is concrete: nothing throws dice about whether to fail once a scenario runs.

mod fault;
mod topology;
mod traffic;
mod trouble;

use turquoise_emulator::Seed;

use crate::scenario::{
    Answers, Azure, Builds, Clocks, ForeignWrite, Identity, Latency, Moment, Quirks, Scenario,
    Storage, VERSION,
};

pub use fault::FaultFamily;
pub use trouble::{Trouble, with_only};

/// A scenario and what its generation left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The scenario.
    pub scenario: Scenario,
    /// The kinds of fault this seed's swarm allowed.
    pub swarm: Vec<FaultFamily>,
    /// Faults that were drawn and declined, because no orchestrator could survive them.
    pub declined: u32,
}

/// The scenario of a seed.
#[must_use]
pub fn scenario(seed: u64) -> Generated {
    let root = Seed::new(seed).child("scenario");
    let topology = topology::draw(root.child("topology"));
    let traffic = traffic::draw(root.child("traffic"), &topology);
    let swarm = FaultFamily::swarm(root.child("swarm"));
    let drawn = fault::draw(root.child("faults"), &swarm, &topology);
    Generated {
        scenario: Scenario {
            quirks: Quirks::default(),
            version: VERSION,
            seed,
            traffic,
            latency: latency(root.child("latency")),
            azure: Azure::Pessimistic,
            answers: Answers::default(),
            faults: drawn.faults,
            foreign: foreign(root.child("foreign"), &swarm),
            builds: Builds::default(),
            actors: Vec::new(),
            crashes: Vec::new(),
            pauses: Vec::new(),
            orders: Vec::new(),
            storage: Storage::default(),
            identity: Identity::default(),
            clocks: Clocks::default(),
            heal_ms: 0,
            topology,
        },
        swarm,
        declined: drawn.declined,
    }
}

/// A scenario in which nothing goes wrong: what mutants that need no fault are judged on.
#[must_use]
pub fn calm(seed: u64) -> Scenario {
    Scenario {
        faults: Vec::new(),
        foreign: Vec::new(),
        ..scenario(seed).scenario
    }
}

/// One way 20–400 ms: an ARM read has a median of 150 ms (azure-facts.md §8).
fn latency(seed: Seed) -> Latency {
    let min_ms = 20 + small(seed.child("min"), 60);
    Latency {
        min_ms,
        max_ms: min_ms + small(seed.child("spread"), 320),
    }
}

fn foreign(seed: Seed, swarm: &[FaultFamily]) -> Vec<ForeignWrite> {
    if !swarm.contains(&FaultFamily::ForeignWriter) {
        return Vec::new();
    }
    let count = 1 + small(seed.child("count"), 2);
    (1..=count)
        .map(|number| ForeignWrite {
            write: number,
            moment: pick(
                seed.child("moment").at(u64::from(number)),
                &[Moment::Before, Moment::During],
            ),
            pool: format!("foreign-{number}"),
        })
        .collect()
}

/// A uniform draw in `0..bound`.
fn small(seed: Seed, bound: u32) -> u32 {
    u32::try_from(seed.below(u64::from(bound))).unwrap_or_default()
}

/// One of several, uniformly.
fn pick<T: Copy>(seed: Seed, choices: &[T]) -> T {
    let count = u64::try_from(choices.len()).unwrap_or(1);
    choices[usize::try_from(seed.below(count)).unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_scenario() {
        for seed in 0..100 {
            assert_eq!(scenario(seed), scenario(seed));
        }
    }

    #[test]
    fn each_kind_of_fault_is_on_in_nearly_half_of_the_seeds() {
        for family in FaultFamily::ALL {
            let on = (0..1000)
                .filter(|seed| scenario(*seed).swarm.contains(&family))
                .count();
            assert!((380..500).contains(&on), "{family:?}: {on} of 1000");
        }
    }

    #[test]
    fn a_thousand_seeds_reach_every_kind_of_fault_and_many_topologies() {
        let all: Vec<_> = (0..1000).map(|seed| scenario(seed).scenario).collect();
        let faults: BTreeSet<_> = all
            .iter()
            .flat_map(|s| s.faults.iter().map(|f| f.kind.name()))
            .collect();
        assert_eq!(faults.len(), 9, "{faults:?}");
        let topologies: BTreeSet<_> = all.iter().map(|s| s.topology.clone()).collect();
        assert!(topologies.len() > 50, "{}", topologies.len());
        assert!(all.iter().any(|s| s.faults.is_empty()));
    }

    #[test]
    fn a_calm_scenario_differs_from_its_own_only_by_the_faults() {
        let (calm, stormy) = (calm(4), scenario(4).scenario);
        assert!(calm.faults.is_empty() && calm.foreign.is_empty());
        assert_eq!(calm.topology, stormy.topology);
        assert_eq!(calm.traffic, stormy.traffic);
    }
}
