//! What a template cannot say itself: where it is deployed, when, and what is there already.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fault::Fault;

/// Where and when a template is deployed.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The id that resources are placed under: a resource group's or a subscription's.
    pub scope: String,
    /// What `subscription()` says.
    pub subscription: Value,
    /// What `resourceGroup()` says; absent at subscription scope.
    pub resource_group: Option<Value>,
    /// What `deployment()` says.
    pub deployment: Value,
    /// What `environment()` says.
    pub environment: Value,
    /// What `tenant()` says.
    pub tenant: Value,
    /// What `utcNow()` says.
    pub now: Timestamp,
    /// What `newGuid()` draws from.
    pub seed: String,
}

impl Facts {
    /// The subscription's id, a GUID.
    #[must_use]
    pub fn subscription_id(&self) -> &str {
        self.subscription["subscriptionId"]
            .as_str()
            .unwrap_or_default()
    }

    /// Facts of a deployment to a resource group.
    #[must_use]
    pub fn of_group(subscription: &str, group: &str, location: &str) -> Self {
        let scope = format!("/subscriptions/{subscription}/resourceGroups/{group}");
        Self {
            resource_group: Some(json!({
                "id": scope,
                "name": group,
                "type": "Microsoft.Resources/resourceGroups",
                "location": location,
                "tags": {},
                "properties": {"provisioningState": "Succeeded"},
            })),
            scope,
            ..Self::of_subscription(subscription)
        }
    }

    /// Facts of a deployment to a subscription.
    #[must_use]
    pub fn of_subscription(subscription: &str) -> Self {
        let scope = format!("/subscriptions/{subscription}");
        Self {
            subscription: json!({
                "id": scope,
                "subscriptionId": subscription,
                "tenantId": "",
                "displayName": "",
            }),
            scope,
            resource_group: None,
            deployment: json!({"name": "main", "properties": {}}),
            environment: json!({"name": "AzureCloud"}),
            tenant: json!({}),
            now: Timestamp::UNIX_EPOCH,
            seed: String::new(),
        }
    }
}

/// What only the cloud knows. Every method may say [`Fault::Unresolved`]: not in this phase.
pub trait Runtime {
    /// `reference`: the properties of a resource, or the whole of it.
    ///
    /// # Errors
    /// When there is no such resource.
    fn reference(&self, id: &str, api_version: Option<&str>, full: bool) -> Result<Value, Fault>;

    /// `listKeys` and its like: the answer to a POST.
    ///
    /// # Errors
    /// When there is no such resource or action.
    fn list(
        &self,
        action: &str,
        id: &str,
        api_version: &str,
        body: Option<&Value>,
    ) -> Result<Value, Fault>;

    /// `providers`: `{resourceType, locations, apiVersions}`.
    ///
    /// # Errors
    /// When there is no such type.
    fn provider(&self, namespace: &str, resource_type: &str) -> Result<Value, Fault>;
}

/// A runtime that knows nothing yet.
#[derive(Clone, Copy, Debug)]
pub struct NoRuntime;

impl Runtime for NoRuntime {
    fn reference(&self, _: &str, _: Option<&str>, _: bool) -> Result<Value, Fault> {
        Err(Fault::Unresolved("reference".to_owned()))
    }

    fn list(&self, action: &str, _: &str, _: &str, _: Option<&Value>) -> Result<Value, Fault> {
        Err(Fault::Unresolved(action.to_owned()))
    }

    fn provider(&self, _: &str, _: &str) -> Result<Value, Fault> {
        Err(Fault::Unresolved("providers".to_owned()))
    }
}
