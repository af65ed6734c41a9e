//! What a write changed: JSON pointers from one model to the next.

use serde_json::Value;

/// Pointers to every member that differs, in the order of the documents; empty when none does.
///
/// Lists of named children with equal names are compared child by child; any other list that
/// differs counts as one change. Members that only one side has are named themselves.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(at: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if before == after || (is_nothing(before) && is_nothing(after)) {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let gone = old.keys().filter(|key| !new.contains_key(*key));
            for key in new.keys().chain(gone) {
                let side = |members: &serde_json::Map<String, Value>| {
                    members.get(key).cloned().unwrap_or(Value::Null)
                };
                let step = key.replace('~', "~0").replace('/', "~1");
                compare(&format!("{at}/{step}"), &side(old), &side(new), found);
            }
        }
        (Value::Array(old), Value::Array(new)) if same_children(old, new) => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{at}/{index}"), old, new, found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

/// Clients send back as `[]` the collections they never gave.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Whether both lists hold named children, and the same ones in the same order.
fn same_children(old: &[Value], new: &[Value]) -> bool {
    let name = |item: &Value| Some(item.get("name")?.as_str()?.to_ascii_lowercase());
    let same = |(old, new): (&Value, &Value)| name(old).is_some() && name(old) == name(new);
    old.len() == new.len() && old.iter().zip(new).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_is_named_where_it_is() {
        let before = json!({"tags": {"a": "1"}, "properties": {"backendAddressPools": [
            {"name": "other", "properties": {"backendAddresses": []}},
            {"name": "pool01", "properties": {"backendAddresses": [{"ipAddress": "10.0.0.6"}]}}]}});
        type Case<'a> = (&'a dyn Fn(&mut Value), &'a [&'a str]);
        let cases: [Case<'_>; 6] = [
            (&|_| {}, &[]),
            (&|gateway| gateway["properties"]["probes"] = json!([]), &[]),
            (
                &|gateway| {
                    let pools = &mut gateway["properties"]["backendAddressPools"];
                    pools[1]["properties"]["backendAddresses"] = json!([{"ipAddress": "10.0.0.5"}]);
                },
                &["/properties/backendAddressPools/1/properties/backendAddresses"],
            ),
            (&|gateway| gateway["tags"]["b"] = json!("2"), &["/tags/b"]),
            (&|gateway| gateway["tags"] = Value::Null, &["/tags"]),
            (
                &|gateway| {
                    gateway["properties"]["backendAddressPools"] = json!([{"name": "pool01"}])
                },
                &["/properties/backendAddressPools"],
            ),
        ];
        for (change, expected) in cases {
            let mut after = before.clone();
            change(&mut after);
            assert_eq!(changes(&before, &after), expected);
        }
    }
}
