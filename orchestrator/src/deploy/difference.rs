//! Whether a resource already is what we want, and how to make it so without losing the rest.
//!
//! Azure answers with more than was sent: defaults, ids, back-references. So "is as wanted" means
//! that every wanted member is there with the wanted value; names, ids and enumerations compare
//! without case, numbers may come back as text.

use serde_json::Value;
use turquoise_arm::json;

/// Whether `found` has everything of `wanted`.
pub(super) fn contains(found: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(members) => {
            members
                .iter()
                .all(|(name, wanted)| match json::get(found, name) {
                    Some(found) => contains(found, wanted),
                    None => wanted.is_null(),
                })
        }
        Value::Array(wanted) => found
            .as_array()
            .is_some_and(|found| list_contains(found, wanted)),
        Value::String(wanted) => plain(found).is_some_and(|f| f.eq_ignore_ascii_case(wanted)),
        Value::Number(_) | Value::Bool(_) => plain(found) == plain(wanted),
        Value::Null => true,
    }
}

/// Named elements are matched by name in any order; others in their order, and all of them.
fn list_contains(found: &[Value], wanted: &[Value]) -> bool {
    if wanted.iter().all(|element| name_of(element).is_some()) {
        return wanted.iter().all(|element| {
            find_named(found, element).is_some_and(|index| contains(&found[index], element))
        });
    }
    found.len() == wanted.len() && found.iter().zip(wanted).all(|(f, w)| contains(f, w))
}

/// `found` with everything of `wanted` put over it; what `wanted` does not speak of stays.
pub(super) fn merge(found: &mut Value, wanted: &Value) {
    match wanted {
        Value::Object(members) => {
            if !found.is_object() {
                *found = Value::Object(serde_json::Map::new());
            }
            for (name, wanted) in members {
                merge(member(found, name), wanted);
            }
        }
        Value::Array(wanted) if wanted.iter().all(|element| name_of(element).is_some()) => {
            merge_named(found, wanted);
        }
        plain => *found = plain.clone(),
    }
}

fn merge_named(found: &mut Value, wanted: &[Value]) {
    if !found.is_array() {
        *found = Value::Array(Vec::new());
    }
    let Some(elements) = found.as_array_mut() else {
        return;
    };
    for element in wanted {
        match find_named(elements, element) {
            Some(index) => merge(&mut elements[index], element),
            None => elements.push(element.clone()),
        }
    }
}

/// The member for writing, in the case it already has.
fn member<'a>(object: &'a mut Value, name: &str) -> &'a mut Value {
    let known = object.as_object().and_then(|members| {
        let mut names = members.keys();
        names
            .find(|known| known.eq_ignore_ascii_case(name))
            .cloned()
    });
    &mut object[known.as_deref().unwrap_or(name)]
}

fn name_of(element: &Value) -> Option<&str> {
    json::text(element, "name")
}

fn find_named(elements: &[Value], wanted: &Value) -> Option<usize> {
    let name = name_of(wanted)?;
    elements
        .iter()
        .position(|element| name_of(element).is_some_and(|n| n.eq_ignore_ascii_case(name)))
}

/// A plain value as text, so that `"3"` is 3 and `"True"` is true.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_ascii_lowercase()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_azure_adds_is_no_difference_and_what_it_lacks_is() {
        for (found, wanted, same) in [
            (json!({"a": 1, "b": 2}), json!({"a": 1}), true),
            (json!({"A": "X"}), json!({"a": "x"}), true),
            (json!({"a": "3"}), json!({"a": 3}), true),
            (json!({"a": 1}), json!({"a": 2}), false),
            (json!({}), json!({"a": 1}), false),
            (
                json!([{"name": "b"}, {"name": "A", "x": 1}]),
                json!([{"name": "a", "x": 1}]),
                true,
            ),
            (
                json!([{"name": "a", "x": 2}]),
                json!([{"name": "a", "x": 1}]),
                false,
            ),
            (json!(["200"]), json!(["200", "201"]), false),
            (json!([{"id": "/X"}]), json!([{"id": "/x"}]), true),
        ] {
            assert_eq!(contains(&found, &wanted), same, "{found} {wanted}");
        }
    }

    #[test]
    fn a_merge_keeps_what_it_does_not_know() {
        let mut found = json!({
            "Tags": {"owner": "x"},
            "properties": {"pools": [{"name": "mine", "etag": "e", "n": 1}, {"name": "theirs"}]},
        });
        merge(
            &mut found,
            &json!({"tags": {"a": "b"}, "properties": {"pools": [{"name": "Mine", "n": 2}]}}),
        );
        assert_eq!(
            found,
            json!({
                "Tags": {"owner": "x", "a": "b"},
                "properties": {
                    "pools": [{"name": "Mine", "etag": "e", "n": 2}, {"name": "theirs"}],
                },
            })
        );
    }
}
