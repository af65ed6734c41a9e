//! What the orchestrator's own machine and stores do to it: storage, identity, clock.

use serde::{Deserialize, Serialize};

/// The store of lease and journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// How long each operation takes, in milliseconds; 0 for a store that answers at once.
    pub latency_ms: u32,
    /// What goes wrong.
    pub faults: Vec<StorageFault>,
}

/// The store misbehaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageFault {
    /// From when, from the swap's start, in milliseconds.
    pub at_ms: u64,
    /// How.
    pub trouble: StorageTrouble,
}

/// How a store misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "trouble", rename_all = "snake_case", deny_unknown_fields)]
pub enum StorageTrouble {
    /// Every operation fails, and nothing is written.
    Unavailable {
        /// Which object.
        of: Stored,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// The next appends are refused as if someone else had written first; nothing is written.
    AppendConflict {
        /// How many.
        count: u32,
    },
    /// The next writes act and their answers are lost.
    ReplyLost {
        /// Which object.
        of: Stored,
        /// How many.
        count: u32,
    },
    /// Reads of the lease answer what was stored before its last change.
    StaleLeaseRead {
        /// For how long, in milliseconds.
        for_ms: u64,
    },
}

/// What a store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stored {
    /// The journals.
    Journal,
    /// The lease.
    Lease,
}

/// Bearer tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// How long a token is good for, in milliseconds; absent means for ever (F71).
    pub ttl_ms: Option<u64>,
    /// When Azure stops taking the tokens issued until then, from the swap's start, in
    /// milliseconds: a revocation, or a machine whose clock is slow.
    pub revoked_at_ms: Vec<u64>,
    /// When no new token can be had.
    pub outages: Vec<Outage>,
}

/// A span in which something cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// From when, from the swap's start, in milliseconds.
    pub at_ms: u64,
    /// For how long, in milliseconds.
    pub for_ms: u64,
}

/// The wall clocks of the machines; the monotonic clock is nobody's to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clocks {
    /// How far each machine's wall clock is off, in milliseconds, by machine number; 0 beyond the
    /// list's end.
    pub skew_ms: Vec<i64>,
    /// Steps of every machine's wall clock (F92).
    pub jumps: Vec<ClockJump>,
}

/// The wall clock is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockJump {
    /// When, from the swap's start, in milliseconds.
    pub at_ms: u64,
    /// By how much, in milliseconds; negative is back.
    pub by_ms: i64,
}

impl StorageTrouble {
    /// The word in reports and coverage tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "store_unavailable",
            Self::AppendConflict { .. } => "append_conflict",
            Self::ReplyLost { .. } => "store_reply_lost",
            Self::StaleLeaseRead { .. } => "stale_lease_read",
        }
    }
}

impl Clocks {
    /// How far a machine's wall clock is off at `since_start_ms` after the swap's start.
    #[must_use]
    pub fn offset_ms(&self, machine: u16, since_start_ms: u64) -> i64 {
        let skew = self.skew_ms.get(usize::from(machine)).copied();
        let past = self.jumps.iter().filter(|j| j.at_ms <= since_start_ms);
        past.map(|jump| jump.by_ms)
            .fold(skew.unwrap_or_default(), i64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_is_off_by_its_skew_and_every_jump_so_far() {
        let clocks = Clocks {
            skew_ms: vec![0, 5],
            jumps: vec![
                ClockJump {
                    at_ms: 10,
                    by_ms: 100,
                },
                ClockJump {
                    at_ms: 20,
                    by_ms: -300,
                },
            ],
        };
        for (machine, at_ms, off) in [(0, 9, 0), (0, 10, 100), (1, 19, 105), (7, 20, -200)] {
            assert_eq!(
                clocks.offset_ms(machine, at_ms),
                off,
                "{machine} at {at_ms}"
            );
        }
    }
}
