//! Faults by hand: an example of each kind, and those that are armed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::{Fault, FaultKind};

/// An example of each kind, as a form begins with.
const EXAMPLES: &str = include_str!("faults.json");

/// A fault as it is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Order {
    /// From now until it is armed, in milliseconds of cloud time.
    #[serde(default)]
    in_ms: u64,
    fault: FaultKind,
}

/// What was armed by hand and not taken back, by its place in the schedule.
#[derive(Debug, Default)]
pub(super) struct ByHand(BTreeMap<usize, Fault>);

impl Order {
    pub(super) fn fault(self, now_ms: u64) -> Fault {
        Fault {
            at_ms: now_ms + self.in_ms,
            kind: self.fault,
        }
    }
}

impl ByHand {
    pub(super) fn add(&mut self, index: usize, fault: Fault) {
        self.0.insert(index, fault);
    }

    pub(super) fn remove(&mut self, index: usize) -> bool {
        self.0.remove(&index).is_some()
    }

    /// Forgets all of them, and says which there were.
    pub(super) fn clear(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.0).into_keys().collect()
    }

    pub(super) fn document(&self) -> Value {
        let armed = self.0.iter().map(|(index, fault)| {
            json!({
                "index": index,
                "name": fault.kind.name(),
                "at_ms": fault.at_ms,
                "fault": fault.kind,
            })
        });
        let armed: Vec<Value> = armed.collect();
        let kinds: Value = serde_json::from_str(EXAMPLES).unwrap_or_default();
        json!({"armed": armed, "kinds": kinds})
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_example_is_a_fault_that_its_own_point_names() {
        let examples: Vec<Value> = serde_json::from_str(EXAMPLES).expect("JSON");
        let mut names = BTreeSet::new();
        for example in &examples {
            let kind: FaultKind =
                serde_json::from_value(example["fault"].clone()).expect("a fault of ours");
            assert!(example["point"].is_string() && example["about"].is_string());
            names.insert(kind.name());
        }
        assert_eq!(names.len(), examples.len(), "each kind once");
        assert!(names.contains("sick") && names.contains("after_gateway_write"));
    }
}
