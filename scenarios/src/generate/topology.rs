//! What is deployed.
//!
//! Few values per member, so that a campaign meets the same topology again and starts from the
//! cloud it has already deployed.

use turquoise_emulator::Seed;

use super::pick;
use crate::scenario::{ProbeTimes, Topology};

pub(super) fn draw(seed: Seed) -> Topology {
    let old_instances = pick(seed.child("old"), &[2, 3]);
    let autoscale = pick(seed.child("autoscale"), &[true, false]);
    // A smaller idle side with an autoscale minimum of its own would be scaled in again once it
    // serves, and a scale-in does not drain (F38): a loss that accuses nobody.
    let smaller = if autoscale { old_instances } else { 1 };
    Topology {
        gateway_instances: pick(seed.child("gateway"), &[1, 2, 3, 4]),
        old_instances,
        // Sometimes smaller than the live side: the orchestrator has to warm it first (F20).
        new_instances: pick(seed.child("new"), &[old_instances, old_instances, smaller]),
        gateway_probe: pick(
            seed.child("gateway probe"),
            &[ProbeTimes::TUNED, ProbeTimes::TUNED, ProbeTimes::DEFAULT],
        ),
        drain_s: pick(seed.child("drain"), &[30, 60]),
        autoscale,
        // More than the long requests of one side hold at once: queues are no subject here.
        workers: 64,
        service_ms: pick(seed.child("service"), &[5, 20]),
        affinity: false,
        drift: Vec::new(),
    }
}
