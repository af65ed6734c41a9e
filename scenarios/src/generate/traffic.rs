//! The load: open loop, mixed, and within what the live side can bear.

use turquoise_emulator::Seed;

use super::{pick, small};
use crate::scenario::{Topology, Traffic};

/// Long work is kept this far below the drain time-out: what outlives it is cut by Azure whatever
/// the orchestrator does (azure-facts.md §5.5), so it would accuse nobody.
const BELOW_DRAIN: u32 = 2;

pub(super) fn draw(seed: Seed, topology: &Topology) -> Traffic {
    let longest_ms = topology.drain_s * 1000 / BELOW_DRAIN;
    Traffic {
        requests_per_s: 8 + small(seed.child("rate"), 25),
        write_percent: pick(seed.child("writes"), &[0, 10, 30]),
        long_percent: pick(seed.child("long"), &[0, 2, 5]),
        upload_percent: pick(seed.child("uploads"), &[0, 2, 5]),
        reused_percent: pick(seed.child("reused"), &[0, 50, 90]),
        long_ms: 1_000 + small(seed.child("long time"), longest_ms - 1_000),
        upload_ms: 1_000 + small(seed.child("upload time"), longest_ms - 1_000),
        service_us: 2_000 + small(seed.child("service"), 18_000),
        before_s: 60,
        after_s: 60,
    }
}
