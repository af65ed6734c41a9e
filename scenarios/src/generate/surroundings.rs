//! The machine and its stores: storage, identity, clock.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Strategy, prop_oneof};
use proptest::sample::select;

use super::fault::WINDOW_MS;
use crate::scenario::{
    ClockJump, Clocks, Identity, Outage, Storage, StorageFault, StorageTrouble, Stored,
};

pub(super) fn storage() -> BoxedStrategy<Storage> {
    let stored = select(vec![Stored::Journal, Stored::Lease]);
    let trouble = prop_oneof![
        (stored.clone(), 1_000..120_000_u64)
            .prop_map(|(of, for_ms)| StorageTrouble::Unavailable { of, for_ms }),
        (1..=2_u32).prop_map(|count| StorageTrouble::AppendConflict { count }),
        (stored, 1..=2_u32).prop_map(|(of, count)| StorageTrouble::ReplyLost { of, count }),
        (1_000..120_000_u64).prop_map(|for_ms| StorageTrouble::StaleLeaseRead { for_ms }),
    ];
    let fault =
        (0..WINDOW_MS, trouble).prop_map(|(at_ms, trouble)| StorageFault { at_ms, trouble });
    (0..50_u32, vec(fault, 1..=2))
        .prop_map(|(latency_ms, faults)| Storage { latency_ms, faults })
        .boxed()
}

pub(super) fn identity() -> BoxedStrategy<Identity> {
    let outage =
        (0..WINDOW_MS, 1_000..300_000_u64).prop_map(|(at_ms, for_ms)| Outage { at_ms, for_ms });
    (
        option::of(120_000..600_000_u64),
        vec(0..WINDOW_MS, 0..=2),
        vec(outage, 0..=2),
    )
        .prop_map(|(ttl_ms, revoked_at_ms, outages)| Identity {
            // Without an end and without revocation nothing would ever ask for a new one.
            ttl_ms: ttl_ms.or_else(|| revoked_at_ms.is_empty().then_some(180_000)),
            revoked_at_ms,
            outages,
        })
        .boxed()
}

/// Up to two hours either way (F92), and a minute between machines.
pub(super) fn clocks() -> BoxedStrategy<Clocks> {
    let jump = (0..WINDOW_MS, -7_200_000..7_200_000_i64)
        .prop_map(|(at_ms, by_ms)| ClockJump { at_ms, by_ms });
    (vec(-60_000..60_000_i64, 0..=3), vec(jump, 1..=2))
        .prop_map(|(skew_ms, jumps)| Clocks { skew_ms, jumps })
        .boxed()
}
