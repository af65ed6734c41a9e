//! What happens to the orchestrator's own process: crashes, freezes, and orders from outside.
//!
//! A crash point is named by what the process was about to do or had just done, and by the how
//! manieth time: `the 7th append to the journal has happened`. So a shrunk or hand-written scenario
//! still says where the process dies.

use serde::{Deserialize, Serialize};

use super::actor::Verb;

/// A process dies and another one goes on.
///
/// The first crash of an orchestrator hits its first process, the next one the process that took
/// over, and so on; each counts its effects from its own start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    /// Whose process: 0 is the scenario's own orchestrator, `n` the `n`-th
    /// [`Act::Orchestrator`](super::Act::Orchestrator) of its actors.
    #[serde(default)]
    pub orchestrator: u16,
    /// Where it dies.
    pub at: Point,
    /// How long nobody works, in milliseconds.
    pub down_ms: u64,
    /// How the next process, on another machine with the same stores, begins; absent when nobody
    /// takes over.
    pub then: Option<Verb>,
}

/// A process stands still as a whole, its heartbeat included, and goes on as if nothing had been
/// (F79).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Whose first process, as in [`Crash::orchestrator`].
    #[serde(default)]
    pub orchestrator: u16,
    /// Where it stops.
    pub at: Point,
    /// For how long, in milliseconds.
    pub for_ms: u64,
}

impl Pause {
    /// Whether the process stands still with nothing left to do but a call of Azure, so that it
    /// cannot know before the call has been sent.
    #[must_use]
    pub fn is_on_the_way(&self) -> bool {
        matches!(
            self.at,
            Point::Effect {
                effect: Effect::ArmBefore | Effect::WriteBefore,
                ..
            }
        )
    }
}

/// A point in a process's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "point", rename_all = "snake_case", deny_unknown_fields)]
pub enum Point {
    /// At an effect.
    Effect {
        /// Which kind.
        effect: Effect,
        /// The how manieth of its kind in this process, from 1.
        ordinal: u32,
    },
    /// At an instant.
    Time {
        /// From the swap's start, in milliseconds.
        at_ms: u64,
    },
}

/// A place at which a process can die: around everything that it does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// An ARM request is about to be sent.
    ArmBefore,
    /// An ARM request has acted and its answer is there, unread.
    ArmAfter,
    /// A write to ARM (PUT, PATCH or DELETE) is about to be sent.
    WriteBefore,
    /// A write to ARM has acted and its answer is there, unread.
    WriteAfter,
    /// A probe is about to be sent.
    ProbeBefore,
    /// A probe is answered, unread.
    ProbeAfter,
    /// A sleep begins.
    Sleep,
    /// A line is about to be added to the journal.
    JournalBefore,
    /// A line is in the journal and the process does not know yet.
    JournalAfter,
    /// The lease is about to be written.
    LeaseBefore,
    /// The lease is written and the process does not know yet.
    LeaseAfter,
}

/// Somebody wants something of the orchestrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// When, from the swap's start, in milliseconds.
    pub at_ms: u64,
    /// What.
    pub want: Want,
}

/// What an [`Order`] wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "want", rename_all = "snake_case", deny_unknown_fields)]
pub enum Want {
    /// Stop at the next safe point: Ctrl-C, SIGTERM (F100).
    Interrupt {
        /// After how long another process resumes, in milliseconds; absent when nobody does.
        resume_after_ms: Option<u64>,
    },
    /// Stop at the next safe point, and then bring the old side back.
    Abort,
    /// Bring the old side back, by a second process that starts at once, whoever else runs (F82).
    Rollback,
}

impl Effect {
    /// Every place.
    pub const ALL: [Self; 11] = [
        Self::ArmBefore,
        Self::ArmAfter,
        Self::WriteBefore,
        Self::WriteAfter,
        Self::ProbeBefore,
        Self::ProbeAfter,
        Self::Sleep,
        Self::JournalBefore,
        Self::JournalAfter,
        Self::LeaseBefore,
        Self::LeaseAfter,
    ];

    /// The word in reports and coverage tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ArmBefore => "arm_before",
            Self::ArmAfter => "arm_after",
            Self::WriteBefore => "write_before",
            Self::WriteAfter => "write_after",
            Self::ProbeBefore => "probe_before",
            Self::ProbeAfter => "probe_after",
            Self::Sleep => "sleep",
            Self::JournalBefore => "journal_before",
            Self::JournalAfter => "journal_after",
            Self::LeaseBefore => "lease_before",
            Self::LeaseAfter => "lease_after",
        }
    }
}

impl Want {
    /// The word in reports and coverage tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupt { .. } => "interrupt",
            Self::Abort => "abort",
            Self::Rollback => "rollback",
        }
    }
}
