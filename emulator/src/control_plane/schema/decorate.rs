//! From a model to an answer: what ARM adds to each document and to each child in it.

use serde_json::{Map, Value};
use turquoise_arm::ResourceId;

use super::{Collection, Member, Presence, Schema, Shape};

/// What the answer says of the whole resource, and repeats in every child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    /// The resource's type, canonical.
    pub(crate) resource_type: &'a str,
    /// The etag, where the type has one; children carry their parent's (azure-facts.md §3.1).
    pub(crate) etag: Option<&'a str>,
    /// `provisioningState`; `None` for types without one.
    pub(crate) state: Option<&'a str>,
    /// `resourceGuid`, for network resources.
    pub(crate) guid: Option<&'a str>,
}

/// The answer for a top-level resource, before its provider fills back-references in.
pub(crate) fn decorate(schema: &Schema, id: &ResourceId, model: &Value, stamp: Stamp<'_>) -> Value {
    let mut answer = head(id.name(), id, stamp);
    let empty = Map::new();
    let model = model.as_object().unwrap_or(&empty);
    for (name, value) in model.iter().filter(|(name, _)| *name != "properties") {
        match schema.envelope.iter().find(|member| member.name == name) {
            Some(member) => show(member, value, id, stamp, &mut answer),
            None => {
                answer.insert(name.clone(), value.clone());
            }
        }
    }
    let mut properties = Map::new();
    state(stamp, &mut properties);
    if let Some(guid) = stamp.guid {
        properties.insert("resourceGuid".to_owned(), guid.into());
    }
    let inner = model.get("properties").and_then(Value::as_object);
    fill(
        schema.properties,
        inner.unwrap_or(&empty),
        id,
        stamp,
        &mut properties,
    );
    answer.insert("properties".to_owned(), Value::Object(properties));
    Value::Object(answer)
}

fn head(name: &str, id: &ResourceId, stamp: Stamp<'_>) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("name".to_owned(), name.into());
    head.insert("id".to_owned(), id.as_str().into());
    if let Some(etag) = stamp.etag {
        head.insert("etag".to_owned(), etag.into());
    }
    head.insert("type".to_owned(), stamp.resource_type.into());
    head
}

fn state(stamp: Stamp<'_>, properties: &mut Map<String, Value>) {
    if let Some(state) = stamp.state {
        properties.insert("provisioningState".to_owned(), state.into());
    }
}

/// Known members in the schema's order, then the others in the client's.
fn fill(
    members: &[Member],
    model: &Map<String, Value>,
    id: &ResourceId,
    stamp: Stamp<'_>,
    answer: &mut Map<String, Value>,
) {
    let absent = Value::Array(Vec::new());
    for member in members {
        match (model.get(member.name), &member.shape) {
            (Some(value), _) => show(member, value, id, stamp, answer),
            (None, Shape::Children(_)) => show(member, &absent, id, stamp, answer),
            (None, _) => {}
        }
    }
    for (name, value) in model {
        if !members.iter().any(|member| member.name == name) {
            answer.insert(name.clone(), value.clone());
        }
    }
}

fn show(
    member: &Member,
    value: &Value,
    id: &ResourceId,
    stamp: Stamp<'_>,
    answer: &mut Map<String, Value>,
) {
    if !matches!(member.presence, Presence::Secret) {
        let shown = shown(&member.shape, value, id, stamp);
        answer.insert(member.name.to_owned(), shown);
    }
}

fn shown(shape: &Shape, value: &Value, id: &ResourceId, stamp: Stamp<'_>) -> Value {
    match (shape, value) {
        (Shape::Object(members), Value::Object(model)) => {
            let mut answer = Map::new();
            fill(members, model, id, stamp, &mut answer);
            Value::Object(answer)
        }
        (Shape::List(of), Value::Array(items)) => {
            let items = items.iter().map(|item| shown(of, item, id, stamp));
            Value::Array(items.collect())
        }
        (Shape::Children(collection), Value::Array(items)) => {
            let items = items.iter().map(|item| child(collection, item, id, stamp));
            Value::Array(items.collect())
        }
        _ => value.clone(),
    }
}

fn child(collection: &Collection, model: &Value, parent: &ResourceId, stamp: Stamp<'_>) -> Value {
    let name = model["name"].as_str().unwrap_or_default();
    let id = parent.child(collection.name, name);
    let resource_type = format!("{}/{}", stamp.resource_type, collection.name);
    let stamp = Stamp {
        resource_type: &resource_type,
        guid: None,
        ..stamp
    };
    let mut answer = head(name, &id, stamp);
    let empty = Map::new();
    let model = model.as_object().unwrap_or(&empty);
    let beside = model
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "name" | "properties"));
    for (key, value) in beside {
        match collection.envelope.iter().find(|member| member.name == key) {
            Some(member) => show(member, value, &id, stamp, &mut answer),
            None => {
                answer.insert(key.clone(), value.clone());
            }
        }
    }
    let mut properties = Map::new();
    state(stamp, &mut properties);
    let inner = model.get("properties").and_then(Value::as_object);
    fill(
        collection.properties,
        inner.unwrap_or(&empty),
        &id,
        stamp,
        &mut properties,
    );
    answer.insert("properties".to_owned(), Value::Object(properties));
    Value::Object(answer)
}

#[cfg(test)]
mod tests {
    use super::super::{children, collection, text};
    use super::*;
    use serde_json::json;

    static RULES: Collection = collection("rules", &[text("path")]);
    static MAPS: Collection = collection("maps", &[text("password").secret(), children(&RULES)]);
    static SCHEMA: Schema = Schema {
        envelope: &[],
        properties: &[children(&MAPS)],
    };

    #[test]
    fn children_of_children_are_answered_whole_and_secrets_never() {
        let id = "/subscriptions/s/resourceGroups/g/providers/N/things/t";
        let id = ResourceId::parse(id).expect("the literal is an id");
        let model = json!({"properties": {"new": 1, "maps": [
            {"name": "m", "properties": {"password": "p", "rules": [{"name": "r"}]}},
            {"name": "n"}]}});
        let stamp = Stamp {
            resource_type: "N/things",
            etag: Some("W/\"1\""),
            state: Some("Updating"),
            guid: None,
        };
        let answer = decorate(&SCHEMA, &id, &model, stamp);
        let maps = &answer["properties"]["maps"];
        let rule = &maps[0]["properties"]["rules"][0];
        assert_eq!(rule["id"], format!("{id}/maps/m/rules/r"));
        assert_eq!(rule["type"], "N/things/maps/rules");
        assert_eq!(rule["etag"], "W/\"1\"");
        assert_eq!(rule["properties"]["provisioningState"], "Updating");
        assert_eq!(maps[1]["properties"]["rules"], json!([]));
        assert_eq!(answer["properties"]["new"], 1);
        assert!(!answer.to_string().contains("password"));
    }
}
