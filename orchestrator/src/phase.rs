//! The phases of a swap, P0 to P11 (failure-catalogue.md, the table at its top).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a run stands on the way from the old side to the new one.
///
/// The way back uses the same numbers for the same kinds of work: [`P4`](Self::P4) puts a member
/// in, [`P7`](Self::P7) takes one out; the run's state says which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Read everything, decide the direction.
    P0,
    /// Check what could block the way and freeze the plan.
    P1,
    /// Pin autoscale on both sides, give the new side its instances.
    P2,
    /// Prove each instance of the new side.
    P3,
    /// Put the pool as {old, new}: the first gateway write.
    P4,
    /// Prove that the gateway serves both.
    P5,
    /// Watch both serve and compare them.
    P6,
    /// Put the pool as {new}: the second gateway write.
    P7,
    /// Prove that the old side gets nothing any more, and let it finish.
    P8,
    /// Watch the new side serve alone.
    P9,
    /// Keep the old side as it was.
    P10,
    /// Restore what was pinned, release the old side and the lease.
    P11,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Self; 12] = [
        Self::P0,
        Self::P1,
        Self::P2,
        Self::P3,
        Self::P4,
        Self::P5,
        Self::P6,
        Self::P7,
        Self::P8,
        Self::P9,
        Self::P10,
        Self::P11,
    ];

    /// The phase's short name, as in the catalogue.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P0 => "observe",
            Self::P1 => "preflight",
            Self::P2 => "warm",
            Self::P3 => "gate",
            Self::P4 => "add",
            Self::P5 => "confirm-add",
            Self::P6 => "mixed bake",
            Self::P7 => "remove",
            Self::P8 => "drain",
            Self::P9 => "final bake",
            Self::P10 => "retain",
            Self::P11 => "release",
        }
    }

    /// What `turquoise abort` does in this phase, and what it costs; `reverse` on the way back.
    #[must_use]
    pub const fn abort_now(self, reverse: bool) -> &'static str {
        if reverse {
            return "the old side is on its way back already";
        }
        match self {
            Self::P0 | Self::P1 => "ends at once; nothing was written",
            Self::P2 | Self::P3 => "restores the pins; no gateway write",
            Self::P4 => "waits for this write to end, then one gateway write to the old side alone",
            Self::P5 | Self::P6 => "one gateway write to the old side alone; both sides are warm",
            Self::P7 => {
                "waits for this write to end, then two gateway writes bring the old side back"
            }
            Self::P8 | Self::P9 | Self::P10 => {
                "two gateway writes bring the old side back, with proof in between"
            }
            Self::P11 => {
                "too late: the swap is done; `turquoise rollback` swaps back once it ended"
            }
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} {}", self.name())
    }
}
