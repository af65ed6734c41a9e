//! The two builds: the new one starts, warms up and works otherwise than the old one.

use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use turquoise_emulator::faults::Sickness;

use crate::scenario::{Build, Builds, Service};

/// Shorter than this, the gateway writes on connections that the application just closes: requests
/// are lost whoever swaps (F40; the gateway keeps them for 65 s).
const LEAST_KEEP_ALIVE_S: u32 = 70;

pub(super) fn builds() -> BoxedStrategy<Builds> {
    let service = prop_oneof![
        2 => Just(Service::Constant),
        1 => Just(Service::Exponential),
        1 => (22..40_u32).prop_map(|tenths| Service::Pareto {
            alpha: f64::from(tenths) / 10.0,
            cap: 4,
        }),
    ];
    let sickness = prop_oneof![
        15 => Just(None),
        // It never passes a gate.
        1 => Just(Some(Sickness::Errors)),
    ];
    // A slower build is no loss of the swap, but its latency would be held against it (Q3).
    let new = (
        5..60_u32,
        0..30_u32,
        70..=105_u32,
        service,
        keep_alive(),
        sickness,
    );
    (keep_alive(), new)
        .prop_map(|(old_keep_alive_s, new)| {
            let (startup_s, warm_up_s, service_percent, service, keep_alive_s, sickness) = new;
            Builds {
                old: Build {
                    service,
                    keep_alive_s: old_keep_alive_s,
                    ..Build::default()
                },
                new: Build {
                    startup_ms: startup_s * 1_000,
                    warm_up_ms: warm_up_s * 1_000,
                    service_percent,
                    service,
                    keep_alive_s,
                    sickness,
                    ..Build::default()
                },
            }
        })
        .boxed()
}

fn keep_alive() -> impl Strategy<Value = u32> {
    LEAST_KEEP_ALIVE_S..300
}
