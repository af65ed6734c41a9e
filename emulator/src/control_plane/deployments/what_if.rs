//! What a deployment would do, as `az deployment group what-if` prints it.
//!
//! Each resource goes through everything that a PUT of it would go through up to the first change;
//! what would be stored is compared with what is. So a template that was just deployed shows no
//! change, whatever its providers completed. The shape of the answer is the specification's
//! `WhatIfOperationResult` (azure-facts.md §4.2).

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as tree};
use turquoise_template::Plan;
use turquoise_template::plan::Mode;

use super::preflight::{MAX_NESTING, Place};
use crate::control_plane::answer::Answer;
use crate::control_plane::provider::PutMode;
use crate::control_plane::schema;
use crate::control_plane::schema::normalise::normalise_child;
use crate::control_plane::write::Draft;
use crate::control_plane::{ControlPlane, Turn};

impl ControlPlane {
    pub(super) fn what_if(
        &mut self,
        turn: Turn<'_>,
        scope: &str,
        id: &ResourceId,
    ) -> Result<Answer, ArmError> {
        let asked = self.asked(turn, scope, id)?;
        let mut named = BTreeSet::new();
        let mut changes = Vec::new();
        self.plan_changes(turn, &asked.plan, &mut named, &mut changes, 0)?;
        let change_type = match asked.mode {
            Mode::Complete => "Delete",
            Mode::Incremental => "Ignore",
        };
        for surplus in self.surplus(id, &named) {
            let before = self.document(&surplus);
            changes.push(json!({
                "resourceId": surplus.as_str(),
                "changeType": change_type,
                "before": before,
            }));
        }
        changes.sort_by_key(|change| {
            change["resourceId"]
                .as_str()
                .unwrap_or_default()
                .to_lowercase()
        });
        Ok(Answer::ok(&json!({
            "status": "Succeeded",
            "properties": {"changes": changes, "potentialChanges": [], "diagnostics": []},
        })))
    }

    fn plan_changes(
        &mut self,
        turn: Turn<'_>,
        plan: &Plan,
        named: &mut BTreeSet<ResourceId>,
        changes: &mut Vec<Value>,
        depth: usize,
    ) -> Result<(), ArmError> {
        for (index, resource) in plan.resources().iter().enumerate() {
            if !resource.is_deployed() {
                continue;
            }
            if resource.is_deployment() {
                match self.inner_plan(turn.now, plan, index)? {
                    Some(inner) if depth < MAX_NESTING => {
                        self.plan_changes(turn, &inner, named, changes, depth + 1)?;
                    }
                    _ => changes.push(unsupported(
                        &resource.id,
                        "The nested template depends on what is not there before the deployment.",
                    )),
                }
                continue;
            }
            let body = self.body_beforehand(plan, index)?;
            let Ok(id) = ResourceId::parse(&resource.id) else {
                continue;
            };
            named.extend(id.parent());
            named.insert(id.clone());
            changes.push(self.change(turn, &id, &resource.api_version, &body));
        }
        Ok(())
    }

    /// What a PUT of `body` would change.
    fn change(
        &mut self,
        turn: Turn<'_>,
        id: &ResourceId,
        api_version: &str,
        body: &Value,
    ) -> Value {
        let place = match self.place_of(id, api_version) {
            Ok(place) => place,
            Err(error) => return unsupported(id.as_str(), &error.body.message),
        };
        let compared = match place {
            Place::Extension => {
                return unsupported(
                    id.as_str(),
                    "Locks and tags are written without comparison.",
                );
            }
            Place::Group => self.group_models(id, body),
            Place::Resource(provider) => self.models(turn, provider, id, api_version, body),
            Place::Child(provider, route) => {
                self.child_models(provider, route.collection, id, body)
            }
        };
        match compared {
            Ok((before, after)) => described(id, api_version, before, after),
            Err(error) => unsupported(id.as_str(), &error.body.message),
        }
    }

    fn models(
        &self,
        turn: Turn<'_>,
        provider: usize,
        id: &ResourceId,
        api_version: &str,
        body: &Value,
    ) -> Result<(Option<Value>, Value), ArmError> {
        let kind = self.providers[provider].kind();
        let held = self.store.get(id);
        let id = held.map_or(id, |held| &held.id);
        let previous = held.map(|held| held.model.clone());
        let merges = kind.put == PutMode::Merge && previous.is_some();
        let mode = if merges {
            schema::Mode::Part
        } else {
            schema::Mode::Full
        };
        let model = self.read_body(kind, id, body, mode, previous.as_deref())?;
        let draft = Draft {
            provider,
            id,
            method: &Method::PUT,
            sent: (&Method::PUT, id.as_str()),
            model: model.clone(),
            caller: turn.request.caller(),
            api_version,
            if_match: None,
        };
        // What refers to resources still to come cannot be completed yet.
        let after = self.would_store(&draft).unwrap_or(model);
        Ok((previous.map(|previous| (*previous).clone()), after))
    }

    fn child_models(
        &self,
        provider: usize,
        collection: &str,
        id: &ResourceId,
        body: &Value,
    ) -> Result<(Option<Value>, Value), ArmError> {
        let kind = self.providers[provider].kind();
        let mut body = body.clone();
        body["name"] = id.name().into();
        let after = match kind.schema.collection(collection) {
            None => body,
            Some(collection) => normalise_child(collection, &body)
                .map_err(|problem| crate::control_plane::body::problem_error(kind, problem))?,
        };
        Ok((self.store.child_model(id).cloned(), after))
    }

    fn group_models(
        &self,
        id: &ResourceId,
        body: &Value,
    ) -> Result<(Option<Value>, Value), ArmError> {
        let given = tree::text(body, "location").unwrap_or_default();
        let location = crate::control_plane::locations::short_name(
            given,
            "Microsoft.Resources/resourceGroups",
        )?;
        let mut after = json!({"location": location});
        if let Some(tags) = tree::get(body, "tags") {
            after["tags"] = tags.clone();
        }
        let before = self.group_document_of(id).map(|document| {
            let mut before = json!({"location": document["location"]});
            if let Some(tags) = document.get("tags") {
                before["tags"] = tags.clone();
            }
            before
        });
        Ok((before, after))
    }
}

fn unsupported(id: &str, reason: &str) -> Value {
    json!({"resourceId": id, "changeType": "Unsupported", "unsupportedReason": reason})
}

fn described(id: &ResourceId, api_version: &str, before: Option<Value>, after: Value) -> Value {
    let kind = id.resource_type();
    let kind = kind
        .as_ref()
        .map_or("Microsoft.Resources/resourceGroups", |kind| kind.as_str());
    let whole = |model: &Value| {
        let mut document = json!({
            "apiVersion": api_version,
            "id": id.as_str(),
            "name": id.name(),
            "resourceGroup": id.group_name(),
            "type": kind,
        });
        if let (Some(document), Some(model)) = (document.as_object_mut(), model.as_object()) {
            document.extend(
                model
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        document
    };
    let Some(before) = before else {
        return json!({
            "resourceId": id.as_str(),
            "changeType": "Create",
            "after": whole(&after),
        });
    };
    let delta = differences("", &before, &after);
    let change_type = if delta.is_empty() {
        "NoChange"
    } else {
        "Modify"
    };
    json!({
        "resourceId": id.as_str(),
        "changeType": change_type,
        "before": whole(&before),
        "after": whole(&after),
        "delta": delta,
    })
}

/// The changes of a value's members, each with its path from the nearest array or the resource.
fn differences(path: &str, before: &Value, after: &Value) -> Vec<Value> {
    if before == after {
        return Vec::new();
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let added = new.keys().filter(|name| !old.contains_key(*name));
            let names: Vec<&String> = old.keys().chain(added).collect();
            let none = Value::Null;
            names
                .into_iter()
                .flat_map(|name| {
                    let inner = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    let (old, new) = (
                        old.get(name).unwrap_or(&none),
                        new.get(name).unwrap_or(&none),
                    );
                    differences(&inner, old, new)
                })
                .collect()
        }
        (Value::Array(old), Value::Array(new)) => {
            vec![json!({
                "path": path,
                "propertyChangeType": "Array",
                "before": null,
                "after": null,
                "children": array_differences(old, new),
            })]
        }
        (Value::Null, after) => vec![leaf(path, "Create", &Value::Null, after)],
        (before, Value::Null) => vec![leaf(path, "Delete", before, &Value::Null)],
        (before, after) => vec![leaf(path, "Modify", before, after)],
    }
}

/// Items are compared by position, or by name where they have one.
fn array_differences(old: &[Value], new: &[Value]) -> Vec<Value> {
    let same =
        |one: &Value, other: &Value| match (tree::text(one, "name"), tree::text(other, "name")) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            _ => false,
        };
    let named = old
        .iter()
        .chain(new)
        .all(|item| tree::text(item, "name").is_some());
    let counterpart = |index: usize, item: &Value, others: &[Value]| {
        if named {
            others.iter().position(|other| same(item, other))
        } else {
            (index < others.len()).then_some(index)
        }
    };
    let mut children = Vec::new();
    for (index, item) in old.iter().enumerate() {
        let path = index.to_string();
        match counterpart(index, item, new) {
            None => children.push(leaf(&path, "Delete", item, &Value::Null)),
            Some(at) => {
                let inner = differences("", item, &new[at]);
                if inner.len() == 1 && inner[0]["path"] == "" {
                    children.push(leaf(&path, "Modify", item, &new[at]));
                } else if !inner.is_empty() {
                    children.push(json!({
                        "path": path,
                        "propertyChangeType": "Modify",
                        "before": null,
                        "after": null,
                        "children": inner,
                    }));
                }
            }
        }
    }
    for (index, item) in new.iter().enumerate() {
        if counterpart(index, item, old).is_none() {
            children.push(leaf(&index.to_string(), "Create", &Value::Null, item));
        }
    }
    children
}

fn leaf(path: &str, change: &str, before: &Value, after: &Value) -> Value {
    json!({
        "path": path,
        "propertyChangeType": change,
        "before": before,
        "after": after,
        "children": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_paths_and_kinds() {
        let before = json!({"tags": {"a": "1"}, "properties": {"x": 1, "list": [{"name": "p", "v": 1}, {"name": "q"}], "plain": ["a"]}});
        let after = json!({"tags": {"b": "2"}, "properties": {"x": 2, "list": [{"name": "r"}, {"name": "p", "v": 2}], "plain": ["b"]}});
        let found = differences("", &before, &after);
        let shown: Vec<String> = found
            .iter()
            .map(|one| format!("{} {}", one["propertyChangeType"], one["path"]).replace('"', ""))
            .collect();
        assert_eq!(
            shown,
            [
                "Delete tags.a",
                "Create tags.b",
                "Modify properties.x",
                "Array properties.list",
                "Array properties.plain"
            ]
        );
        let list: Vec<String> = found[3]["children"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| format!("{} {}", one["propertyChangeType"], one["path"]).replace('"', ""))
            .collect();
        assert_eq!(list, ["Modify 0", "Delete 1", "Create 0"]);
        assert_eq!(found[3]["children"][0]["children"][0]["path"], "v");
        assert_eq!(found[4]["children"][0]["propertyChangeType"], "Modify");
        assert!(differences("", &before, &before).is_empty());
    }
}
