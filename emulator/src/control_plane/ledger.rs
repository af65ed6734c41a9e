//! Calls that Azure would answer and we do not: 501 and a row here, never silent success.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Serialize;
use turquoise_arm::ArmError;

use super::ControlPlane;
use super::request::Request;

/// A call nobody here handles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unhandled {
    /// The HTTP method.
    pub method: String,
    /// The resource type or route, lower-case.
    pub what: String,
    /// How often it came.
    pub count: u64,
}

/// Types of Azure that clients of this system may meet and we do not emulate. Everything else is
/// answered like a type that does not exist.
const KNOWN: &[&str] = &[
    "microsoft.authorization/roleassignments",
    "microsoft.authorization/roledefinitions",
    "microsoft.compute/galleries",
    "microsoft.compute/locations",
    "microsoft.compute/proximityplacementgroups",
    "microsoft.compute/snapshots",
    "microsoft.insights/actiongroups",
    "microsoft.insights/components",
    "microsoft.insights/diagnosticsettings",
    "microsoft.insights/metricalerts",
    "microsoft.insights/metrics",
    "microsoft.keyvault/vaults",
    "microsoft.managedidentity/userassignedidentities",
    "microsoft.network/applicationgatewayavailablessloptions",
    "microsoft.network/applicationgatewaywebapplicationfirewallpolicies",
    "microsoft.network/bastionhosts",
    "microsoft.network/dnszones",
    "microsoft.network/locations",
    "microsoft.network/networkwatchers",
    "microsoft.network/privateendpoints",
    "microsoft.network/usages",
    "microsoft.operationalinsights/workspaces",
    "microsoft.resources/tags",
    "microsoft.storage/storageaccounts",
];

impl ControlPlane {
    /// The provider of `{namespace}/{type}`, in any case.
    ///
    /// # Errors
    /// 501 for types we know and do not emulate, else `InvalidResourceNamespace` or
    /// `InvalidResourceType`.
    pub(super) fn provider_of(
        &mut self,
        request: &Request<'_>,
        resource_type: &str,
    ) -> Result<usize, ArmError> {
        let mut providers = self.providers.iter();
        let found = providers.position(|provider| {
            let kind = provider.kind();
            kind.resource_type.eq_ignore_ascii_case(resource_type)
        });
        match found {
            Some(index) => Ok(index),
            None => Err(self.not_emulated(request, resource_type)),
        }
    }

    /// The refusal for a type without a provider; counts it when Azure has it.
    pub(super) fn not_emulated(&mut self, request: &Request<'_>, resource_type: &str) -> ArmError {
        let known = |known: &&str| known.eq_ignore_ascii_case(resource_type);
        if KNOWN.iter().any(known) {
            return self.unhandled_call(request, resource_type);
        }
        let (namespace, kind) = resource_type.split_once('/').unwrap_or((resource_type, ""));
        if self.is_namespace(namespace) {
            let version = request.parameter("api-version").unwrap_or_default();
            return ArmError::not_found(
                "InvalidResourceType",
                format!(
                    "The resource type '{kind}' could not be found in the namespace '{namespace}' \
                     for api version '{version}'."
                ),
            );
        }
        ArmError::not_found(
            "InvalidResourceNamespace",
            format!("The resource namespace '{namespace}' is invalid."),
        )
    }

    /// Whether a namespace has a type here or in the list of known ones.
    pub(super) fn is_namespace(&self, namespace: &str) -> bool {
        let in_namespace = |resource_type: &str| {
            let own = resource_type.split('/').next().unwrap_or_default();
            own.eq_ignore_ascii_case(namespace)
        };
        KNOWN.iter().any(|known| in_namespace(known))
            || self
                .providers
                .iter()
                .any(|provider| in_namespace(provider.kind().resource_type))
    }

    /// 501, with a row in the ledger.
    pub(super) fn unhandled_call(&mut self, request: &Request<'_>, what: &str) -> ArmError {
        let row = (request.method.to_string(), what.to_ascii_lowercase());
        *self.unhandled.entry(row).or_default() += 1;
        ArmError::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotEmulated",
            format!(
                "Azure answers '{} {what}', this emulator does not. Nothing was changed.",
                request.method
            ),
        )
    }
}

pub(super) fn rows(counts: &BTreeMap<(String, String), u64>) -> Vec<Unhandled> {
    let rows = counts.iter().map(|((method, what), count)| Unhandled {
        method: method.clone(),
        what: what.clone(),
        count: *count,
    });
    rows.collect()
}
