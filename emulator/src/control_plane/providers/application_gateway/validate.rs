//! What Azure refuses in an application gateway's document.
//!
//! Codes with a source are in azure-facts.md §1.6 and §4.11; the others follow their pattern, for
//! clients show them and match none. References to children and resources that do not exist are
//! the engine's to refuse.

mod certificates;
mod children;
mod network;
mod rules;

use http::StatusCode;
use serde_json::Value;
use turquoise_arm::{ArmError, json as wire};

use crate::control_plane::provider::{Context, Write};

/// Checks and completes a gateway's model; `stopped` tells whether it now is.
pub(super) fn validate(
    context: &Context<'_>,
    write: &mut Write,
    stopped: bool,
) -> Result<(), ArmError> {
    sku(&write.model)?;
    emulated(&write.model)?;
    network::subnet(context, write, stopped)?;
    network::frontends(context, write)?;
    certificates::open(write)?;
    let model = &write.model;
    children::ports(model)?;
    children::pools(model)?;
    children::settings(model)?;
    children::probes(model)?;
    rules::listeners(model)?;
    rules::path_maps(model)?;
    rules::redirects(model)?;
    rules::rules(&write.id, model, &write.api_version)
}

fn refuse(code: &str, message: impl Into<String>) -> ArmError {
    ArmError::bad_request(code, message)
}

fn name_of(child: &Value) -> &str {
    wire::text(child, "name").unwrap_or_default()
}

/// The children of a collection.
fn children<'a>(model: &'a Value, collection: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    wire::items(model, &format!("properties.{collection}"))
}

fn sku(model: &Value) -> Result<(), ArmError> {
    let tier = wire::text(model, "properties.sku.tier")
        .or_else(|| wire::text(model, "properties.sku.name"))
        .ok_or_else(|| {
            refuse(
                "ApplicationGatewaySkuMissing",
                "`properties.sku` needs a name and a tier.",
            )
        })?;
    if matches!(tier, "Standard" | "WAF")
        || tier.contains("_Small")
        || tier.contains("_Medium")
        || tier.contains("_Large")
    {
        return Err(refuse(
            "ApplicationGatewayV1SkuRetired",
            format!(
                "SKU tier `{tier}` belongs to Application Gateway v1, which was retired on \
                 2026-04-28; no v1 gateway can be created or updated. Use Standard_v2 or WAF_v2."
            ),
        ));
    }
    let capacity = wire::at(model, "properties.sku.capacity");
    let autoscale = wire::at(model, "properties.autoscaleConfiguration");
    match (capacity, autoscale) {
        (Some(_), Some(_)) => Err(refuse(
            "ApplicationGatewayCapacityAndAutoscaleBothSpecified",
            "`sku.capacity` and `autoscaleConfiguration` exclude each other.",
        )),
        (None, None) => Err(refuse(
            "ApplicationGatewayCapacityMissing",
            "Either `sku.capacity` or `autoscaleConfiguration` is required.",
        )),
        _ => Ok(()),
    }
}

/// Refuses what would carry traffic otherwise than here and be silently ignored.
fn emulated(model: &Value) -> Result<(), ArmError> {
    let collections = [
        "loadDistributionPolicies",
        "listeners",
        "routingRules",
        "backendSettingsCollection",
        "privateLinkConfigurations",
    ];
    let used = collections.into_iter().find(|name| {
        let path = format!("properties.{name}");
        wire::items(model, &path).next().is_some()
    });
    let vault = wire::items(model, "properties.sslCertificates")
        .any(|child| wire::at(child, "properties.keyVaultSecretId").is_some());
    let vault = vault.then_some("sslCertificates[].keyVaultSecretId");
    match used.or(vault) {
        None => Ok(()),
        Some(what) => Err(ArmError::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotEmulated",
            format!("Azure has `{what}`, this emulator does not. Nothing was changed."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The code of a refusal.
    pub(super) fn code(result: Result<(), ArmError>) -> String {
        result.map_or_else(|refused| refused.body.code, |()| "accepted".to_owned())
    }

    #[test]
    fn v1_is_refused_with_its_retirement_and_capacity_is_given_once() {
        for (properties, expected) in [
            (
                json!({"sku": {"name": "Standard_v2", "tier": "Standard_v2", "capacity": 2}}),
                "accepted",
            ),
            (
                json!({"sku": {"name": "WAF_v2", "tier": "WAF_v2"}, "autoscaleConfiguration": {"minCapacity": 0}}),
                "accepted",
            ),
            (
                json!({"sku": {"name": "Standard_Small", "tier": "Standard", "capacity": 2}}),
                "ApplicationGatewayV1SkuRetired",
            ),
            (
                json!({"sku": {"name": "WAF_Medium", "tier": "WAF", "capacity": 2}}),
                "ApplicationGatewayV1SkuRetired",
            ),
            (
                json!({"sku": {"name": "Standard_v2", "tier": "Standard_v2"}}),
                "ApplicationGatewayCapacityMissing",
            ),
            (json!({}), "ApplicationGatewaySkuMissing"),
        ] {
            let model = json!({"properties": properties});
            assert_eq!(code(sku(&model)), expected, "{model}");
        }
    }
}
