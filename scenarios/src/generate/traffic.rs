//! The load: open loop, mixed, and within what the live side can bear.

use turquoise_emulator::Seed;
use turquoise_emulator::ledger::{ConnectionClass, RequestClass};

use super::{pick, small};
use crate::clients::Profile;
use crate::clients::profile::{Shape, Share};
use crate::observation::Sessions;
use crate::scenario::{Topology, Traffic};

/// Long work is kept this far below the drain time-out: what outlives it is cut by Azure whatever
/// the orchestrator does (azure-facts.md §5.5), so it would accuse nobody.
const BELOW_DRAIN: u64 = 2;

pub(super) fn draw(seed: Seed, topology: &Topology) -> Traffic {
    let longest_ms = u64::from(topology.drain_s) * 1000 / BELOW_DRAIN;
    let rate = f64::from(10 + small(seed.child("rate"), 21));
    let mut profile = Profile::full_mix(rate);
    leave_out(seed.child("classes"), &mut profile);
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
            Shape::Diurnal {
                period_ms: 600_000,
                swing: 0.5,
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
        sessions: Sessions::Mixed,
    };
    if seed.child("short only").below(4) == 0 {
        traffic.without_long_work();
    }
    traffic
}

/// The classes that a seed may be without, like the kinds of fault: what is rare in every run is
/// common in some.
const OPTIONAL: [(&str, &[RequestClass]); 6] = [
    ("downloads", &[RequestClass::Download]),
    ("expect", &[RequestClass::Expect]),
    (
        "streams",
        &[RequestClass::WebSocket, RequestClass::EventStream],
    ),
    ("pages", &[RequestClass::Page]),
    ("sessions", &[RequestClass::Session]),
    ("jobs", &[RequestClass::Job]),
];

fn leave_out(seed: Seed, profile: &mut Profile) {
    for (name, classes) in OPTIONAL {
        if seed.child(name).below(2) == 0 {
            profile.mix.retain(|share| !classes.contains(&share.class));
        }
    }
    if seed.child("http2").below(2) == 0 {
        let kept = |share: &Share| share.connection != ConnectionClass::Multiplexed;
        profile.mix.retain(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_optional_class_is_there_in_about_half_of_the_seeds() {
        let topology = super::super::topology::draw(Seed::new(1));
        let drawn: Vec<Traffic> = (0..400)
            .map(|seed| draw(Seed::new(seed), &topology))
            .collect();
        for (name, classes) in OPTIONAL {
            let has = |traffic: &&Traffic| {
                let mut mix = traffic.profile.mix.iter();
                mix.any(|share| classes.contains(&share.class))
            };
            let with = drawn.iter().filter(has).count();
            // A quarter of the seeds has short work only.
            assert!((100..260).contains(&with), "{name}: {with} of 400");
        }
    }
}
