//! What the control plane holds, for displays and for copies of it: read-only, past any request.

use serde::Serialize;
use serde_json::{Map, Value};
use turquoise_arm::ResourceId;

use super::ControlPlane;
use super::store::State;

/// A resource group.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct GroupRow {
    pub(crate) name: String,
    pub(crate) location: String,
    /// Tags and whatever else it was given.
    #[serde(flatten)]
    pub(crate) envelope: Map<String, Value>,
}

/// A stored resource.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ResourceRow {
    pub(crate) id: ResourceId,
    /// `{namespace}/{type}`, with the types of what it is inside of.
    #[serde(rename = "type")]
    pub(crate) resource_type: String,
    /// Its `provisioningState`.
    pub(crate) state: &'static str,
    /// Accepted writes, from 1.
    pub(crate) generation: u64,
    pub(crate) created_ms: u64,
}

/// A long-running operation that has not ended.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OperationRow {
    pub(crate) id: String,
    pub(crate) resource: ResourceId,
    pub(crate) verb: String,
    pub(crate) started_ms: u64,
}

impl ControlPlane {
    /// Counts changes of what is stored: equal revisions mean that nothing was written in between.
    pub(crate) fn revision(&self) -> u64 {
        self.store.revision()
    }

    /// Every resource group, by id.
    pub(crate) fn group_rows(&self) -> impl Iterator<Item = GroupRow> {
        let groups = self.store.groups().filter(|group| !group.deleting);
        groups.map(|group| GroupRow {
            name: group.id.group_name().unwrap_or_default().to_owned(),
            location: group.location.clone(),
            envelope: group.envelope.clone(),
        })
    }

    /// Every resource, by id.
    pub(crate) fn resource_rows(&self) -> impl Iterator<Item = ResourceRow> {
        self.store.resources().map(|resource| ResourceRow {
            id: resource.id.clone(),
            resource_type: type_of(&resource.id),
            state: resource.state.word(),
            generation: resource.generation,
            created_ms: resource.created.as_millis(),
        })
    }

    /// Every resource with the body that would write it, secrets included. Those on their way out
    /// are left out, and those that others make, such as the machines of a scale set.
    pub(crate) fn stored_models(&self) -> impl Iterator<Item = (&ResourceId, &Value)> {
        let staying = self.store.resources();
        let staying = staying.filter(|resource| {
            let own = self.providers[resource.provider].kind().resource_type;
            resource.state != State::Deleting && type_of(&resource.id).eq_ignore_ascii_case(own)
        });
        staying.map(|resource| (&resource.id, resource.model.as_ref()))
    }

    /// A resource as GET answers it, without secrets.
    pub(crate) fn document_of(&self, id: &ResourceId) -> Option<Value> {
        self.store.get(id).map(|_| self.document(id))
    }

    /// Operations that have not ended, oldest first.
    pub(crate) fn operation_rows(&self) -> impl Iterator<Item = OperationRow> {
        self.operations.all_running().map(|operation| OperationRow {
            id: operation.id.clone(),
            resource: operation.resource.clone(),
            verb: operation.verb.clone(),
            started_ms: operation.started.as_millis(),
        })
    }
}

fn type_of(id: &ResourceId) -> String {
    id.resource_type()
        .map_or_else(String::new, |kind| kind.to_string())
}
