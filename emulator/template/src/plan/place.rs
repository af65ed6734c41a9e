//! Which resources there are: loops unrolled, names and ids worked out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Index, Plan, Resource};
use crate::error::TemplateError;
use crate::evaluate::{Evaluator, Place, Turn, join_id};
use crate::facts::{Facts, Runtime};
use crate::functions::shown;
use crate::limits::Budget;
use crate::node::Node;
use crate::position::Position;
use crate::template::Declared;

impl Plan {
    /// Unrolls every declared resource.
    pub(super) fn place(
        &mut self,
        runtime: &dyn Runtime,
        budget: &Budget,
    ) -> Result<(), TemplateError> {
        let template = self.template.clone();
        for (position, declared) in template.resources().iter().enumerate() {
            let parents: Vec<Option<Resource>> = match declared.parent {
                None => vec![None],
                Some(parent) => {
                    let copies = self.resources.iter().filter(|r| r.declared == parent);
                    copies.map(|copy| Some(copy.clone())).collect()
                }
            };
            for parent in &parents {
                self.place_copies(runtime, budget, declared, position, parent.as_ref())?;
            }
        }
        Ok(())
    }

    fn place_copies(
        &mut self,
        runtime: &dyn Runtime,
        budget: &Budget,
        declared: &Declared,
        position: usize,
        parent: Option<&Resource>,
    ) -> Result<(), TemplateError> {
        let around = parent.map_or_else(|| self.scope.loops.clone(), |p| p.loops.clone());
        let turns = match declared.node.get("copy").filter(|copy| copy.is_object()) {
            None => vec![around],
            Some(copy) => self.turns(runtime, budget, copy, &around)?,
        };
        for loops in turns {
            let placed = self.place_one(runtime, budget, declared, position, parent, loops)?;
            let at = placed.at;
            let most = self.limits.resources;
            if self.resources.len() == most {
                let reason = format!(
                    "The number of template resources limit exceeded. Limit: '{most}' and actual: \
                     more"
                );
                return Err(TemplateError::validation(&reason, at));
            }
            let number = self.resources.len();
            if !self.index.add(number, &placed) {
                let reason = format!(
                    "The resource '{}' at {at} is defined multiple times in a template. Please see \
                     https://aka.ms/arm-syntax-resources for usage details.",
                    placed.id
                );
                return Err(TemplateError::validation(&reason, at));
            }
            self.resources.push(placed);
        }
        Ok(())
    }

    /// The loops around each copy.
    fn turns(
        &self,
        runtime: &dyn Runtime,
        budget: &Budget,
        copy: &Node,
        around: &[Turn],
    ) -> Result<Vec<Vec<Turn>>, TemplateError> {
        let names = self.names();
        let evaluator = self
            .evaluator(&names, runtime, budget, Place::Static)
            .within(around);
        let count = evaluator.count_of(copy);
        let count =
            count.map_err(|fault| TemplateError::validation(&fault.to_string(), copy.at))?;
        let name = copy.get("name").and_then(Node::text).unwrap_or_default();
        let turn = |index| {
            let own = Turn {
                name: name.to_owned(),
                index,
            };
            around.iter().cloned().chain([own]).collect()
        };
        Ok((0..count).map(turn).collect())
    }

    fn place_one(
        &self,
        runtime: &dyn Runtime,
        budget: &Budget,
        declared: &Declared,
        position: usize,
        parent: Option<&Resource>,
        loops: Vec<Turn>,
    ) -> Result<Resource, TemplateError> {
        let node = &declared.node;
        let names = self.names();
        let evaluator = self
            .evaluator(&names, runtime, budget, Place::Static)
            .within(&loops);
        let reader = Reader {
            evaluator: &evaluator,
            node,
        };
        let own_type = reader.required("type")?;
        let own_name = reader.required("name")?;
        let (resource_type, name) = match parent {
            // A child may also write its whole type and name.
            Some(parent) if !own_type.contains('.') => (
                format!("{}/{own_type}", parent.resource_type),
                format!("{}/{own_name}", parent.name),
            ),
            _ => (own_type, own_name),
        };
        check_segments(&resource_type, &name, node.at)?;
        let api_version = match reader.text("apiVersion")? {
            Some(version) => version,
            None => self.default_version(node, &resource_type)?,
        };
        let scope = self.scope_of(&reader, &resource_type)?;
        let parts: Vec<&str> = name.split('/').collect();
        Ok(Resource {
            id: join_id(&scope, &resource_type, &parts),
            symbol: declared.symbol.clone(),
            existing: reader.truth("existing")?.unwrap_or(false),
            condition: parent.is_none_or(|parent| parent.condition)
                && reader.truth("condition")?.unwrap_or(true),
            depends_on: Vec::new(),
            at: node.at,
            node: node.clone(),
            declared: position,
            loops,
            resource_type,
            name,
            api_version,
        })
    }

    /// A template may name an API profile in place of versions.
    fn default_version(&self, node: &Node, resource_type: &str) -> Result<String, TemplateError> {
        let profile = self.template.section("apiProfile").and_then(Node::text);
        match profile {
            Some(_) => Ok(String::new()),
            None => Err(TemplateError::parse(
                &format!(
                    "Required property 'apiVersion' not found for the resource of type '{resource_type}'."
                ),
                node.at,
            )),
        }
    }

    /// What the resource's id begins with.
    fn scope_of(&self, reader: &Reader<'_>, resource_type: &str) -> Result<String, TemplateError> {
        if let Some(scope) = reader.text("scope")? {
            return Ok(match scope.strip_prefix('/') {
                Some("") => String::new(),
                Some(_) => scope,
                None => extended(&self.facts, &scope),
            });
        }
        let subscription = reader.text("subscriptionId")?;
        let group = reader.text("resourceGroup")?;
        Ok(match (subscription, group) {
            (None, None)
                if resource_type.eq_ignore_ascii_case("Microsoft.Resources/resourceGroups") =>
            {
                format!("/subscriptions/{}", self.facts.subscription_id())
            }
            (None, None) => self.facts.scope.clone(),
            (Some(subscription), None) => format!("/subscriptions/{subscription}"),
            (subscription, Some(group)) => {
                let own = self.facts.subscription_id();
                let subscription = subscription.as_deref().unwrap_or(own);
                format!("/subscriptions/{subscription}/resourceGroups/{group}")
            }
        })
    }
}

/// The id of what an extension extends, given as `{type}/{name}`.
fn extended(facts: &Facts, scope: &str) -> String {
    format!("{}/providers/{scope}", facts.scope)
}

/// Reads members of a declared resource.
struct Reader<'a> {
    evaluator: &'a Evaluator<'a>,
    node: &'a Node,
}

impl Reader<'_> {
    fn value(&self, name: &str) -> Result<Option<(Value, Position)>, TemplateError> {
        let Some(node) = self.node.get(name) else {
            return Ok(None);
        };
        let value = self.evaluator.node(node).map_err(|(fault, at)| {
            let shown = self
                .node
                .get("name")
                .and_then(Node::text)
                .unwrap_or_default();
            TemplateError::resource(shown, at, &fault)
        })?;
        Ok(Some((value, node.at)))
    }

    fn text(&self, name: &str) -> Result<Option<String>, TemplateError> {
        match self.value(name)? {
            None | Some((Value::Null, _)) => Ok(None),
            Some((Value::String(text), _)) => Ok(Some(text)),
            Some((other, at)) => Err(TemplateError::parse(
                &format!(
                    "The '{name}' of a resource is expected to be a string and is '{}'.",
                    shown(&other)
                ),
                at,
            )),
        }
    }

    fn required(&self, name: &str) -> Result<String, TemplateError> {
        self.text(name)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| {
                let reason = format!("Required property '{name}' not found in a resource.");
                TemplateError::parse(&reason, self.node.at)
            })
    }

    fn truth(&self, name: &str) -> Result<Option<bool>, TemplateError> {
        match self.value(name)? {
            None | Some((Value::Null, _)) => Ok(None),
            Some((Value::Bool(truth), _)) => Ok(Some(truth)),
            Some((Value::String(text), _)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some((Value::String(text), _)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some((other, at)) => Err(TemplateError::parse(
                &format!(
                    "The '{name}' of a resource is expected to be a boolean and is '{}'.",
                    shown(&other)
                ),
                at,
            )),
        }
    }
}

/// A type has one part more than its name.
fn check_segments(resource_type: &str, name: &str, at: Position) -> Result<(), TemplateError> {
    let (types, names) = (resource_type.split('/').count(), name.split('/').count());
    if types == names + 1 && name.split('/').all(|part| !part.is_empty()) {
        return Ok(());
    }
    let reason = format!(
        "The template resource '{name}' for type '{resource_type}' at {at} has incorrect segment \
         lengths. A nested resource type must have identical number of segments as its resource \
         name. A root resource type must have segment length one greater than its resource name. \
         Please see https://aka.ms/arm-syntax-resources for usage details."
    );
    Err(TemplateError::validation(&reason, at))
}

impl Index {
    /// Adds a resource; `false` when its id or its symbol is another's already.
    fn add(&mut self, number: usize, resource: &Resource) -> bool {
        let key = resource.id.to_ascii_lowercase();
        let push = |map: &mut BTreeMap<String, Vec<usize>>, key: &str| {
            map.entry(key.to_ascii_lowercase())
                .or_default()
                .push(number);
        };
        if let Some(symbol) = &resource.symbol {
            push(&mut self.symbols, symbol);
        }
        push(&mut self.names, &resource.name);
        if let Some(turn) = resource.loops.last() {
            push(&mut self.loops, &turn.name);
        }
        if let Some((_, tail)) = key.rsplit_once("/providers/") {
            push(&mut self.tails, tail);
        }
        // `{type}/{name}` of a child: the type whole, then the names.
        push(
            &mut self.tails,
            &format!("{}/{}", resource.resource_type, resource.name),
        );
        self.ids.insert(key, number).is_none() || !resource.is_deployed()
    }

    /// The resources that a symbol, an id, a name or `type/name` means.
    pub(super) fn find(&self, text: &str) -> Option<Vec<usize>> {
        let key = text.trim_end_matches('/').to_ascii_lowercase();
        if let Some(found) = self.symbols.get(&key) {
            return Some(found.clone());
        }
        if let Some((symbol, index)) = key.strip_suffix(']').and_then(|key| key.split_once('[')) {
            let copies = self.symbols.get(symbol)?;
            return copies
                .get(index.parse::<usize>().ok()?)
                .map(|found| vec![*found]);
        }
        if key.starts_with('/') {
            return self.ids.get(&key).map(|found| vec![*found]);
        }
        let mut found = self
            .tails
            .get(&key)
            .or_else(|| self.names.get(&key))
            .cloned()?;
        found.dedup();
        Some(found)
    }

    /// The resources of a loop.
    pub(super) fn of_loop(&self, name: &str) -> Option<Vec<usize>> {
        self.loops.get(&name.to_ascii_lowercase()).cloned()
    }
}
