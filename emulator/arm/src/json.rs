//! Lenient access to JSON trees: member names match in any case (azure-facts.md §1.2).
//!
//! Resources stay whole trees, so that members nobody here knows survive a round trip; these
//! helpers are how both sides look into such a tree without a schema.

use serde_json::{Map, Value};

/// The member `name` of an object, in whatever case it was written; `null` counts as absent.
#[must_use]
pub fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    let found = match members.get(name) {
        Some(exact) => Some(exact),
        None => members
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, found)| found),
    };
    found.filter(|v| !v.is_null())
}

/// The member of an object for writing, in whatever case it was written.
#[must_use]
pub fn get_mut<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let key = key_of(value.as_object()?, name)?;
    value.as_object_mut()?.get_mut(&key)
}

fn key_of(members: &Map<String, Value>, name: &str) -> Option<String> {
    if members.contains_key(name) {
        return Some(name.to_owned());
    }
    members
        .keys()
        .find(|key| key.eq_ignore_ascii_case(name))
        .cloned()
}

/// Follows a dotted path such as `properties.sku.name`.
#[must_use]
pub fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, get)
}

/// The text at a dotted path.
#[must_use]
pub fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    at(value, path)?.as_str()
}

/// The whole number at a dotted path; digits in a string count (az sends them).
#[must_use]
pub fn integer(value: &Value, path: &str) -> Option<i64> {
    let found = at(value, path)?;
    found
        .as_i64()
        .or_else(|| found.as_str().and_then(|digits| digits.parse().ok()))
}

/// The truth value at a dotted path; `"true"` and `"false"` count in any case.
#[must_use]
pub fn boolean(value: &Value, path: &str) -> Option<bool> {
    let found = at(value, path)?;
    found.as_bool().or_else(|| {
        let word = found.as_str()?.to_ascii_lowercase();
        word.parse().ok()
    })
}

/// The elements of the array at a dotted path; nothing where there is none.
pub fn items<'a>(value: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    at(value, path)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The element of the array at `path` whose `name` is `name`, in any case.
#[must_use]
pub fn named<'a>(value: &'a Value, path: &str, name: &str) -> Option<&'a Value> {
    items(value, path).find(|item| text(item, "name").is_some_and(|n| n.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_found_in_any_case_and_null_is_absent() {
        let gateway = json!({"Properties": {"BackendAddressPools": [{"Name": "a", "port": "80"}], "x": null}});
        let pool =
            named(&gateway, "properties.backendAddressPools", "A").expect("the pool is there");
        assert_eq!(integer(pool, "port"), Some(80));
        assert_eq!(at(&gateway, "properties.x"), None);
    }
}
