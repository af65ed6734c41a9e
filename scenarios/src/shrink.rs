//! A smaller scenario with the same failure.
//!
//! First the world is made small where that goes, because every later execution then costs less.
//! Then whatever happens is halved away, chunk by chunk (delta debugging), the surroundings are made
//! plain, and what is left is made milder. An edit is kept if the scenario still fails in
//! the same way (H14: the caller's test compares the violated invariant). Because every draw is
//! keyed, an edit moves nothing else.
//!
//! Edits are made on the scenario's JSON: whatever a scenario learns to hold is shrunk too, and a
//! document that is no scenario any more costs no execution.

use serde_json::Value;

use crate::clients::profile::Shape;
use crate::scenario::{ProbeTimes, Scenario};

/// No more executions than this: proptest needed 240 for the prototype's minimum (simulation.md A5).
pub const BUDGET: u32 = 250;

/// Members that are surroundings, not things that happen: no element of their lists is removed.
const SURROUNDINGS: [&str; 6] = ["version", "seed", "topology", "traffic", "latency", "azure"];

/// A shrunken scenario and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// The smallest scenario found that still fails.
    pub scenario: Scenario,
    /// Runs made.
    pub executions: u32,
}

/// Shrinks `scenario`, which fails, within [`BUDGET`] calls of `fails`.
pub fn shrink(scenario: &Scenario, fails: impl FnMut(&Scenario) -> bool) -> Shrunk {
    let mut search = Search {
        best: scenario.clone(),
        document: document(scenario),
        executions: 0,
        fails,
    };
    search.smaller_world();
    loop {
        let before = search.document.clone();
        search.fewer_events();
        search.plainer_surroundings();
        search.milder_events();
        if search.document == before || search.executions >= BUDGET {
            break;
        }
    }
    Shrunk {
        scenario: search.best,
        executions: search.executions,
    }
}

/// How many things happen in a scenario: elements of its lists, beside topology and traffic.
#[must_use]
pub fn happenings(scenario: &Scenario) -> usize {
    let document = document(scenario);
    // An element of a list inside of an element is part of that.
    let inside = |pointer: &String| {
        pointer
            .split('/')
            .filter(|part| part.parse::<usize>().is_ok())
            .count()
            > 1
    };
    events(&document)
        .iter()
        .filter(|pointer| !inside(pointer))
        .count()
}

struct Search<F> {
    best: Scenario,
    /// [`Self::best`] as JSON.
    document: Value,
    executions: u32,
    fails: F,
}

impl<F: FnMut(&Scenario) -> bool> Search<F> {
    /// Keeps a candidate if it is another scenario that still fails.
    fn try_document(&mut self, candidate: Value) -> bool {
        if candidate == self.document || self.executions >= BUDGET {
            return false;
        }
        let Ok(scenario) = serde_json::from_value::<Scenario>(candidate) else {
            return false;
        };
        self.try_scenario(scenario)
    }

    fn try_scenario(&mut self, scenario: Scenario) -> bool {
        if scenario == self.best || self.executions >= BUDGET {
            return false;
        }
        self.executions += 1;
        let kept = (self.fails)(&scenario);
        if kept {
            self.document = document(&scenario);
            self.best = scenario;
        }
        kept
    }

    /// Removes events in chunks: first all, then halves, down to single ones.
    fn fewer_events(&mut self) {
        let mut chunk = events(&self.document).len();
        while chunk > 0 {
            let mut start = 0;
            while start < events(&self.document).len() {
                let all = events(&self.document);
                let end = all.len().min(start + chunk);
                let candidate = without(&self.document, &all[start..end]);
                if !self.try_document(candidate) {
                    start += chunk;
                }
            }
            chunk /= 2;
        }
    }

    /// Leaves out what has a default, and makes the rest as small and even as it can be.
    fn plainer_surroundings(&mut self) {
        for name in members(&self.document) {
            let mut candidate = self.document.clone();
            if let Some(object) = candidate.as_object_mut() {
                object.shift_remove(&name);
            }
            self.try_document(candidate);
        }
        self.smaller_world();
        self.try_edits(&PARTS);
    }

    /// Few machines, little traffic, even latency.
    fn smaller_world(&mut self) {
        self.try_edits(&[plain_topology, plain_traffic, plain_latency]);
    }

    fn try_edits(&mut self, edits: &[fn(&mut Scenario)]) {
        for edit in edits {
            let mut candidate = self.best.clone();
            edit(&mut candidate);
            self.try_scenario(candidate);
        }
    }

    /// Lowers every number of what happens: to nothing, or by half as often as that goes.
    fn milder_events(&mut self) {
        for pointer in numbers(&self.document) {
            let lowered = |document: &Value, by: fn(i64) -> i64| {
                let mut candidate = document.clone();
                let number = candidate.pointer_mut(&pointer)?;
                *number = Value::from(by(number.as_i64()?));
                Some(candidate)
            };
            let gone = lowered(&self.document, |_| 0);
            if gone.is_some_and(|candidate| self.try_document(candidate)) {
                continue;
            }
            while let Some(candidate) = lowered(&self.document, |number| number / 2) {
                if !self.try_document(candidate) {
                    break;
                }
            }
        }
    }
}

fn document(scenario: &Scenario) -> Value {
    serde_json::to_value(scenario).expect("because a scenario holds only numbers, texts and lists")
}

/// The members that happen or may be left out.
fn members(document: &Value) -> Vec<String> {
    let object = document.as_object().into_iter().flatten();
    let names = object.map(|(name, _)| name.clone());
    names
        .filter(|name| !SURROUNDINGS.contains(&name.as_str()))
        .collect()
}

/// JSON pointers of everything that happens: every element of every list, an element before those
/// inside of it.
fn events(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for name in members(document) {
        walk(
            &document[&name],
            &format!("/{name}"),
            &mut |pointer, _, in_list| {
                if in_list {
                    found.push(pointer.to_owned());
                }
            },
        );
    }
    found
}

/// JSON pointers of every whole number of what happens.
fn numbers(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for name in members(document) {
        walk(
            &document[&name],
            &format!("/{name}"),
            &mut |pointer, value, _| {
                if value.as_i64().is_some_and(|number| number != 0) {
                    found.push(pointer.to_owned());
                }
            },
        );
    }
    found
}

/// Tells every value below and including `value`, and whether it is an element of a list.
fn walk(value: &Value, pointer: &str, tell: &mut dyn FnMut(&str, &Value, bool)) {
    walk_from(value, pointer, false, tell);
}

fn walk_from(
    value: &Value,
    pointer: &str,
    in_list: bool,
    tell: &mut dyn FnMut(&str, &Value, bool),
) {
    tell(pointer, value, in_list);
    match value {
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                walk_from(element, &format!("{pointer}/{index}"), true, tell);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                walk_from(member, &format!("{pointer}/{name}"), false, tell);
            }
        }
        _ => {}
    }
}

/// The document without these elements; from the last to the first, so that each pointer still
/// leads to its element when it is removed.
fn without(document: &Value, elements: &[String]) -> Value {
    let mut document = document.clone();
    for pointer in elements.iter().rev() {
        let Some((list, index)) = pointer.rsplit_once('/') else {
            continue;
        };
        let list = document.pointer_mut(list).and_then(Value::as_array_mut);
        if let (Some(list), Ok(index)) = (list, index.parse::<usize>())
            && index < list.len()
        {
            list.remove(index);
        }
    }
    document
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

const fn plain_latency(scenario: &mut Scenario) {
    scenario.latency.max_ms = scenario.latency.min_ms;
}

/// Parts of the plain surroundings, for scenarios that do not fail in all of them.
const PARTS: [fn(&mut Scenario); 6] = [
    |s| s.topology.gateway_instances = 1,
    |s| s.topology.new_instances = s.topology.old_instances,
    |s| s.topology.autoscale = false,
    |s| s.topology.gateway_probe = ProbeTimes::TUNED,
    |s| s.traffic.without_long_work(),
    |s| s.traffic.profile.arrivals = Shape::Steady,
];

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
    fn a_hundred_innocent_faults_go_in_chunks() {
        let mut scenario = with("sick");
        let guilty = scenario.faults.iter().position(|f| f.kind.name() == "sick");
        let guilty = scenario.faults.remove(guilty.expect("it has one"));
        let innocent: Vec<_> = scenario
            .faults
            .iter()
            .filter(|f| f.kind.name() != "sick")
            .cloned()
            .collect();
        scenario.faults = innocent.iter().cycle().take(100).cloned().collect();
        scenario.faults.insert(63, guilty);
        let shrunk = shrink(&scenario, |s| {
            s.faults.iter().any(|f| f.kind.name() == "sick")
        });
        assert_eq!(shrunk.scenario.faults.len(), 1);
        assert!(shrunk.executions < 60, "{}", shrunk.executions);
    }

    #[test]
    fn numbers_of_what_happens_are_lowered() {
        let mut scenario = with("sick");
        scenario.faults[0].at_ms = 1_000_000;
        let late = |s: &Scenario| s.faults.iter().any(|f| f.at_ms >= 100_000);
        let shrunk = shrink(&scenario, late);
        let left: Vec<_> = shrunk.scenario.faults.iter().map(|f| f.at_ms).collect();
        assert_eq!(left.len(), 1);
        assert!((100_000..200_000).contains(&left[0]), "{left:?}");
    }

    #[test]
    fn what_fails_only_as_it_is_stays_as_it_is() {
        let scenario = with("sick");
        assert_eq!(shrink(&scenario, |_| false).scenario, scenario);
    }
}
