//! The load: open loop, mixed, and within what the live side can bear.

use turquoise_emulator::Seed;

use super::{pick, small};
use crate::clients::Profile;
use crate::clients::profile::Shape;
use crate::scenario::{Topology, Traffic};

/// Long work is kept this far below the drain time-out: what outlives it is cut by Azure whatever
/// the orchestrator does (azure-facts.md §5.5), so it would accuse nobody.
const BELOW_DRAIN: u64 = 2;

pub(super) fn draw(seed: Seed, topology: &Topology) -> Traffic {
    let longest_ms = u64::from(topology.drain_s) * 1000 / BELOW_DRAIN;
    let rate = f64::from(10 + small(seed.child("rate"), 21));
    let mut profile = Profile::simulated(rate);
    profile.arrivals = pick(
        seed.child("arrivals"),
        &[
            Shape::Steady,
            Shape::Poisson,
            Shape::Bursts {
                every_ms: 20_000,
                for_ms: 1_000,
                factor: 3.0,
            },
        ],
    );
    profile.long_ms = (2_000, 2_000 + seed.child("long").below(longest_ms - 2_000));
    profile.upload_ms = (
        1_000,
        1_000 + seed.child("upload").below(longest_ms - 1_000),
    );
    let mut traffic = Traffic {
        profile,
        before_s: 60,
        after_s: 60,
    };
    if seed.child("short only").below(4) == 0 {
        traffic.without_long_work();
    }
    traffic
}
