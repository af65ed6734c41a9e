//! A scenario: everything about one run, as data that can be written down and read back.
//!
//! Generators make scenarios, worlds run them, shrinking edits them, and `corpus/` keeps the ones
//! that once failed. All choices are made here: a run draws only what is keyed by the seed, such as
//! latencies and arrivals.

mod actor;
mod answers;
mod builds;
mod process;
mod quirks;
mod surroundings;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turquoise_emulator::faults::Fault;
use turquoise_emulator::ledger::{ConnectionClass, RequestClass};

use crate::clients::Profile;
use crate::clients::profile::Share;
use crate::observation::{Role, Sessions};

pub use actor::{Act, Actor, Goal, Second, Verb};
pub use answers::Answers;
pub use builds::{Build, Builds, Service};
pub use process::{Crash, Effect, Order, Pause, Point, Want};
pub use quirks::Quirks;
pub use surroundings::{
    ClockJump, Clocks, Identity, Outage, Storage, StorageFault, StorageTrouble, Stored,
};

/// The version of this data that this build writes and reads.
pub const VERSION: u32 = 2;

/// One run of one orchestrator, or of several, in one world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// Root of everything that is drawn while the scenario runs.
    pub seed: u64,
    /// What is deployed before the swap begins.
    pub topology: Topology,
    /// The load.
    pub traffic: Traffic,
    /// How long ARM requests and their answers travel.
    pub latency: Latency,
    /// How Azure behaves where evidence leaves it open (azure-facts.md §9).
    pub azure: Azure,
    /// What Azure answers otherwise than that.
    #[serde(default)]
    pub answers: Answers,
    /// What goes wrong; times count from the swap's start.
    pub faults: Vec<Fault>,
    /// Who else writes to the gateway around the orchestrator's own writes.
    #[serde(default)]
    pub foreign: Vec<ForeignWrite>,
    /// What the two sides run.
    #[serde(default)]
    pub builds: Builds,
    /// Where Azure differs from its profile.
    #[serde(default, skip_serializing_if = "Quirks::is_empty")]
    pub quirks: Quirks,
    /// Who else acts, at times of their own.
    #[serde(default)]
    pub actors: Vec<Actor>,
    /// Where processes die.
    #[serde(default)]
    pub crashes: Vec<Crash>,
    /// Where processes stand still.
    #[serde(default)]
    pub pauses: Vec<Pause>,
    /// What is wanted of the orchestrator on its way.
    #[serde(default)]
    pub orders: Vec<Order>,
    /// The store of lease and journal.
    #[serde(default)]
    pub storage: Storage,
    /// Bearer tokens.
    #[serde(default)]
    pub identity: Identity,
    /// Wall clocks.
    #[serde(default)]
    pub clocks: Clocks,
    /// From when on nothing goes wrong any more, from the swap's start, in milliseconds: storm, then
    /// heal, then progress is demanded (L1).
    #[serde(default)]
    pub heal_ms: u64,
}

/// The deployed system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Instances of the gateway.
    pub gateway_instances: u16,
    /// Instances of the live side.
    pub old_instances: u32,
    /// Instances of the idle side before the swap.
    pub new_instances: u32,
    /// How the gateway probes its members.
    pub gateway_probe: ProbeTimes,
    /// The gateway's drain and request time-outs, in seconds; one without the other would cut
    /// requests that are still allowed to run (azure-facts.md §5.5).
    pub drain_s: u32,
    /// Whether scale sets scale by themselves.
    pub autoscale: bool,
    /// Requests an instance works on at a time.
    pub workers: u32,
    /// Mean time a short request takes a worker, in milliseconds.
    pub service_ms: u32,
    /// Whether the gateway binds each client to a member by a cookie (F49).
    #[serde(default, skip_serializing_if = "is_off")]
    pub affinity: bool,
    /// What people have changed by hand since it was deployed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
}

/// A change by hand to the deployed system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "drift", rename_all = "snake_case", deny_unknown_fields)]
pub enum Drift {
    /// A side's load balancer asks its machines by TCP, which any open port answers (F05, F19).
    TcpProbe {
        /// Whose.
        side: Role,
    },
}

/// A probe's rhythm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeTimes {
    /// Seconds between probes.
    pub interval_s: u32,
    /// Seconds a probe may take.
    pub timeout_s: u32,
    /// Failures that mark a member down.
    pub threshold: u32,
}

/// Open-loop traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// What clients do.
    pub profile: Profile,
    /// Seconds of steady traffic before the swap: the baseline.
    pub before_s: u32,
    /// Seconds of traffic after the orchestrator has ended.
    pub after_s: u32,
    /// Whether a user who saw the new side may see the old one again before the swap's second
    /// write is confirmed (S7).
    #[serde(default, skip_serializing_if = "Sessions::is_mixed")]
    pub sessions: Sessions,
}

/// The range of one-way travel times between the orchestrator and Azure, in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// The shortest.
    pub min_ms: u32,
    /// The longest, included.
    pub max_ms: u32,
}

/// How Azure behaves where evidence leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Azure {
    /// The worst that evidence allows: the default for scenarios (H09).
    #[default]
    Pessimistic,
    /// As observed (azure-facts.md §8).
    Calibrated,
    /// The best; a run with it is no evidence.
    Nice,
}

impl Azure {
    /// The name in commands and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pessimistic => "pessimistic",
            Self::Calibrated => "calibrated",
            Self::Nice => "nice",
        }
    }

    /// Whether a run under it says anything (H09).
    #[must_use]
    pub const fn is_evidence(self) -> bool {
        !matches!(self, Self::Nice)
    }
}

/// Another pipeline writes to the gateway at the worst moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignWrite {
    /// Around the orchestrator's gateway write of this number, from 1.
    pub write: u32,
    /// Which moment of it.
    pub moment: Moment,
    /// The pool it adds; its own, which the orchestrator must not touch.
    pub pool: String,
}

/// When another pipeline writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Between the orchestrator's read and its write (F58).
    Before,
    /// While the orchestrator's accepted write still runs, which it supersedes (F61).
    During,
}

/// Why a text is not a scenario.
#[derive(Debug, thiserror::Error)]
pub enum InvalidScenario {
    /// It is not JSON of this shape.
    #[error("not a scenario")]
    Json(#[from] serde_json::Error),
    /// It was written by another version.
    #[error("scenario version {found} cannot be read by this build, which reads {VERSION}")]
    Version {
        /// The version it names.
        found: u32,
    },
}

impl Scenario {
    /// Whether one process on one machine is all there is: nobody else acts, nothing crashes.
    #[must_use]
    pub fn is_solo(&self) -> bool {
        self.actors.is_empty()
            && self.crashes.is_empty()
            && self.pauses.is_empty()
            && self.orders.is_empty()
    }

    /// Reads what [`Scenario::to_json`] wrote.
    ///
    /// # Errors
    /// When the text is no scenario of this version.
    pub fn from_json(text: &str) -> Result<Self, InvalidScenario> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let Head { version: found } = serde_json::from_str(text)?;
        if found != VERSION {
            return Err(InvalidScenario::Version { found });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The scenario for people and for replay.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("because a scenario holds only numbers, texts and lists");
        text.push('\n');
        text
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks by reference whether to skip a member"
)]
const fn is_off(flag: &bool) -> bool {
    !*flag
}

impl Traffic {
    /// Leaves out the classes of request that take long by themselves.
    pub fn without_long_work(&mut self) {
        let short =
            |share: &Share| share.class.is_short() || matches!(share.class, RequestClass::Job);
        self.profile.mix.retain(short);
    }

    /// Makes about one request in five one of this kind.
    pub fn with_much(&mut self, class: RequestClass, connection: ConnectionClass) {
        let total: u32 = self.profile.mix.iter().map(|share| share.weight).sum();
        self.profile.mix.push(Share {
            class,
            connection,
            weight: total.div_ceil(4),
        });
    }

    /// Keeps about so many streams open at a time, beside everything else.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a weight of some thousands, rounded up"
    )]
    pub fn with_open_streams(&mut self, open: u32) {
        let profile = &mut self.profile;
        let (shortest, longest) = profile.stream_ms;
        let mean_s = Duration::from_millis(shortest.midpoint(longest)).as_secs_f64();
        let begin = f64::from(open) / mean_s;
        let total: u32 = profile.mix.iter().map(|share| share.weight).sum();
        let weight = f64::from(total) * begin / profile.rate;
        profile.rate += begin;
        profile.mix.push(Share {
            class: RequestClass::WebSocket,
            connection: ConnectionClass::New,
            weight: weight.ceil() as u32,
        });
    }

    /// Makes one request in five a long one, of up to `longest_ms`.
    pub fn with_much_long_work(&mut self, longest_ms: u64) {
        self.without_long_work();
        let total: u32 = self.profile.mix.iter().map(|share| share.weight).sum();
        for connection in [ConnectionClass::New, ConnectionClass::Reused] {
            self.profile.mix.push(Share {
                class: RequestClass::Long,
                connection,
                weight: total.div_ceil(8),
            });
        }
        self.profile.long_ms = (longest_ms / 2, longest_ms);
    }
}

impl ProbeTimes {
    /// 5 s, 5 s, twice: what azure-facts.md §8 recommends for swaps.
    pub const TUNED: Self = Self {
        interval_s: 5,
        timeout_s: 5,
        threshold: 2,
    };
    /// 30 s, 30 s, three times: the gateway's default.
    pub const DEFAULT: Self = Self {
        interval_s: 30,
        timeout_s: 30,
        threshold: 3,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;

    #[test]
    fn a_scenario_survives_being_written_down() {
        for seed in 0..200 {
            let scenario = generate::scenario(seed).scenario;
            let read = Scenario::from_json(&scenario.to_json()).expect("just written");
            assert_eq!(read, scenario);
        }
    }

    #[test]
    fn another_version_is_refused_by_its_number_not_by_its_shape() {
        let refused = Scenario::from_json(r#"{"version": 99, "shape": "unknown"}"#);
        assert!(matches!(
            refused,
            Err(InvalidScenario::Version { found: 99 })
        ));
        assert!(matches!(
            Scenario::from_json("{}"),
            Err(InvalidScenario::Json(_))
        ));
    }
}
