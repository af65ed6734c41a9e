//! Which api-version each type is asked with.
//!
//! One version per type for reads and writes alike: a body read with one and written with another
//! may lose members (F69). Versions are those that az, the SDKs or Terraform use today
//! (azure-facts.md §4.0).

use turquoise_arm::ResourceId;

/// The api-version for an id, or for an action below it.
pub(crate) fn api_version(id: &ResourceId, rest: &str) -> &'static str {
    if rest
        .to_ascii_lowercase()
        .contains("/providers/microsoft.insights/")
    {
        return INSIGHTS;
    }
    let Some(resource_type) = id.resource_type() else {
        return RESOURCES;
    };
    match resource_type.namespace().to_ascii_lowercase().as_str() {
        "microsoft.network" => NETWORK,
        "microsoft.compute" => COMPUTE,
        "microsoft.insights" => INSIGHTS,
        _ => RESOURCES,
    }
}

const NETWORK: &str = "2025-01-01";
const COMPUTE: &str = "2024-11-01";
const INSIGHTS: &str = "2022-10-01";
const RESOURCES: &str = "2024-11-01";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_namespace_has_its_version() {
        let group = ResourceId::resource_group("s", "g");
        for (id, rest, version) in [
            (group.clone(), "", RESOURCES),
            (
                group.resource("Microsoft.Network/applicationGateways", "a"),
                "/backendhealth",
                NETWORK,
            ),
            (group.resource("microsoft.compute/images", "a"), "", COMPUTE),
            (
                group.resource("microsoft.insights/autoscalesettings", "a"),
                "",
                INSIGHTS,
            ),
            (
                group,
                "/providers/Microsoft.Insights/autoscalesettings",
                INSIGHTS,
            ),
        ] {
            assert_eq!(api_version(&id, rest), version, "{id}{rest}");
        }
    }
}
