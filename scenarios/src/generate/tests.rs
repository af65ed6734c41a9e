//! Scenarios are functions of their seeds, and varied.

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, proptest};

use super::*;
use crate::scenario::Effect;

#[test]
fn a_seed_always_gives_the_same_scenario() {
    for seed in 0..100 {
        assert_eq!(scenario(seed), scenario(seed));
    }
}

#[test]
fn each_kind_of_trouble_is_on_in_about_one_seed_of_six() {
    let all: Vec<_> = (0..1000).map(|seed| scenario(seed).swarm).collect();
    for family in FaultFamily::ALL {
        let on = all.iter().filter(|swarm| swarm.contains(&family)).count();
        assert!((110..210).contains(&on), "{family:?}: {on} of 1000");
    }
    let calm = all.iter().filter(|swarm| swarm.is_empty()).count();
    assert!((100..350).contains(&calm), "{calm} of 1000 are calm");
}

#[test]
fn a_thousand_seeds_reach_every_kind_of_fault_actor_and_crash_and_many_topologies() {
    let all: Vec<_> = (0..1000).map(|seed| scenario(seed).scenario).collect();
    let faults: BTreeSet<_> = all
        .iter()
        .flat_map(|s| s.faults.iter().map(|f| f.kind.name()))
        .collect();
    assert_eq!(faults.len(), 16, "{faults:?}");
    let acts: BTreeSet<_> = all
        .iter()
        .flat_map(|s| s.actors.iter().map(|actor| actor.act.name()))
        .collect();
    assert_eq!(acts.len(), 10, "{acts:?}");
    let effects: BTreeSet<Effect> = all
        .iter()
        .flat_map(|s| s.crashes.iter())
        .filter_map(|crash| match crash.at {
            crate::scenario::Point::Effect { effect, .. } => Some(effect),
            crate::scenario::Point::Time { .. } => None,
        })
        .collect();
    assert_eq!(effects.len(), Effect::ALL.len(), "{effects:?}");
    let topologies: BTreeSet<_> = all.iter().map(|s| s.topology.clone()).collect();
    assert!(topologies.len() > 50, "{}", topologies.len());
    assert!(all.iter().any(|s| s.faults.is_empty()));
}

#[test]
fn a_calm_scenario_differs_from_its_own_only_by_what_goes_wrong() {
    let stormy = (0..).map(|seed| scenario(seed).scenario);
    for stormy in stormy.filter(|s| !s.faults.is_empty()).take(20) {
        let calm = calm(stormy.seed);
        assert!(calm.faults.is_empty() && calm.is_solo());
        assert_eq!(calm.topology, stormy.topology);
        assert_eq!(calm.traffic, stormy.traffic);
        assert_eq!(calm.latency, stormy.latency);
    }
}

#[test]
fn what_is_declined_says_why() {
    let mut reasons = BTreeSet::new();
    for seed in 0..500 {
        let generated = scenario(seed);
        let counted: u32 = generated.reasons.values().sum();
        assert_eq!(counted, generated.declined);
        reasons.extend(generated.reasons.into_keys());
    }
    assert_eq!(reasons, ["hits the live side", "shares no store"].into());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_begins_after_the_storm(scenario in scenarios()) {
        let end = scenario.heal_ms;
        let faults = scenario.faults.iter().map(|fault| fault.at_ms);
        let actors = scenario.actors.iter().map(|actor| actor.at_ms);
        let orders = scenario.orders.iter().map(|order| order.at_ms);
        let stored = scenario.storage.faults.iter().map(|fault| fault.at_ms);
        let jumps = scenario.clocks.jumps.iter().map(|jump| jump.at_ms);
        let last = faults.chain(actors).chain(orders).chain(stored).chain(jumps).max();
        proptest::prop_assert!(last.is_none_or(|last| last < end));
        let read = Scenario::from_json(&scenario.to_json()).expect("just written");
        proptest::prop_assert_eq!(read, scenario);
    }
}
