//! Where a resource's document leads: the ids of others that it names.

use std::collections::BTreeSet;

use serde_json::Value;

/// Every id below `value` that leads out of `own`.
pub(crate) fn collect(value: &Value, own: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str().filter(|_| name == "id") {
                    Some(id) if !id.starts_with(own) => drop(found.insert(id.to_owned())),
                    _ => collect(value, own, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, own, found)),
        _ => {}
    }
}
