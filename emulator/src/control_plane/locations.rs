//! The locations of this cloud.

use serde_json::{Value, json};
use turquoise_arm::ArmError;

use super::provider::{Kind, Located};

/// Where types lie that have no region.
const GLOBAL: &str = "global";

/// Short name, display name, geography and geography group.
const LOCATIONS: &[(&str, &str, &str, &str)] = &[
    ("westeurope", "West Europe", "Europe", "Europe"),
    ("northeurope", "North Europe", "Europe", "Europe"),
    (
        "germanywestcentral",
        "Germany West Central",
        "Germany",
        "Europe",
    ),
    ("uksouth", "UK South", "United Kingdom", "UK"),
    ("eastus", "East US", "United States", "US"),
    ("eastus2", "East US 2", "United States", "US"),
    ("westus", "West US", "United States", "US"),
    ("westus2", "West US 2", "United States", "US"),
];

/// Display names, as provider metadata lists them.
pub(crate) fn display_names() -> Vec<&'static str> {
    LOCATIONS.iter().map(|location| location.1).collect()
}

/// Short names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LOCATIONS.iter().map(|location| location.0)
}

/// The short name of a location given as either (`West Europe` is `westeurope`).
///
/// # Errors
/// 400 `LocationNotAvailableForResourceType`.
pub(crate) fn short_name(given: &str, resource_type: &str) -> Result<String, ArmError> {
    let short: String = given.chars().filter(|c| !c.is_whitespace()).collect();
    let short = short.to_ascii_lowercase();
    if LOCATIONS.iter().any(|location| location.0 == short) {
        return Ok(short);
    }
    let known: Vec<&str> = LOCATIONS.iter().map(|location| location.0).collect();
    Err(ArmError::bad_request(
        "LocationNotAvailableForResourceType",
        format!(
            "The provided location '{given}' is not available for resource type \
             '{resource_type}'. List of available regions for the resource type is '{}'.",
            known.join(",")
        ),
    ))
}

/// The short name of a location where a type's resources may lie.
///
/// # Errors
/// 400 `LocationNotAvailableForResourceType`.
pub(crate) fn of_type(given: &str, kind: &Kind) -> Result<String, ArmError> {
    match kind.located {
        Located::Global if given.eq_ignore_ascii_case(GLOBAL) => Ok(GLOBAL.to_owned()),
        Located::Global => Err(ArmError::bad_request(
            "LocationNotAvailableForResourceType",
            format!(
                "The provided location '{given}' is not available for resource type '{}'. List of \
                 available regions for the resource type is '{GLOBAL}'.",
                kind.resource_type
            ),
        )),
        Located::Region | Located::Nowhere => short_name(given, kind.resource_type),
    }
}

/// The body of `GET /subscriptions/{s}/locations` (azure-facts.md §4.3).
pub(crate) fn list(subscription: &str) -> Value {
    let items = LOCATIONS.iter().map(|(name, display, geography, group)| {
        json!({
            "id": format!("/subscriptions/{subscription}/locations/{name}"),
            "name": name,
            "type": "Region",
            "displayName": display,
            "regionalDisplayName": format!("({group}) {display}"),
            "metadata": {
                "regionType": "Physical",
                "regionCategory": "Recommended",
                "geography": geography,
                "geographyGroup": group,
                "pairedRegion": [],
            },
        })
    });
    json!({"value": items.collect::<Vec<_>>()})
}
