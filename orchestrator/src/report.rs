//! How a run ended: outcome, exit code, and what a script may rely on.
//!
//! Exit codes are a stable contract (failure-catalogue.md E.4). Every report says whether anything
//! changed, what the pool lists now and how to go on, so that no script infers state from a code.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::phase::Phase;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Outcome {
    /// The new side serves alone, and that was proven.
    Completed,
    /// There was nothing to do.
    NothingToDo,
    /// A gate failed, or someone aborted, before any gateway write; pins are restored.
    GateFailed,
    /// The old side serves alone again, and that was proven.
    RolledBack,
    /// The old side is in the pool alone again, but the proof is incomplete.
    RolledBackUnverified,
    /// Stopped where it is safe; a person must decide.
    Parked,
    /// Something blocks the way; nothing was changed.
    Refused,
    /// Another run holds the lease.
    LockHeld,
    /// The world is not the one that was planned for; this run changed nothing.
    Stale,
    /// Azure refuses us: authentication or authorisation.
    Unauthorised,
    /// The control plane is out of reach or throttles us; parked.
    Unavailable,
    /// Stopped at a safe point on request; the journal is written.
    Interrupted,
    /// Paused at a safe point by someone else; the journal is written.
    Paused,
}

impl Outcome {
    /// The process exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Completed | Self::NothingToDo => 0,
            Self::Refused => 3,
            Self::GateFailed => 4,
            Self::RolledBack => 5,
            Self::RolledBackUnverified => 6,
            Self::Parked => 7,
            Self::LockHeld => 8,
            Self::Stale => 9,
            Self::Paused => 10,
            Self::Unauthorised => 11,
            Self::Unavailable => 12,
            Self::Interrupted => 130,
        }
    }

    /// The outcome's name as in the JSON result.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::NothingToDo => "nothing_to_do",
            Self::GateFailed => "gate_failed",
            Self::RolledBack => "rolled_back",
            Self::RolledBackUnverified => "rolled_back_unverified",
            Self::Parked => "parked",
            Self::Refused => "refused",
            Self::LockHeld => "lock_held",
            Self::Stale => "stale",
            Self::Unauthorised => "unauthorised",
            Self::Unavailable => "unavailable",
            Self::Interrupted => "interrupted",
            Self::Paused => "paused",
        }
    }
}

/// The account of a swap, a rollback or a resumed run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SwapReport {
    /// The run's id; empty when it never began.
    pub run: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in one line; empty for a success.
    pub reason: String,
    /// The last phase entered.
    pub phase: Phase,
    /// Whether this run changed anything in Azure that it did not restore.
    pub changed: bool,
    /// The pool's members now.
    pub pool: PoolReport,
    /// Gateway PUTs that Azure accepted, over the whole run with its resumptions.
    pub gateway_puts: u32,
    /// The side that served before.
    pub old: Option<SideReport>,
    /// The side that was to serve after.
    pub new: Option<SideReport>,
    /// Every phase visited, in order.
    pub phases: Vec<PhaseReport>,
    /// Every gateway write, in order.
    pub writes: Vec<GatewayWrite>,
    /// What this run could not restore, one line each (S22).
    pub residue: Vec<String>,
    /// The command that goes on from here, where there is something to go on with.
    pub resume: Option<String>,
}

impl SwapReport {
    /// The process exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.outcome.exit_code()
    }
}

/// The pool in both planes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PoolReport {
    /// As ARM last told it.
    pub arm: Vec<Ipv4Addr>,
    /// Sides whose answers came through the gateway in the last look.
    pub effective: Vec<Ipv4Addr>,
}

/// One side as a run saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideReport {
    /// Its name in the configuration.
    pub name: String,
    /// Its address in the pool.
    pub address: Ipv4Addr,
    /// The build its answers name, once seen.
    pub build: Option<String>,
}

/// One visit to a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PhaseReport {
    /// Which.
    pub phase: Phase,
    /// Whether it was on the way back.
    pub reverse: bool,
    /// When it began, in milliseconds of the environment's clock.
    pub entered_ms: u64,
    /// When it ended.
    pub left_ms: u64,
    /// What was proven.
    pub evidence: Vec<String>,
}

/// One gateway write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayWrite {
    /// The phase it belongs to.
    pub phase: Phase,
    /// The pool's members before.
    pub from: Vec<Ipv4Addr>,
    /// The pool's members it asks for.
    pub to: Vec<Ipv4Addr>,
    /// When it was sent, in milliseconds of the environment's clock.
    pub sent_ms: u64,
    /// Whether Azure accepted it; unknown for a while when the reply is lost.
    pub accepted: Option<bool>,
}

/// What `status` tells: the world as it is and the last run's state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatusReport {
    /// The pool's members in ARM.
    pub pool: Vec<Ipv4Addr>,
    /// The side that serves, when the pool lists exactly one of the two.
    pub live: Option<String>,
    /// What the gateway says of each member's health.
    pub health: Vec<MemberStatus>,
    /// Each side's instances.
    pub sides: Vec<SideStatus>,
    /// The last run in the journal.
    pub last_run: Option<RunStatus>,
    /// Who holds the lease, if anyone.
    pub lease: Option<crate::lease::Lease>,
}

/// One pool member in the gateway's view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemberStatus {
    /// The member.
    pub address: Ipv4Addr,
    /// Azure's word for its health.
    pub health: String,
}

/// One side's machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SideStatus {
    /// The side's name.
    pub name: String,
    /// Its pool address.
    pub address: Ipv4Addr,
    /// The scale set's capacity; absent when the scale set does not exist.
    pub capacity: Option<u32>,
    /// Instances proven healthy.
    pub healthy: u32,
    /// What keeps the others from counting.
    pub missing: Vec<String>,
}

/// A run as its journal tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunStatus {
    /// Its id.
    pub run: String,
    /// The last phase entered.
    pub phase: Phase,
    /// How it ended; absent while it is unfinished.
    pub outcome: Option<Outcome>,
    /// The live side it began with.
    pub old: String,
    /// The side it brings.
    pub new: String,
    /// What `turquoise abort` would do now; absent when the run is over.
    pub abort_now: Option<&'static str>,
}
