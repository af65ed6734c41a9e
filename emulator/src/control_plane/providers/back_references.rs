//! Who uses whom inside a document: the read-only lists Azure fills in.
//!
//! A rule names its listener; the listener's answer lists the rule. These lists come from the
//! references the store keeps, so that they cannot disagree with what protects a child from being
//! removed (azure-facts.md §0.2 fact 15).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use turquoise_arm::ResourceId;

use crate::control_plane::references::Reference;

/// Lists to fill: the id of a child, then the list's name and the ids in it.
type Lists = BTreeMap<String, Vec<(String, ResourceId)>>;

/// Fills the lists of every child in `document`. `list` names the list that a child of the first
/// collection appears in on a child of the second, or `None` where Azure shows none.
pub(crate) fn fill(
    document: &mut Value,
    references: &[Reference],
    list: impl Fn(&str, &str) -> Option<&'static str>,
) {
    let mut lists = Lists::new();
    for reference in references.iter().filter(|r| r.to.is_within(&r.owner)) {
        if let Some(name) = list(collection(&reference.from), collection(&reference.to)) {
            let held = lists.entry(reference.to.key().to_owned()).or_default();
            held.push((name.to_owned(), reference.from.clone()));
        }
    }
    if !lists.is_empty() {
        walk(document, &lists);
    }
}

/// The collection a child lies in: the last segment but one of its id.
pub(crate) fn collection(id: &ResourceId) -> &str {
    id.as_str().rsplit('/').nth(1).unwrap_or_default()
}

/// Appends `{"id": …}` to the list `name` of a child's `properties`, once.
pub(crate) fn push(child: &mut Value, name: &str, id: &ResourceId) {
    let Some(properties) = child.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    let list = properties.entry(name).or_insert_with(|| json!([]));
    let entry = json!({"id": id.as_str()});
    if let Some(list) = list.as_array_mut().filter(|list| !list.contains(&entry)) {
        list.push(entry);
    }
}

/// Fills a resource's own list, such as `subnets`, with those users that lie in a collection of that
/// name; where there are none Azure shows no list.
pub(crate) fn fill_users(document: &mut Value, users: &[Reference], name: &str) {
    let segment = format!("/{}/", name.to_ascii_lowercase());
    let users = users.iter().filter(|by| by.from.key().contains(&segment));
    let users: Vec<Value> = users.map(|by| json!({"id": by.from.as_str()})).collect();
    if !users.is_empty() {
        document["properties"][name] = users.into();
    }
}

fn walk(value: &mut Value, lists: &Lists) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, lists)),
        Value::Object(members) => {
            for inner in members.values_mut() {
                walk(inner, lists);
            }
            fill_child(value, lists);
        }
        _ => {}
    }
}

fn fill_child(child: &mut Value, lists: &Lists) {
    let key = child.get("id").and_then(Value::as_str);
    let Some(found) = key.and_then(|key| lists.get(&key.to_ascii_lowercase())) else {
        return;
    };
    // A bare `{"id": …}` is somebody's reference, not the child itself.
    for (name, from) in found {
        push(child, name, from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::references;

    #[test]
    fn a_listener_lists_its_rules_and_references_stay_bare() {
        let id = "/subscriptions/s/resourceGroups/g/providers/N/applicationGateways/gw";
        let listener = format!("{id}/httpListeners/l1");
        let model = json!({"properties": {
            "httpListeners": [{"name": "l1", "properties": {}}],
            "requestRoutingRules": [{"name": "r1", "properties": {"httpListener": {"id": listener}}}]}});
        let owner = ResourceId::parse(id).expect("the literal is an id");
        let references = references::collect(&owner, &model).expect("the reference is an id");
        let mut document = model;
        document["properties"]["httpListeners"][0]["id"] = listener.to_uppercase().into();
        fill(&mut document, &references, |from, to| {
            (from == "requestRoutingRules" && to == "httpListeners")
                .then_some("requestRoutingRules")
        });
        let properties = &document["properties"];
        assert_eq!(
            properties["httpListeners"][0]["properties"],
            json!({"requestRoutingRules": [{"id": format!("{id}/requestRoutingRules/r1")}]})
        );
        assert_eq!(
            properties["requestRoutingRules"][0]["properties"],
            json!({"httpListener": {"id": listener}})
        );
    }
}
