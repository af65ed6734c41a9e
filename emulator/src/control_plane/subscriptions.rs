//! Subscriptions, tenants and provider metadata (client-contract.md §4, §7.8).

use http::{Method, StatusCode};
use serde_json::{Value, json};
use turquoise_arm::ArmError;

use super::answer::Answer;
use super::provider::Located;
use super::request::Request;
use super::{ControlPlane, locations, method_not_allowed};

/// The tenant's one domain.
pub(crate) const TENANT_DOMAIN: &str = "turquoise.localhost";

impl ControlPlane {
    pub(super) fn check_subscription(&self, id: &str) -> Result<(), ArmError> {
        if id.eq_ignore_ascii_case(&self.config.subscription) {
            return Ok(());
        }
        if uuid::Uuid::try_parse(id).is_err() {
            return Err(ArmError::bad_request(
                "InvalidSubscriptionId",
                format!("The provided subscription identifier '{id}' is malformed or invalid."),
            ));
        }
        Err(ArmError::not_found(
            "SubscriptionNotFound",
            format!("The subscription '{id}' could not be found."),
        ))
    }

    pub(super) fn subscription_document(&self) -> Value {
        let id = &self.config.subscription;
        json!({
            "id": format!("/subscriptions/{id}"),
            "subscriptionId": id,
            "tenantId": self.config.tenant,
            "displayName": "Turquoise",
            "state": "Enabled",
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
            "subscriptionPolicies": {
                "locationPlacementId": "Public_2014-09-01",
                "quotaId": "PayAsYouGo_2014-09-01",
                "spendingLimit": "Off",
            },
        })
    }

    pub(super) fn subscription(&self) -> Answer {
        Answer::ok(&self.subscription_document())
    }

    pub(super) fn subscriptions(&self) -> Answer {
        Answer::ok(&json!({
            "value": [self.subscription_document()],
            "count": {"type": "Total", "value": 1},
        }))
    }

    pub(super) fn tenants(&self) -> Answer {
        let id = &self.config.tenant;
        Answer::ok(&json!({"value": [{
            "id": format!("/tenants/{id}"),
            "tenantId": id,
            "displayName": "Turquoise",
            "defaultDomain": TENANT_DOMAIN,
            "domains": [TENANT_DOMAIN],
            "tenantType": "AAD",
            "tenantCategory": "Home",
            "countryCode": "DE",
        }]}))
    }

    pub(super) fn provider_list(&self) -> Answer {
        let mut namespaces: Vec<&str> = Vec::new();
        for provider in &self.providers {
            let resource_type = provider.kind().resource_type;
            let namespace = resource_type.split('/').next().unwrap_or_default();
            if !namespaces.contains(&namespace) {
                namespaces.push(namespace);
            }
        }
        let items = namespaces
            .iter()
            .map(|namespace| self.namespace_document(namespace));
        Answer::ok(&json!({"value": items.collect::<Vec<_>>()}))
    }

    /// Every namespace is registered from the start.
    pub(super) fn provider_metadata(
        &self,
        request: &Request<'_>,
        method: &Method,
        namespace: &str,
    ) -> Result<Answer, ArmError> {
        if request.method != method {
            return Err(method_not_allowed(request));
        }
        if !self.is_namespace(namespace) {
            return Err(ArmError::new(
                StatusCode::NOT_FOUND,
                "InvalidResourceNamespace",
                format!("The resource namespace '{namespace}' is invalid."),
            ));
        }
        Ok(Answer::ok(&self.namespace_document(namespace)))
    }

    pub(super) fn namespace_document(&self, namespace: &str) -> Value {
        let kinds = self.providers.iter().map(|provider| provider.kind());
        let mut canonical = namespace.to_owned();
        let mut types = Vec::new();
        for kind in kinds {
            let (own, resource_type) = kind.resource_type.split_once('/').unwrap_or_default();
            if own.eq_ignore_ascii_case(namespace) {
                own.clone_into(&mut canonical);
                types.push(json!({
                    "resourceType": resource_type,
                    "locations": match kind.located {
                        Located::Region => locations::display_names(),
                        Located::Global | Located::Nowhere => vec!["global"],
                    },
                    "apiVersions": kind.api_versions,
                    "defaultApiVersion": kind.api_versions.first(),
                    "zoneMappings": [],
                    "capabilities": "SupportsTags, SupportsLocation",
                }));
            }
        }
        json!({
            "id": format!("/subscriptions/{}/providers/{canonical}", self.config.subscription),
            "namespace": canonical,
            "registrationPolicy": "RegistrationRequired",
            "registrationState": "Registered",
            "resourceTypes": types,
        })
    }
}
