//! What a template asks of the cloud: `reference` and `providers`.

use serde_json::Value;
use turquoise_arm::{ResourceId, json};
use turquoise_template::{Fault, Runtime};

use super::TYPE;
use crate::control_plane::ControlPlane;
use crate::control_plane::store::child_of;

/// The cloud as a template sees it.
pub(super) struct CloudRuntime<'a> {
    pub(super) plane: &'a ControlPlane,
    /// Whether what is not there may yet come: before the deployment.
    pub(super) before: bool,
}

impl CloudRuntime<'_> {
    fn missing(&self, id: &str) -> Fault {
        if self.before {
            return Fault::Unresolved("reference".to_owned());
        }
        let parsed = ResourceId::parse(id).ok();
        let group = parsed
            .as_ref()
            .and_then(ResourceId::group_name)
            .unwrap_or_default();
        let name = id.rsplit_once("/providers/").map_or(id, |(_, name)| name);
        Fault::Runtime {
            code: "ResourceNotFound".to_owned(),
            message: format!(
                "The Resource '{name}' under resource group '{group}' was not found. For more \
                 details please go to https://aka.ms/ARMResourceNotFoundFix"
            ),
        }
    }

    /// The document of a resource, of a child in one, of a group or of a deployment.
    fn document(&self, id: &ResourceId) -> Option<Value> {
        if id.resource_type().is_some_and(|found| found.is(TYPE)) {
            let deployment = self.plane.deployments.get(id)?;
            return (!deployment.is_active()).then(|| self.plane.deployment_document(deployment));
        }
        if let Some(group) = self.plane.group_document_of(id) {
            return Some(group);
        }
        let holder = self.plane.store.holder(id)?.id.clone();
        let document = self.plane.document(&holder);
        if holder == *id {
            return Some(document);
        }
        child_of(&document, &holder, id).cloned()
    }
}

impl Runtime for CloudRuntime<'_> {
    fn reference(&self, id: &str, api_version: Option<&str>, full: bool) -> Result<Value, Fault> {
        let parsed = ResourceId::parse(id).map_err(|error| Fault::Language(error.to_string()))?;
        let mut document = self.document(&parsed).ok_or_else(|| self.missing(id))?;
        if !full {
            return Ok(document["properties"].take());
        }
        // The whole document, with what its version and scope are (azure-facts.md §4.2).
        document["apiVersion"] = api_version.unwrap_or_default().into();
        document["resourceId"] = id
            .rsplit_once("/providers/")
            .map_or(id, |(_, tail)| tail)
            .into();
        document["subscriptionId"] = parsed.subscription().into();
        document["resourceGroupName"] = parsed.group_name().into();
        document["scope"] = "".into();
        Ok(document)
    }

    fn list(&self, action: &str, id: &str, _: &str, _: Option<&Value>) -> Result<Value, Fault> {
        if self.before {
            return Err(Fault::Unresolved(action.to_owned()));
        }
        let parsed = ResourceId::parse(id).map_err(|error| Fault::Language(error.to_string()))?;
        let Some(held) = self.plane.store.get(&parsed) else {
            return Err(self.missing(id));
        };
        let provider = &self.plane.providers[held.provider];
        let key = action.to_ascii_lowercase();
        let answer = provider.listed(&self.plane.context(), held, &key);
        answer.ok_or_else(|| Fault::Runtime {
            code: "NotEmulated".to_owned(),
            message: format!(
                "The type '{}' has no action '{action}' in this emulator, asked of '{id}'.",
                provider.kind().resource_type
            ),
        })
    }

    fn provider(&self, namespace: &str, resource_type: &str) -> Result<Value, Fault> {
        let document = self.plane.namespace_document(namespace);
        if resource_type.is_empty() {
            return Ok(document);
        }
        let mut types = json::items(&document, "resourceTypes");
        let found = types.find(|found| {
            json::text(found, "resourceType").is_some_and(|t| t.eq_ignore_ascii_case(resource_type))
        });
        found.cloned().ok_or_else(|| {
            Fault::Language(format!(
                "The resource type '{resource_type}' of the namespace '{namespace}' is not emulated."
            ))
        })
    }
}
