//! What exists: resource groups and resources, by id without case.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use serde_json::{Map, Value};
use turquoise_arm::ResourceId;

use super::references::{Index, Reference};
use crate::time::Instant;

/// A resource group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Its id, with the case it was created with.
    pub(crate) id: ResourceId,
    /// Its location's short name.
    pub(crate) location: String,
    /// Tags and whatever else it was given beside `properties`.
    pub(crate) envelope: Map<String, Value>,
    /// Whether it is on its way out.
    pub(crate) deleting: bool,
}

/// Where a resource stands (azure-facts.md §2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Compute's word while the first write runs; network types say `Updating`.
    Creating,
    /// A write runs.
    Updating,
    /// The last write ended well.
    Succeeded,
    /// The last write ended badly.
    Failed,
    /// On its way out.
    Deleting,
}

impl State {
    /// The word in `provisioningState`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Deleting => "Deleting",
        }
    }
}

/// A stored resource.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// Its id: canonical segments, names as created.
    pub(crate) id: ResourceId,
    /// Index of its provider.
    pub(crate) provider: usize,
    /// Its model: the normalised document without what answers add (ids, etags, states).
    pub(crate) model: Arc<Value>,
    /// Where it stands.
    pub(crate) state: State,
    /// Its etag as answered; empty for types without one.
    pub(crate) etag: String,
    /// How many times the etag changed: the integer form of compute types.
    pub(crate) version: u64,
    /// Counts accepted writes, from 1.
    pub(crate) generation: u64,
    /// A stable GUID: `resourceGuid`, `uniqueId`.
    pub(crate) guid: String,
    /// When it was created.
    pub(crate) created: Instant,
    /// What its model points at.
    pub(crate) references: Vec<Reference>,
}

/// Everything that exists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    groups: BTreeMap<ResourceId, Group>,
    resources: BTreeMap<String, Resource>,
    index: Index,
    revision: u64,
}

impl Store {
    /// Counts changes: equal revisions mean equal answers.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Marks that something answers depend on has changed outside the stored models.
    pub(crate) fn touch(&mut self) {
        self.revision += 1;
    }

    /// The group with this id.
    pub(crate) fn group(&self, id: &ResourceId) -> Option<&Group> {
        self.groups.get(id)
    }

    /// All groups, by id.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// The resource with exactly this id.
    pub(crate) fn get(&self, id: &ResourceId) -> Option<&Resource> {
        self.resources.get(id.key())
    }

    /// The resource with this id, or the one whose child it is.
    pub(crate) fn holder(&self, id: &ResourceId) -> Option<&Resource> {
        self.get(id).or_else(|| self.holder(&id.parent()?))
    }

    /// All resources, by id.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values()
    }

    /// The resources below `ancestor` (a group, or a resource with stored children), by id.
    pub(crate) fn within<'a>(
        &'a self,
        ancestor: &'a ResourceId,
    ) -> impl Iterator<Item = &'a Resource> + 'a {
        let from = format!("{}/", ancestor.key());
        self.resources
            .range((Bound::Included(from.clone()), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(&from))
            .map(|(_, resource)| resource)
    }

    /// The model of the child `id` inside the resource that holds it.
    pub(crate) fn child_model(&self, id: &ResourceId) -> Option<&Value> {
        let holder = self.holder(id)?;
        child_of(&holder.model, &holder.id, id)
    }

    /// Whether `id` names a group, a resource or a child inside one.
    pub(crate) fn exists(&self, id: &ResourceId) -> bool {
        self.get(id).is_some() || self.group(id).is_some() || self.child_model(id).is_some()
    }

    /// Who points exactly at `id`.
    pub(crate) fn referrers(&self, id: &ResourceId) -> &[Reference] {
        self.index.to(id)
    }

    /// Who points at `id` or at anything below it.
    pub(crate) fn referrers_within<'a>(
        &'a self,
        id: &'a ResourceId,
    ) -> impl Iterator<Item = &'a Reference> + 'a {
        self.index.within(id)
    }

    /// Adds or replaces a group.
    pub(crate) fn put_group(&mut self, group: Group) {
        self.touch();
        self.groups.insert(group.id.clone(), group);
    }

    /// Removes a group; its resources must be gone.
    pub(crate) fn remove_group(&mut self, id: &ResourceId) {
        self.touch();
        self.groups.remove(id);
    }

    /// Adds or replaces a resource.
    pub(crate) fn put(&mut self, resource: Resource) {
        self.remove(&resource.id);
        self.index.add(&resource.references);
        self.resources
            .insert(resource.id.key().to_owned(), resource);
    }

    /// Changes a resource in place; its references must stay as they are.
    pub(crate) fn get_mut(&mut self, id: &ResourceId) -> Option<&mut Resource> {
        self.touch();
        self.resources.get_mut(id.key())
    }

    /// Removes a resource.
    pub(crate) fn remove(&mut self, id: &ResourceId) -> Option<Resource> {
        self.touch();
        let removed = self.resources.remove(id.key())?;
        self.index.remove(id, &removed.references);
        Some(removed)
    }
}

/// The model of `child` inside `model`, the document of `holder`: follows (collection, name) pairs
/// through `properties`.
pub(crate) fn child_of<'a>(
    model: &'a Value,
    holder: &ResourceId,
    child: &ResourceId,
) -> Option<&'a Value> {
    let rest = child.key().strip_prefix(holder.key())?;
    let segments: Vec<&str> = rest.split('/').filter(|s| !s.is_empty()).collect();
    let mut found = model;
    for pair in segments.chunks(2) {
        let [collection, name] = pair else {
            return None;
        };
        let properties = found.get("properties")?;
        let items = turquoise_arm::json::get(properties, collection)?.as_array()?;
        found = items.iter().find(|item| {
            let held = item.get("name").and_then(Value::as_str);
            held.is_some_and(|held| held.eq_ignore_ascii_case(name))
        })?;
    }
    Some(found)
}
