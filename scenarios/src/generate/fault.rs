//! What goes wrong: a swarm of kinds per seed, then concrete faults of those kinds.
//!
//! A fault is declined when no orchestrator could survive it, such as killing a machine of the live
//! side with requests on it: a loss there would accuse nobody. Declined draws are counted.

use serde::{Deserialize, Serialize};
use turquoise_emulator::Seed;
use turquoise_emulator::faults::{Fault, FaultKind, Matches, Sickness};

use super::{pick, small};
use crate::scenario::Topology;
use crate::world::names;

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
    /// The new side's instances are sick for a while.
    SickInstances,
    /// Instances vanish.
    Kills,
    /// New instances start slowly.
    SlowStarts,
    /// Another pipeline writes to the gateway.
    ForeignWriter,
}

/// Faults and how many were declined.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Drawn {
    pub(super) faults: Vec<Fault>,
    pub(super) declined: u32,
}

/// Longer than any run.
const FOR_EVER_MS: u64 = 100_000_000;

/// One draw in four is declined at most, so that all of these are once in 4^32 seeds.
const ATTEMPTS: u64 = 32;

/// A swap without faults takes three to ten minutes; faults begin within that.
const WINDOW_MS: u32 = 400_000;

impl FaultFamily {
    /// Every family.
    pub const ALL: [Self; 10] = [
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
        }
    }

    /// Each family on with probability one half; one seed in eight stays calm.
    pub(super) fn swarm(seed: Seed) -> Vec<Self> {
        if seed.child("calm").below(8) == 0 {
            return Vec::new();
        }
        let on = |family: &Self| seed.child(&format!("{family:?}")).below(2) == 1;
        Self::ALL.into_iter().filter(on).collect()
    }

    fn draw(self, seed: Seed, topology: &Topology) -> Option<FaultKind> {
        let count = 1 + small(seed.child("count"), 3);
        let on = target(seed.child("target"));
        Some(match self {
            Self::Refusals => refusal(seed, on, count),
            Self::Resets => FaultKind::ResetBefore { on, count },
            Self::LostReplies => FaultKind::ReplyLost { on, count },
            Self::SlowOperations => FaultKind::SlowOperation {
                on: write_target(seed.child("target")),
                extra_ms: u64::from(5_000 + small(seed.child("extra"), 600_000)),
                count,
            },
            Self::FailedOperations => FaultKind::FailOperation {
                on: write_target(seed.child("target")),
                code: "InternalServerError".to_owned(),
                count: 1,
            },
            Self::LateActivations => FaultKind::LateActivation {
                instance: u16::try_from(small(
                    seed.child("instance"),
                    u32::from(topology.gateway_instances),
                ))
                .unwrap_or_default(),
                extra_ms: u64::from(5_000 + small(seed.child("extra"), 120_000)),
                count,
            },
            Self::SickInstances => return sick(seed),
            Self::Kills => return kill(seed, topology),
            Self::SlowStarts => FaultKind::SlowStart {
                scale_set: names::NEW_SCALE_SET.to_owned(),
                extra_ms: u64::from(5_000 + small(seed.child("extra"), 120_000)),
                for_ms: 600_000,
            },
            Self::ForeignWriter => return None,
        })
    }

    /// How many faults of this kind a seed gets.
    fn how_many(self, seed: Seed) -> u64 {
        match self {
            // Azure does not replace a machine that is gone, so the gate refuses every time: seldom.
            Self::Kills => u64::from(seed.below(4) == 0),
            _ => 1 + seed.below(2),
        }
    }

    /// When such a fault may begin.
    fn begins(self, seed: Seed) -> u64 {
        match self {
            // Machines that fail later would fail with requests on them.
            Self::SickInstances | Self::Kills | Self::SlowStarts => 0,
            _ => u64::from(small(seed, WINDOW_MS)),
        }
    }
}

pub(super) fn draw(seed: Seed, swarm: &[FaultFamily], topology: &Topology) -> Drawn {
    let mut drawn = Drawn {
        faults: Vec::new(),
        declined: 0,
    };
    for family in swarm {
        let family_seed = seed.child(&format!("{family:?}"));
        for index in 0..family.how_many(family_seed.child("how many")) {
            let seed = family_seed.at(index);
            let at_ms = family.begins(seed.child("at"));
            match family.draw(seed, topology) {
                Some(kind) => drawn.faults.push(Fault { at_ms, kind }),
                None if *family == FaultFamily::ForeignWriter => {}
                None => drawn.declined += 1,
            }
        }
    }
    drawn
}

/// One fault of a family, armed when the swap begins: a quick orchestrator meets it as well as a slow
/// one. None for a family that is no fault of the cloud.
pub(super) fn one(seed: Seed, family: FaultFamily, topology: &Topology) -> Option<Fault> {
    let seed = seed.child(family.name());
    let kind = (0..ATTEMPTS).find_map(|index| family.draw(seed.at(index), topology))?;
    Some(Fault { at_ms: 0, kind })
}

/// Which requests: mostly those of the swap itself.
fn target(seed: Seed) -> Matches {
    let (method, path) = pick(
        seed,
        &[
            ("PUT", "applicationGateways"),
            ("PUT", "applicationGateways"),
            ("GET", "applicationGateways"),
            ("POST", "backendhealth"),
            ("GET", "operations"),
            ("GET", "virtualMachineScaleSets"),
            ("PATCH", "virtualMachineScaleSets"),
            ("PUT", "autoscalesettings"),
            ("", ""),
        ],
    );
    matches(method, path)
}

fn write_target(seed: Seed) -> Matches {
    let (method, path) = pick(
        seed,
        &[
            ("PUT", "applicationGateways"),
            ("PUT", "applicationGateways"),
            ("POST", "backendhealth"),
            ("PATCH", "virtualMachineScaleSets"),
        ],
    );
    matches(method, path)
}

fn matches(method: &str, path: &str) -> Matches {
    Matches {
        method: method.to_owned(),
        path: path.to_owned(),
    }
}

fn refusal(seed: Seed, on: Matches, count: u32) -> FaultKind {
    let (status, code) = pick(
        seed.child("status"),
        &[
            (429, "RetryableError"),
            (429, "TooManyRequests"),
            (409, "AnotherOperationInProgress"),
            (500, "InternalServerError"),
            (503, "ServiceUnavailable"),
        ],
    );
    FaultKind::Refuse {
        on,
        status,
        code: code.to_owned(),
        retry_after: pick(
            seed.child("retry after"),
            &[None, Some(1), Some(10), Some(30)],
        ),
        count,
    }
}

/// Only the new side, and from the start: it must not be swapped in before it has recovered.
fn sick(seed: Seed) -> Option<FaultKind> {
    if seed.child("side").below(4) == 0 {
        return None; // The live side: nobody could keep its requests.
    }
    Some(FaultKind::Sick {
        scale_set: names::NEW_SCALE_SET.to_owned(),
        percent: pick(seed.child("percent"), &[20, 50, 100]),
        how: pick(
            seed.child("how"),
            &[Sickness::Errors, Sickness::Hangs, Sickness::Refuses],
        ),
        for_ms: pick(
            seed.child("for"),
            &[30_000, 60_000, 120_000, 300_000, FOR_EVER_MS],
        ),
    })
}

/// Only the idle side: a machine killed with requests on it loses them, whoever swaps.
fn kill(seed: Seed, topology: &Topology) -> Option<FaultKind> {
    if seed.child("side").below(4) == 0 {
        return None;
    }
    Some(FaultKind::Kill {
        scale_set: names::NEW_SCALE_SET.to_owned(),
        count: 1 + small(seed.child("killed"), topology.new_instances),
    })
}
