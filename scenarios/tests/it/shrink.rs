//! Planted failures in a storm: a mutant's failure shrinks to what it needs, within the budget.

use std::collections::BTreeSet;

use turquoise_scenarios::generate;
use turquoise_scenarios::mutants::Mutant;
use turquoise_scenarios::run::{Level, Runner};
use turquoise_scenarios::shrink::{BUDGET, happenings, shrink};
use turquoise_scenarios::subject::Subject;

/// At most this many faults are left of a planted failure (simulation.md G7).
const LEFT: usize = 3;

/// Seeds that are tried for one on which a mutant fails and the reference does not.
const SEEDS: u64 = 200;

/// Shrinks the first failure of a mutant in a storm of at least four happenings; the storm and what
/// is left of it.
fn shrunk(id: &str) -> (usize, usize, u32) {
    let runner = Runner::default();
    let mutant = Mutant::by_id(id).expect("it is in the first wave");
    let violated = |subject, scenario: &_| -> BTreeSet<_> {
        let ran = runner.run(Level::Core, subject, scenario);
        let ran = ran.unwrap_or_else(|error| panic!("{id}: {error}"));
        ran.verdict.violated.into_keys().collect()
    };
    for seed in 0..SEEDS {
        let scenario = generate::scenario(seed).scenario;
        if happenings(&scenario) < 4 || !violated(Subject::Turquoise, &scenario).is_empty() {
            continue;
        }
        let all = violated(Subject::Mutant(mutant), &scenario);
        let Some(first) = all.first() else { continue };
        let fails = |smaller: &_| violated(Subject::Mutant(mutant), smaller).contains(first);
        let smaller = shrink(&scenario, fails);
        assert!(
            violated(Subject::Mutant(mutant), &smaller.scenario).contains(first),
            "{id} on seed {seed} no longer violates {first}"
        );
        return (
            happenings(&scenario),
            happenings(&smaller.scenario),
            smaller.executions,
        );
    }
    panic!("{id} fails in no storm of {SEEDS} seeds");
}

#[test]
fn planted_failures_shrink_to_what_they_need_within_the_budget() {
    for id in ["kill-inflight", "lost-update", "empty-pool"] {
        let (before, after, executions) = shrunk(id);
        println!("{id}: {before} happenings, {after} left after {executions} executions");
        assert!(after <= LEFT, "{id}: {after} of {before} left");
        assert!(executions <= BUDGET, "{id}: {executions} executions");
    }
}
