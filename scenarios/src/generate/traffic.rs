//! The load: open loop, mixed, and within what the live side can bear.

use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use turquoise_emulator::ledger::{ConnectionClass, RequestClass};

use crate::clients::Profile;
use crate::clients::profile::{Shape, Share};
use crate::observation::Sessions;
use crate::scenario::{Builds, Latency, Service, Topology, Traffic};

/// Long work is kept this far below the drain time-out: what outlives it is cut by Azure whatever
/// the orchestrator does (azure-facts.md §5.5), so it would accuse nobody.
const BELOW_DRAIN: u64 = 2;

pub(super) fn traffic(topology: &Topology, builds: &Builds) -> BoxedStrategy<Traffic> {
    let longest_ms = u64::from(topology.drain_s) * 1000 / BELOW_DRAIN;
    // Long work is a multiple of the service time: where that spreads, none is known to end in
    // time.
    let spreads = builds.old.service != Service::Constant;
    let short_only = prop_oneof![3 => Just(spreads), 1 => Just(true)];
    (
        (10..=30_u32).prop_map(f64::from),
        shapes(),
        2_000..longest_ms,
        1_000..longest_ms,
        any::<[bool; OPTIONAL.len()]>(),
        any::<bool>(),
        short_only,
    )
        .prop_map(
            |(rate, arrivals, longest_long, longest_upload, with, http2, short_only)| {
                let mut profile = Profile::full_mix(rate);
                profile.arrivals = arrivals;
                profile.long_ms = (2_000, longest_long);
                profile.upload_ms = (1_000, longest_upload);
                leave_out(&mut profile, with, http2);
                let mut traffic = Traffic {
                    profile,
                    before_s: 60,
                    after_s: 60,
                    sessions: Sessions::Mixed,
                };
                if short_only {
                    traffic.without_long_work();
                }
                traffic
            },
        )
        .boxed()
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Steady),
        Just(Shape::Poisson),
        Just(Shape::Bursts {
            every_ms: 20_000,
            for_ms: 1_000,
            factor: 3.0,
        }),
        Just(Shape::Diurnal {
            period_ms: 600_000,
            swing: 0.5,
        }),
    ]
}

/// One way 20–400 ms: an ARM read has a median of 150 ms (azure-facts.md §8).
pub(super) fn latencies() -> BoxedStrategy<Latency> {
    (20..80_u32, 0..320_u32)
        .prop_map(|(min_ms, spread_ms)| Latency {
            min_ms,
            max_ms: min_ms + spread_ms,
        })
        .boxed()
}

/// The classes that a seed may be without, like the kinds of fault: what is rare in every run is
/// common in some.
const OPTIONAL: [&[RequestClass]; 6] = [
    &[RequestClass::Download],
    &[RequestClass::Expect],
    &[RequestClass::WebSocket, RequestClass::EventStream],
    &[RequestClass::Page],
    &[RequestClass::Session],
    &[RequestClass::Job],
];

fn leave_out(profile: &mut Profile, with: [bool; OPTIONAL.len()], http2: bool) {
    for (classes, with) in OPTIONAL.into_iter().zip(with) {
        if !with {
            profile.mix.retain(|share| !classes.contains(&share.class));
        }
    }
    if !http2 {
        let kept = |share: &Share| share.connection != ConnectionClass::Multiplexed;
        profile.mix.retain(kept);
    }
}

#[cfg(test)]
mod tests {
    use turquoise_emulator::Seed;

    use super::super::draw::draw;
    use super::super::topology;
    use super::*;

    #[test]
    fn each_optional_class_is_there_in_about_half_of_the_seeds() {
        let topology = draw(Seed::new(1), &topology::topologies());
        let strategy = traffic(&topology, &Builds::default());
        let drawn: Vec<Traffic> = (0..400)
            .map(|seed| draw(Seed::new(seed), &strategy))
            .collect();
        for classes in OPTIONAL {
            let has = |traffic: &&Traffic| {
                let mut mix = traffic.profile.mix.iter();
                mix.any(|share| classes.contains(&share.class))
            };
            let with = drawn.iter().filter(has).count();
            // A quarter of the seeds has short work only.
            assert!((100..260).contains(&with), "{classes:?}: {with} of 400");
        }
    }
}
