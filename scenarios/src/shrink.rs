//! A smaller scenario with the same failure.
//!
//! Every edit removes or lowers one thing and is kept if the scenario still fails in the same way
//! (H14: the caller's test compares the violated invariant). Because every draw is keyed, an edit
//! moves nothing else.

use turquoise_emulator::faults::FaultKind;

use crate::clients::profile::Shape;
use crate::scenario::{ProbeTimes, Scenario};

/// No more executions than this: proptest needed 240 for the prototype's minimum (simulation.md A5).
pub const BUDGET: u32 = 250;

/// A shrunken scenario and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// The smallest scenario found that still fails.
    pub scenario: Scenario,
    /// Runs made.
    pub executions: u32,
}

/// Shrinks `scenario`, which fails, within [`BUDGET`] calls of `fails`.
pub fn shrink(scenario: &Scenario, mut fails: impl FnMut(&Scenario) -> bool) -> Shrunk {
    let mut best = scenario.clone();
    let mut executions = 0;
    'again: loop {
        for candidate in candidates(&best) {
            if executions == BUDGET {
                break 'again;
            }
            executions += 1;
            if fails(&candidate) {
                best = candidate;
                continue 'again;
            }
        }
        break;
    }
    Shrunk {
        scenario: best,
        executions,
    }
}

/// Every scenario one step smaller, the largest steps first.
fn candidates(scenario: &Scenario) -> Vec<Scenario> {
    let mut smaller = Vec::new();
    let mut push = |edit: &dyn Fn(&mut Scenario)| {
        let mut candidate = scenario.clone();
        edit(&mut candidate);
        if candidate != *scenario {
            smaller.push(candidate);
        }
    };
    push(&|s| s.faults.clear());
    push(&|s| s.foreign.clear());
    for index in (0..scenario.faults.len()).rev() {
        push(&|s| drop(s.faults.remove(index)));
    }
    push(&|s| drop(s.foreign.pop()));
    push(&plain_topology);
    push(&plain_traffic);
    for index in 0..scenario.faults.len() {
        push(&|s| milder(&mut s.faults[index].kind));
        push(&|s| s.faults[index].at_ms = 0);
        push(&|s| s.faults[index].at_ms /= 2);
    }
    push(&|s| s.topology.gateway_instances = 1);
    push(&|s| s.topology.new_instances = s.topology.old_instances);
    push(&|s| s.topology.autoscale = false);
    push(&|s| s.latency.max_ms = s.latency.min_ms);
    smaller
}

fn plain_topology(scenario: &mut Scenario) {
    let topology = &mut scenario.topology;
    topology.gateway_instances = 1;
    topology.old_instances = 2;
    topology.new_instances = 2;
    topology.gateway_probe = ProbeTimes::TUNED;
    topology.autoscale = false;
}

fn plain_traffic(scenario: &mut Scenario) {
    let traffic = &mut scenario.traffic;
    traffic.without_long_work();
    traffic.profile.arrivals = Shape::Steady;
    traffic.profile.rate = traffic.profile.rate.min(10.0);
}

/// The same fault, less of it.
fn milder(kind: &mut FaultKind) {
    match kind {
        FaultKind::Refuse { count, .. }
        | FaultKind::ResetBefore { count, .. }
        | FaultKind::ReplyLost { count, .. }
        | FaultKind::FailOperation { count, .. }
        | FaultKind::PartialGrant { count, .. }
        | FaultKind::BareAnswer { count, .. }
        | FaultKind::FailApplied { count, .. }
        | FaultKind::Kill { count, .. } => *count = (*count).div_ceil(2),
        FaultKind::SlowOperation {
            count, extra_ms, ..
        }
        | FaultKind::LateActivation {
            count, extra_ms, ..
        } => {
            *count = (*count).div_ceil(2);
            *extra_ms = halved(*extra_ms);
        }
        FaultKind::Sick { for_ms, .. }
        | FaultKind::SlowStart { for_ms, .. }
        | FaultKind::SlowWarmUp { for_ms, .. }
        | FaultKind::Isolated { for_ms, .. }
        | FaultKind::SharedDependency { for_ms, .. }
        | FaultKind::Deny { for_ms, .. }
        | FaultKind::ThrottleStorm { for_ms, .. }
        | FaultKind::Outage { for_ms }
        | FaultKind::StaleRead { for_ms, .. }
        | FaultKind::PlatformUpgrade { for_ms }
        | FaultKind::HealthOmits { for_ms, .. } => *for_ms = halved(*for_ms),
        FaultKind::RevokeTokens => {}
        FaultKind::AfterGatewayWrite { fault, .. } => milder(fault),
    }
}

/// Half, in whole seconds, never nothing.
fn halved(millis: u64) -> u64 {
    if millis <= 1_000 {
        return millis;
    }
    (millis / 2_000).max(1) * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;

    /// A seed whose scenario has a fault of that name beside others.
    fn with(name: &str) -> Scenario {
        (0..)
            .map(|seed| generate::scenario(seed).scenario)
            .find(|s| s.faults.len() > 3 && s.faults.iter().any(|f| f.kind.name() == name))
            .expect("one in a few seeds has it")
    }

    #[test]
    fn only_the_guilty_fault_is_left() {
        for name in ["reply_lost", "late_activation", "sick", "refuse"] {
            let scenario = with(name);
            let guilty = |s: &Scenario| s.faults.iter().any(|f| f.kind.name() == name);
            let shrunk = shrink(&scenario, guilty);
            let left: Vec<_> = shrunk
                .scenario
                .faults
                .iter()
                .map(|f| f.kind.name())
                .collect();
            assert_eq!(left, [name]);
            assert_eq!(shrunk.scenario.topology.gateway_instances, 1);
            assert_eq!(shrunk.scenario.seed, scenario.seed);
            assert!(shrunk.executions < BUDGET, "{}", shrunk.executions);
        }
    }

    #[test]
    fn a_pair_of_guilty_faults_stays_together() {
        let scenario = with("reply_lost");
        let kinds = |s: &Scenario| {
            s.faults
                .iter()
                .map(|f| f.kind.name())
                .collect::<std::collections::BTreeSet<_>>()
        };
        let pair: Vec<_> = kinds(&scenario).into_iter().take(2).collect();
        let shrunk = shrink(&scenario, |s| {
            pair.iter().all(|name| kinds(s).contains(name))
        });
        assert_eq!(shrunk.scenario.faults.len(), 2);
    }

    #[test]
    fn what_fails_only_as_it_is_stays_as_it_is() {
        let scenario = with("sick");
        assert_eq!(shrink(&scenario, |_| false).scenario, scenario);
    }
}
