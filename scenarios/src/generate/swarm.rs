//! Which kinds of trouble exist in a scenario at all.
//!
//! Swarm testing found the hardest prototype mutant 5.6 times earlier than "everything at once"
//! (simulation.md A5). How crowded a swarm is, is drawn first: with as many kinds as there are,
//! half of them on would leave no swap standing.

use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use serde::{Deserialize, Serialize};

/// A kind of trouble that a seed's swarm switches on or off as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultFamily {
    /// ARM refuses: 429, 409, 500, 503.
    Refusals,
    /// Connections end before a request acts.
    Resets,
    /// Requests act and their answers are lost.
    LostReplies,
    /// Operations take long.
    SlowOperations,
    /// Operations fail.
    FailedOperations,
    /// Gateway instances apply configurations late.
    LateActivations,
    /// Instances are sick for a while.
    SickInstances,
    /// Instances vanish.
    Kills,
    /// New instances start slowly.
    SlowStarts,
    /// Another pipeline writes to the gateway.
    ForeignWriter,
    /// ARM throttles everything for a while.
    ThrottleStorms,
    /// ARM is out of reach.
    Outages,
    /// Reads of the gateway lag behind.
    StaleReads,
    /// Writes are answered 200 with `Updating`.
    BareAnswers,
    /// Writes fail and are applied by some gateway instances.
    HalfFailures,
    /// What exists is not found for a while.
    NotFounds,
    /// Scale-outs get part of what they ask for.
    PartialGrants,
    /// Backend health leaves a member out.
    HealthGaps,
    /// People, other teams, infrastructure as code, the platform.
    Actors,
    /// Other orchestrators.
    Orchestrators,
    /// Processes die.
    Crashes,
    /// Processes freeze.
    Pauses,
    /// Somebody interrupts, aborts or rolls back.
    Orders,
    /// The store of lease and journal fails.
    Storage,
    /// Tokens end and cannot be renewed.
    Identity,
    /// Wall clocks jump.
    Clocks,
}

impl FaultFamily {
    /// Every family.
    pub const ALL: [Self; 26] = [
        Self::Refusals,
        Self::Resets,
        Self::LostReplies,
        Self::SlowOperations,
        Self::FailedOperations,
        Self::LateActivations,
        Self::SickInstances,
        Self::Kills,
        Self::SlowStarts,
        Self::ForeignWriter,
        Self::ThrottleStorms,
        Self::Outages,
        Self::StaleReads,
        Self::BareAnswers,
        Self::HalfFailures,
        Self::NotFounds,
        Self::PartialGrants,
        Self::HealthGaps,
        Self::Actors,
        Self::Orchestrators,
        Self::Crashes,
        Self::Pauses,
        Self::Orders,
        Self::Storage,
        Self::Identity,
        Self::Clocks,
    ];

    /// The families under which orchestrators of any kind are compared one by one: what any script
    /// of its time met.
    pub const COMPARED: [Self; 10] = [
        Self::Refusals,
        Self::Resets,
        Self::LostReplies,
        Self::SlowOperations,
        Self::FailedOperations,
        Self::LateActivations,
        Self::SickInstances,
        Self::Kills,
        Self::SlowStarts,
        Self::ForeignWriter,
    ];

    /// Its name in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refusals => "refusals",
            Self::Resets => "resets",
            Self::LostReplies => "lost_replies",
            Self::SlowOperations => "slow_operations",
            Self::FailedOperations => "failed_operations",
            Self::LateActivations => "late_activations",
            Self::SickInstances => "sick_instances",
            Self::Kills => "kills",
            Self::SlowStarts => "slow_starts",
            Self::ForeignWriter => "foreign_writer",
            Self::ThrottleStorms => "throttle_storms",
            Self::Outages => "outages",
            Self::StaleReads => "stale_reads",
            Self::BareAnswers => "bare_answers",
            Self::HalfFailures => "half_failures",
            Self::NotFounds => "not_founds",
            Self::PartialGrants => "partial_grants",
            Self::HealthGaps => "health_gaps",
            Self::Actors => "actors",
            Self::Orchestrators => "orchestrators",
            Self::Crashes => "crashes",
            Self::Pauses => "pauses",
            Self::Orders => "orders",
            Self::Storage => "storage",
            Self::Identity => "identity",
            Self::Clocks => "clocks",
        }
    }
}

/// One seed in eight stays calm; else each family is on with one and the same probability, which is
/// small, middling or large.
pub(super) fn swarms() -> BoxedStrategy<Vec<FaultFamily>> {
    let density = prop_oneof![
        1 => Just(0_u32),
        3 => Just(8),
        3 => Just(20),
        1 => Just(45),
    ];
    density
        .prop_flat_map(|percent| {
            let on = |family: FaultFamily| {
                (0..100_u32).prop_map(move |draw| (draw < percent).then_some(family))
            };
            FaultFamily::ALL.map(on).to_vec()
        })
        .prop_map(|on| on.into_iter().flatten().collect())
        .boxed()
}
