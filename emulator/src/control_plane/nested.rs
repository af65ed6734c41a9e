//! Resources that stand below another and are stored by themselves: a machine's extensions, a zone's
//! links and records. They are types like any other, with a parent that must be there.

use http::StatusCode;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId};

use super::action::{being_deleted, parent_not_found};
use super::answer::Answer;
use super::store::State;
use super::{ControlPlane, Method, Turn};

impl ControlPlane {
    /// The provider of the nested type `{parent's type}/{kind}`.
    pub(super) fn nested(&self, parent: usize, kind: &str) -> Option<usize> {
        let above = self.providers[parent].kind().resource_type;
        self.providers.iter().position(|provider| {
            let own = provider.kind().resource_type.strip_prefix(above);
            own.and_then(|own| own.strip_prefix('/'))
                .is_some_and(|own| own.eq_ignore_ascii_case(kind))
        })
    }

    /// A request at the nested type that `rest` begins with.
    pub(super) fn on_nested(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        parent: &ResourceId,
        rest: &[String],
    ) -> Result<Answer, ArmError> {
        let parent = self
            .store
            .get(parent)
            .ok_or_else(|| parent_not_found(parent))?;
        if parent.state == State::Deleting && *turn.request.method != Method::GET {
            return Err(being_deleted(&parent.id));
        }
        let kind = self.providers[provider].kind().resource_type;
        let kind = kind.rsplit('/').next().unwrap_or(kind);
        let Some(name) = rest.get(1) else {
            let parent = parent.id.clone();
            return self.list_nested(turn, provider, &parent);
        };
        let id = parent.id.child(kind, name);
        let id = self.store.get(&id).map_or(id, |held| held.id.clone());
        self.at_resource(turn, provider, &id, &rest[2..])
    }

    fn list_nested(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        parent: &ResourceId,
    ) -> Result<Answer, ArmError> {
        super::get_only(turn.request, || Answer::empty(StatusCode::OK))?;
        let held = self.store.within(parent);
        let ids = held.filter(|held| held.provider == provider);
        let items: Vec<Value> = ids.map(|held| self.document(&held.id)).collect();
        Ok(Answer::ok(&json!({"value": items})))
    }
}
