//! What happens to processes: crashes, freezes, orders.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::fault::WINDOW_MS;
use crate::scenario::{Crash, Effect, Order, Pause, Point, Verb, Want};

/// A calm swap sends some hundred ARM requests and writes some forty lines; what is never reached
/// hits nobody.
fn effects() -> impl Strategy<Value = Point> {
    select(Effect::ALL.to_vec()).prop_flat_map(|effect| {
        let most = match effect {
            Effect::WriteBefore | Effect::WriteAfter => 4,
            Effect::LeaseBefore | Effect::LeaseAfter => 20,
            Effect::JournalBefore | Effect::JournalAfter => 40,
            _ => 120_u32,
        };
        (1..=most).prop_map(move |ordinal| Point::Effect { effect, ordinal })
    })
}

fn points() -> impl Strategy<Value = Point> {
    prop_oneof![
        4 => effects(),
        1 => (0..WINDOW_MS).prop_map(|at_ms| Point::Time { at_ms }),
    ]
}

/// Somebody always takes over: a run that nobody resumes ends nowhere, whoever swaps.
pub(super) fn crashes() -> BoxedStrategy<Vec<Crash>> {
    let verbs = prop_oneof![
        4 => Just(Verb::Resume),
        4 => Just(Verb::ResumeLast),
        1 => Just(Verb::Rollback),
    ];
    let crash = (points(), 1_000..600_000_u64, verbs).prop_map(|(at, down_ms, verb)| Crash {
        orchestrator: 0,
        at,
        down_ms,
        then: Some(verb),
    });
    vec(crash, 1..=3).boxed()
}

pub(super) fn pauses() -> BoxedStrategy<Vec<Pause>> {
    (points(), 5_000..900_000_u64)
        .prop_map(|(at, for_ms)| {
            vec![Pause {
                orchestrator: 0,
                at,
                for_ms,
            }]
        })
        .boxed()
}

pub(super) fn orders() -> BoxedStrategy<Vec<Order>> {
    let wants = prop_oneof![
        (1_000..300_000_u64).prop_map(|after| Want::Interrupt {
            resume_after_ms: Some(after)
        }),
        Just(Want::Abort),
        Just(Want::Rollback),
    ];
    let order = (0..600_000_u64, wants).prop_map(|(at_ms, want)| Order { at_ms, want });
    (order, option::weighted(0.1, 0..600_000_u64))
        .prop_map(|(order, again)| {
            let again = again.map(|at_ms| Order {
                at_ms,
                want: order.want,
            });
            std::iter::once(order).chain(again).collect()
        })
        .boxed()
}
