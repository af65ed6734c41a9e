//! What an extension (a lock, tags) is on: the subscription, a group or a resource.

use turquoise_arm::{ArmError, ResourceId};

use super::ControlPlane;
use super::read::not_found;
use super::request::Request;

/// Something that exists and can carry an extension.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Its id as text.
    pub(super) text: String,
    /// Its id, unless it is the subscription.
    pub(super) id: Option<ResourceId>,
}

impl ControlPlane {
    /// Reads the segments behind the subscription.
    ///
    /// # Errors
    /// What is not there, or a resource type that is not emulated. Children of resources carry no
    /// extension here.
    pub(super) fn scope(
        &mut self,
        request: &Request<'_>,
        segments: &[String],
    ) -> Result<Scope, ArmError> {
        match segments {
            [] => Ok(Scope {
                text: format!("/subscriptions/{}", self.config.subscription),
                id: None,
            }),
            [_, group] => self.existing_group(group).map(Scope::of),
            [_, group, _, namespace, kind, name] => {
                let provider = self.provider_of(request, &format!("{namespace}/{kind}"))?;
                let id = self.resource_id(group, provider, name)?;
                match self.store.get(&id) {
                    Some(held) => Ok(Scope::of(held.id.clone())),
                    None => Err(not_found(&id)),
                }
            }
            _ => Err(self.unhandled_call(request, "an extension of a child resource")),
        }
    }
}

impl Scope {
    fn of(id: ResourceId) -> Self {
        Self {
            text: id.to_string(),
            id: Some(id),
        }
    }
}
