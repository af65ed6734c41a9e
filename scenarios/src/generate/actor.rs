//! Who else acts: foreign writes around ours, people and platform, other orchestrators.

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::fault::Drawn;
use crate::observation::Role;
use crate::scenario::{Act, Actor, ForeignWrite, Goal, Moment, Second, Topology, Verb};

/// Swaps in trouble last longer than calm ones; actors may come late.
const WINDOW_MS: u64 = 900_000;

/// Why an orchestrator was declined: nothing but Azure is common to both, so both may be right, and
/// take turns.
const NO_COMMON_STORE: &str = "shares no store";

pub(super) fn foreign() -> BoxedStrategy<Vec<ForeignWrite>> {
    let moments = select(vec![Moment::Before, Moment::During]);
    let one = (1..).zip(0..2).map(|(number, _)| {
        moments.clone().prop_map(move |moment| ForeignWrite {
            write: number,
            moment,
            pool: format!("foreign-{number}"),
        })
    });
    let both: Vec<_> = one.collect();
    (both, 1..=2_usize)
        .prop_map(|(mut both, count)| {
            both.truncate(count);
            both
        })
        .boxed()
}

pub(super) fn actors(topology: &Topology) -> BoxedStrategy<Vec<Actor>> {
    vec(
        (0..WINDOW_MS, acts(topology)).prop_map(|(at_ms, act)| Actor { at_ms, act }),
        1..=2,
    )
    .boxed()
}

fn acts(topology: &Topology) -> impl Strategy<Value = Act> + use<> {
    let sides = select(vec![
        vec![Role::Old],
        vec![Role::New],
        vec![Role::Old, Role::New],
        vec![Role::New, Role::Old],
    ]);
    let (old, autoscale) = (topology.old_instances, topology.autoscale);
    let limits = (select(vec![Role::Old, Role::New]), old..=old + 2);
    prop_oneof![
        2 => Just(Act::TerraformReapply),
        1 => Just(Act::PersonRemovesNew),
        1 => sides.prop_map(|members| Act::PersonEditsPool { members }),
        2 => Just(Act::OtherTeamPut { pool: "other-team".to_owned() }),
        2 => (0..3_u32).prop_map(|value| Act::TagWrite { value: value.to_string() }),
        2 => limits.prop_map(move |(side, minimum)| {
            if !autoscale {
                // There is nothing to edit.
                return Act::TagWrite { value: "capacity".to_owned() };
            }
            Act::AutoscaleEdit { side, minimum, maximum: 10 }
        }),
        2 => (600_000..2_700_000_u64).prop_map(|for_ms| Act::PlatformUpgrade { for_ms }),
        1 => (30_000..1_200_000_u64).prop_map(|for_ms| Act::LockAdded { for_ms }),
        1 => (30_000..1_200_000_u64).prop_map(|for_ms| Act::RoleRemoved { for_ms }),
    ]
}

pub(super) fn orchestrators() -> BoxedStrategy<Vec<Drawn<Actor>>> {
    let second = (
        0..WINDOW_MS,
        select(vec![Goal::New, Goal::New, Goal::Old, Goal::Idle]),
        prop_oneof![3 => Just(Verb::Swap), 2 => Just(Verb::ResumeLast), 1 => Just(Verb::Rollback)],
        prop_oneof![7 => Just(true), 1 => Just(false)],
    );
    let actor = second.prop_map(|(at_ms, to, verb, shares_stores)| {
        let second = Second {
            to,
            shares_stores,
            verb,
        };
        let actor = Actor {
            at_ms,
            act: Act::Orchestrator(second),
        };
        if shares_stores {
            Ok(actor)
        } else {
            Err(NO_COMMON_STORE)
        }
    });
    vec(actor, 1..=2).boxed()
}
