//! Who else acts on the system while it is swapped: people, pipelines, the platform.

use serde::{Deserialize, Serialize};

use crate::observation::Role;

/// Someone acts at an instant of their own choosing, concurrently with the swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// When it begins, from the swap's start, in milliseconds.
    pub at_ms: u64,
    /// What it does.
    pub act: Act,
}

/// What an [`Actor`] does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Infrastructure as code puts the gateway back as it was before the swap (F101).
    TerraformReapply,
    /// Somebody takes the new side out of the pool (F102).
    PersonRemovesNew,
    /// Somebody leaves these sides of those in the pool, in this order (F102): who adds a side that
    /// nobody has proven loses requests whoever swaps.
    PersonEditsPool {
        /// The sides; where the pool has none of them, the person leaves it as it is.
        members: Vec<Role>,
    },
    /// Another team adds a pool of its own (F58).
    OtherTeamPut {
        /// The pool's name.
        pool: String,
    },
    /// Somebody tags the gateway, which is a configuration write like any other (F36).
    TagWrite {
        /// The tag's value; the same value twice is a write without an effect.
        value: String,
    },
    /// Somebody changes a side's autoscale limits (F23).
    AutoscaleEdit {
        /// Whose.
        side: Role,
        /// The new least number of instances.
        minimum: u32,
        /// The new largest number of instances.
        maximum: u32,
    },
    /// The platform upgrades the gateway: what is written meanwhile takes effect after it, one
    /// instance after the other (F31, F75).
    PlatformUpgrade {
        /// For how long, in milliseconds; 10 to 45 min were seen (azure-facts.md §5.4).
        for_ms: u64,
    },
    /// A resource lock makes every write of the gateway fail with 409 `ScopeLocked` (F72).
    LockAdded {
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// Our role is taken away: writes of the gateway fail with 403 (F72).
    RoleRemoved {
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// Another real orchestrator starts on another machine (F78).
    Orchestrator(Second),
}

/// A second, or third, real orchestrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Second {
    /// Which side it is to make serve.
    pub to: Goal,
    /// Whether it uses the first one's lease and journal; without, nothing but Azure is common.
    pub shares_stores: bool,
    /// How it begins.
    pub verb: Verb,
}

/// Which side an orchestrator is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The side that was idle when the scenario began.
    New,
    /// The side that was live when the scenario began.
    Old,
    /// Whichever is idle when it starts.
    Idle,
}

/// How a process of an orchestrator begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// A new swap.
    Swap,
    /// Goes on with the run that its predecessor began.
    Resume,
    /// Goes on with the last unfinished run, else begins one.
    ResumeLast,
    /// Brings the old side back.
    Rollback,
}

impl Act {
    /// Its name in coverage tables and reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TerraformReapply => "terraform_reapply",
            Self::PersonRemovesNew => "person_removes_new",
            Self::PersonEditsPool { .. } => "person_edits_pool",
            Self::OtherTeamPut { .. } => "other_team_put",
            Self::TagWrite { .. } => "tag_write",
            Self::AutoscaleEdit { .. } => "autoscale_edit",
            Self::PlatformUpgrade { .. } => "platform_upgrade",
            Self::LockAdded { .. } => "lock_added",
            Self::RoleRemoved { .. } => "role_removed",
            Self::Orchestrator(_) => "orchestrator",
        }
    }
}

impl Verb {
    /// The word in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Swap => "swap",
            Self::Resume => "resume",
            Self::ResumeLast => "resume_last",
            Self::Rollback => "rollback",
        }
    }
}
