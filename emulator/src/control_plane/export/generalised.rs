//! One resource as a template has it: its name a parameter, ids of others built from names, what it
//! depends on said, what the service fills in left out.
//!
//! Inline children stay inline, but peerings: two networks that name each other could never be
//! deployed, so that theirs follow as resources of their own.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use turquoise_arm::ResourceId;

use super::Options;
use super::parameters::Parameters;
use crate::control_plane::provider::Kind;
use crate::control_plane::schema::{Member, Presence, Shape};
use crate::control_plane::store::Resource;

/// The inline children that are written as resources.
const APART: &str = "virtualNetworkPeerings";

/// Writes resources into one template.
#[derive(Debug)]
pub(super) struct Generaliser {
    /// What the template holds.
    ids: Vec<ResourceId>,
    options: Options,
    parameters: Parameters,
}

impl Generaliser {
    pub(super) fn new(ids: Vec<ResourceId>, options: Options) -> Self {
        Self {
            ids,
            options,
            parameters: Parameters::new(options.defaults),
        }
    }

    /// The parameters that the resources so far call.
    pub(super) fn parameters(self) -> Value {
        self.parameters.into_value()
    }

    /// A resource, and what is written apart from it.
    pub(super) fn resource(&mut self, kind: &Kind, resource: &Resource) -> Vec<Value> {
        let mut model = (*resource.model).clone();
        let apart = model["properties"]
            .as_object_mut()
            .and_then(|properties| properties.remove(APART));
        let mut written = vec![self.written(kind, &resource.id, &model)];
        for child in apart.iter().flat_map(|list| list.as_array()).flatten() {
            let name = child["name"].as_str().unwrap_or_default();
            let id = resource.id.child(APART, name);
            written.push(self.written_child(kind, &id, child));
        }
        written
    }

    fn written(&mut self, kind: &Kind, id: &ResourceId, model: &Value) -> Value {
        let mut before = BTreeSet::new();
        let mut body = Map::new();
        let empty = Map::new();
        let members = model.as_object().unwrap_or(&empty);
        for (name, value) in members.iter().filter(|(name, _)| *name != "properties") {
            let known = kind.schema.envelope.iter().find(|m| m.name == name);
            self.member(id, name, known, value, &mut before, &mut body);
        }
        if let Some(properties) = members.get("properties").and_then(Value::as_object) {
            let held = self.members(id, "", kind.schema.properties, properties, &mut before);
            body.insert("properties".to_owned(), held);
        }
        self.document(kind, id, body, before)
    }

    fn written_child(&mut self, kind: &Kind, id: &ResourceId, child: &Value) -> Value {
        let mut before = BTreeSet::new();
        let collection = kind.schema.collection(APART);
        let members = collection.map_or(&[][..], |collection| collection.properties);
        let empty = Map::new();
        let properties = child["properties"].as_object().unwrap_or(&empty);
        let held = self.members(id, "", members, properties, &mut before);
        let body = Map::from_iter([("properties".to_owned(), held)]);
        self.document(kind, id, body, before)
    }

    /// The resource's head, what it waits for, and its body.
    fn document(
        &mut self,
        kind: &Kind,
        id: &ResourceId,
        body: Map<String, Value>,
        mut before: BTreeSet<ResourceId>,
    ) -> Value {
        before.extend(id.parent().filter(|parent| self.ids.contains(parent)));
        before.remove(id);
        let own_type = id.resource_type();
        let own_type = own_type.as_ref().map_or("", |own| own.as_str());
        let mut document = json!({});
        if self.options.comments {
            document["comments"] = format!("Generalized from resource: '{id}'.").into();
        }
        document["type"] = own_type.into();
        document["apiVersion"] = kind.api_versions[0].into();
        document["name"] = self.name(id).into();
        if !before.is_empty() {
            let before = before.iter().map(|id| bracketed(&self.id_of(id)));
            document["dependsOn"] = before.collect();
        }
        if let Some(document) = document.as_object_mut() {
            document.extend(body);
        }
        document
    }

    /// `[parameters('virtualMachines_vm_name')]`, `[concat(parameters('…'), '/extension')]`
    fn name(&mut self, id: &ResourceId) -> String {
        let mut names = self.names(id);
        let first = names.remove(0);
        let rest = names.iter().map(|name| format!("/{}", plain(name)));
        let rest: String = rest.collect();
        match (is_literal(&first), rest.is_empty()) {
            (true, _) => escaped(&format!("{}{rest}", plain(&first))),
            (false, true) => bracketed(&first),
            (false, false) => bracketed(&format!("concat({first}, {})", quoted(&rest))),
        }
    }

    /// The names in an id, as arguments; the first is a parameter where names are.
    fn names(&mut self, id: &ResourceId) -> Vec<String> {
        let top = top(id);
        let mut names: Vec<String> = pairs(id).map(|(_, name)| quoted(name)).collect();
        if !(self.options.plain || self.options.plain_names)
            && let Some(first) = names.first_mut()
        {
            *first = self.parameters.name_of(&top);
        }
        names
    }

    /// `resourceId('Microsoft.Network/virtualNetworks', parameters('virtualNetworks_net_name'))`
    fn id_of(&mut self, id: &ResourceId) -> String {
        let own_type = id.resource_type();
        let own_type = own_type.as_ref().map_or("", |own| own.as_str());
        let names = self.names(id).join(", ");
        format!("resourceId({}, {names})", quoted(own_type))
    }

    /// The members of an object that a template has.
    fn members(
        &mut self,
        owner: &ResourceId,
        path: &str,
        known: &[Member],
        held: &Map<String, Value>,
        before: &mut BTreeSet<ResourceId>,
    ) -> Value {
        let mut written = Map::new();
        for (name, value) in held {
            let member = known.iter().find(|member| member.name == name);
            let path = format!("{path}/{name}");
            self.member(owner, &path, member, value, before, &mut written);
        }
        Value::Object(written)
    }

    /// One member, unless the service fills it; its name is the path's last segment.
    fn member(
        &mut self,
        owner: &ResourceId,
        path: &str,
        known: Option<&Member>,
        value: &Value,
        before: &mut BTreeSet<ResourceId>,
        into: &mut Map<String, Value>,
    ) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let written = match known.map(|member| (&member.presence, &member.shape)) {
            Some((Presence::ReadOnly, _)) => return,
            Some((Presence::Secret, _)) => {
                bracketed(&self.parameters.secret(owner, path, name, value)).into()
            }
            Some((_, shape)) => self.value(owner, path, shape, value, before),
            None => self.value(owner, path, &Shape::Any, value, before),
        };
        into.insert(name.to_owned(), written);
    }

    fn value(
        &mut self,
        owner: &ResourceId,
        path: &str,
        shape: &Shape,
        value: &Value,
        before: &mut BTreeSet<ResourceId>,
    ) -> Value {
        match (shape, value) {
            (_, Value::String(text)) => self.text(text, before).into(),
            (Shape::Object(known), Value::Object(held)) => {
                self.members(owner, path, known, held, before)
            }
            (_, Value::Object(held)) => self.members(owner, path, &[], held, before),
            (Shape::Children(collection), Value::Array(items)) => {
                let known = [
                    collection.envelope,
                    &[super::super::schema::object(
                        "properties",
                        collection.properties,
                    )],
                ]
                .concat();
                self.list(owner, path, &Shape::Any, &known, items, before)
            }
            (Shape::List(of), Value::Array(items)) => {
                self.list(owner, path, of, &[], items, before)
            }
            (_, Value::Array(items)) => self.list(owner, path, &Shape::Any, &[], items, before),
            _ => value.clone(),
        }
    }

    /// Items of a shape, or objects of `known` members.
    fn list(
        &mut self,
        owner: &ResourceId,
        path: &str,
        of: &Shape,
        known: &[Member],
        items: &[Value],
        before: &mut BTreeSet<ResourceId>,
    ) -> Value {
        let items = items.iter().enumerate().map(|(index, item)| {
            let path = format!("{path}/{index}");
            match item {
                Value::Object(held) if !known.is_empty() => {
                    self.members(owner, &path, known, held, before)
                }
                _ => self.value(owner, &path, of, item, before),
            }
        });
        Value::Array(items.collect())
    }

    /// A text: the id of another resource becomes what gives it in another group.
    fn text(&mut self, text: &str, before: &mut BTreeSet<ResourceId>) -> String {
        let id = text.starts_with("/subscriptions/").then_some(text);
        let id = id.and_then(|text| ResourceId::parse(text).ok());
        let Some(id) = id.filter(|id| id.resource_type().is_some()) else {
            return escaped(text);
        };
        let holders = self.ids.iter().filter(|held| id.is_within(held));
        let holder = holders.max_by_key(|held| held.as_str().len()).cloned();
        match holder {
            Some(holder) => {
                before.insert(holder);
                bracketed(&self.id_of(&id))
            }
            None if self.options.plain => text.to_owned(),
            None => self.external(&id),
        }
    }

    /// `[concat(parameters('virtualNetworks_net_externalid'), '/subnets/main')]`
    fn external(&mut self, id: &ResourceId) -> String {
        let top = top(id);
        let rest = &id.as_str()[top.as_str().len()..];
        let parameter = self.parameters.external_id(&top);
        if rest.is_empty() {
            return bracketed(&parameter);
        }
        bracketed(&format!("concat({parameter}, {})", quoted(rest)))
    }
}

/// The top-level resource that holds what an id names.
fn top(id: &ResourceId) -> ResourceId {
    let mut top = id.clone();
    while let Some(parent) = top.parent() {
        top = parent;
    }
    top
}

/// Types and names below the namespace.
fn pairs(id: &ResourceId) -> impl Iterator<Item = (&str, &str)> {
    let mut segments = id.as_str().split('/');
    let found = segments.find(|segment| segment.eq_ignore_ascii_case("providers"));
    let namespace = found.and_then(|_| segments.next());
    tracing::trace!(namespace, "the pairs of an id");
    std::iter::from_fn(move || Some((segments.next()?, segments.next()?)))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn is_literal(argument: &str) -> bool {
    argument.starts_with('\'')
}

/// The text that a quoted argument stands for.
fn plain(argument: &str) -> String {
    let inner = argument
        .strip_prefix('\'')
        .and_then(|a| a.strip_suffix('\''));
    inner.unwrap_or(argument).replace("''", "'")
}

fn bracketed(expression: &str) -> String {
    format!("[{expression}]")
}

/// A text that would be read as an expression gets a second bracket.
fn escaped(text: &str) -> String {
    if text.starts_with('[') && text.ends_with(']') {
        format!("[{text}")
    } else {
        text.to_owned()
    }
}
