//! What a write changes, member by member.
//!
//! For people who approve a plan: they see the paths that change and nothing else. Elements of lists
//! that have names are matched by name, in any order; other lists are compared whole.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use turquoise_arm::json as tree;

/// One changed member of a JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where, such as `properties.backendAddressPools[pool01].properties.backendAddresses`.
    pub path: String,
    /// What is there now; absent for what is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What will be there; absent for what is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Every member in which two documents differ, in the order of the first.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(&mut changes, String::new(), Some(before), Some(after));
    changes
}

fn compare(changes: &mut Vec<Change>, path: String, before: Option<&Value>, after: Option<&Value>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(_)), Some(Value::Object(_))) => {
            let names = |value: Option<&Value>| -> Vec<String> {
                let members = value.and_then(Value::as_object);
                members.map_or_else(Vec::new, |m| m.keys().cloned().collect())
            };
            each(changes, names(before), names(after), |name| {
                let member = |value: Option<&Value>| value?.get(name).cloned();
                (joined(&path, name), member(before), member(after))
            });
        }
        (Some(Value::Array(left)), Some(Value::Array(right)))
            if named(left) && named(right) && !(left.is_empty() && right.is_empty()) =>
        {
            each(changes, names(left), names(right), |name| {
                let element = |list: &[Value]| find(list, name).cloned();
                (format!("{path}[{name}]"), element(left), element(right))
            });
        }
        _ => changes.push(Change {
            path,
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

/// Compares what is called the same on either side; what only the second has comes last.
fn each(
    changes: &mut Vec<Change>,
    left: Vec<String>,
    right: Vec<String>,
    pick: impl Fn(&str) -> (String, Option<Value>, Option<Value>),
) {
    let added: Vec<String> = right.into_iter().filter(|n| !left.contains(n)).collect();
    for name in left.iter().chain(&added) {
        let (path, before, after) = pick(name);
        compare(changes, path, before.as_ref(), after.as_ref());
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() {
        return name.to_owned();
    }
    format!("{path}.{name}")
}

fn named(list: &[Value]) -> bool {
    list.iter()
        .all(|element| tree::text(element, "name").is_some())
}

fn names(list: &[Value]) -> Vec<String> {
    list.iter()
        .filter_map(|element| tree::text(element, "name"))
        .map(str::to_owned)
        .collect()
}

fn find<'a>(list: &'a [Value], name: &str) -> Option<&'a Value> {
    list.iter()
        .find(|element| tree::text(element, "name") == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_told_and_named_elements_by_their_name() {
        let before = json!({
            "a": 1,
            "pools": [{"name": "x", "list": [{"ip": 1}]}, {"name": "y", "n": 0}],
            "gone": true,
        });
        let after = json!({
            "a": 1,
            "pools": [{"name": "y", "n": 0}, {"name": "x", "list": [{"ip": 1}, {"ip": 2}]}],
            "new": "b",
        });
        let told: Vec<(String, bool, bool)> = differences(&before, &after)
            .into_iter()
            .map(|c| (c.path, c.before.is_some(), c.after.is_some()))
            .collect();
        assert_eq!(
            told,
            [
                ("pools[x].list".to_owned(), true, true),
                ("gone".to_owned(), true, false),
                ("new".to_owned(), false, true),
            ]
        );
        assert_eq!(differences(&before, &before), []);
    }
}
