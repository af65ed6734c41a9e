//! What is deployed.
//!
//! Few values per member, so that a campaign meets the same topology again and starts from the
//! cloud it has already deployed.

use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::sample::select;

use crate::scenario::{ProbeTimes, Topology};

pub(super) fn topologies() -> BoxedStrategy<Topology> {
    (2..=3_u32, any::<bool>())
        .prop_flat_map(|(old_instances, autoscale)| {
            // A smaller idle side with an autoscale minimum of its own would be scaled in again once
            // it serves, and a scale-in does not drain (F38): a loss that accuses nobody.
            let smaller = if autoscale { old_instances } else { 1 };
            (
                select(vec![1, 2, 3, 4_u16]),
                Just(old_instances),
                // Sometimes smaller than the live side: it has to be warmed first (F20).
                select(vec![old_instances, old_instances, smaller]),
                select(vec![
                    ProbeTimes::TUNED,
                    ProbeTimes::TUNED,
                    ProbeTimes::DEFAULT,
                ]),
                select(vec![30, 60_u32]),
                Just(autoscale),
                select(vec![5, 20_u32]),
            )
        })
        .prop_map(
            |(gateway_instances, old, new, gateway_probe, drain_s, autoscale, service_ms)| {
                Topology {
                    gateway_instances,
                    old_instances: old,
                    new_instances: new,
                    gateway_probe,
                    drain_s,
                    autoscale,
                    // More than the long requests of one side hold at once: queues are no subject
                    // here.
                    workers: 64,
                    service_ms,
                    affinity: false,
                    drift: Vec::new(),
                }
            },
        )
        .boxed()
}
