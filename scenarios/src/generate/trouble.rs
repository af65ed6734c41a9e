//! Scenarios in which exactly one thing goes wrong, to compare orchestrators under each fault.
//!
//! Under one seed, topology, traffic and latency are the same for every [`Trouble`]: what differs
//! between two rows of a comparison is the trouble, or who swaps.

use turquoise_emulator::Seed;

use super::draw::draw;
use super::{FaultFamily, calm, fault};
use crate::scenario::{ForeignWrite, Moment, Scenario};

/// What goes wrong in a scenario: nothing, or one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    Calm,
    /// One fault of the cloud.
    Fault(FaultFamily),
    /// Another pipeline writes to the gateway once.
    Foreign(Moment),
}

impl Trouble {
    /// Every trouble, nothing first.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_the_cloud = |family: &FaultFamily| *family != FaultFamily::ForeignWriter;
        let faults = FaultFamily::COMPARED.into_iter().filter(of_the_cloud);
        let foreign = [Moment::Before, Moment::During].map(Self::Foreign);
        std::iter::once(Self::Calm)
            .chain(faults.map(Self::Fault))
            .chain(foreign)
    }

    /// Its name in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Fault(family) => family.name(),
            Self::Foreign(Moment::Before) => "foreign_write_before",
            Self::Foreign(Moment::During) => "foreign_write_during",
        }
    }

    /// What happens, in half a line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Calm => "nothing goes wrong",
            Self::Fault(FaultFamily::Refusals) => "ARM refuses: 429, 409, 500, 503",
            Self::Fault(FaultFamily::Resets) => "connections to ARM end before a request acts",
            Self::Fault(FaultFamily::LostReplies) => {
                "requests to ARM act, and their answers are lost"
            }
            Self::Fault(FaultFamily::SlowOperations) => "operations take up to ten minutes longer",
            Self::Fault(FaultFamily::FailedOperations) => "an operation is accepted and fails",
            Self::Fault(FaultFamily::LateActivations) => {
                "a gateway instance applies configurations late, also after success was reported"
            }
            Self::Fault(FaultFamily::SickInstances) => {
                "instances of the new side are sick for a while"
            }
            Self::Fault(FaultFamily::Kills) => "instances of the new side vanish",
            Self::Fault(FaultFamily::SlowStarts) => "new instances start slowly",
            Self::Fault(FaultFamily::ForeignWriter) => "another pipeline writes to the gateway",
            Self::Fault(_) => "not compared by itself",
            Self::Foreign(Moment::Before) => {
                "another pipeline writes to the gateway between the orchestrator's read and its write"
            }
            Self::Foreign(Moment::During) => {
                "another pipeline writes to the gateway while the orchestrator's write still runs"
            }
        }
    }
}

/// The calm scenario of a seed with exactly this trouble in it.
#[must_use]
pub fn with_only(trouble: Trouble, seed: u64) -> Scenario {
    let mut scenario = calm(seed);
    let root = Seed::new(seed).child("trouble");
    match trouble {
        Trouble::Calm => {}
        Trouble::Fault(family) => {
            let one = fault::one(root, family, &scenario.topology);
            scenario.faults.extend(one);
        }
        Trouble::Foreign(moment) => scenario.foreign.push(ForeignWrite {
            write: draw(root.child("foreign"), &(1..=2_u32)),
            moment,
            pool: "foreign-1".to_owned(),
        }),
    }
    scenario
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_trouble_has_its_own_name() {
        let names: BTreeSet<_> = Trouble::all().map(Trouble::name).collect();
        assert_eq!(names.len(), Trouble::all().count());
        assert_eq!(names.len(), FaultFamily::COMPARED.len() + 2);
    }

    #[test]
    fn exactly_one_thing_goes_wrong_and_all_else_is_the_calm_scenario() {
        for (trouble, seed) in Trouble::all().flat_map(|t| (0..50).map(move |seed| (t, seed))) {
            let mut scenario = with_only(trouble, seed);
            let (faults, foreign) = (scenario.faults.len(), scenario.foreign.len());
            let expected = match trouble {
                Trouble::Calm => (0, 0),
                Trouble::Fault(_) => (1, 0),
                Trouble::Foreign(_) => (0, 1),
            };
            assert_eq!((faults, foreign), expected, "{trouble:?}, seed {seed}");
            scenario.faults.clear();
            scenario.foreign.clear();
            assert_eq!(scenario, calm(seed));
        }
    }
}
