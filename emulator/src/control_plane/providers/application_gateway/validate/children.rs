//! Children that stand alone: ports, pools, settings and probes.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::Value;
use turquoise_arm::{ArmError, json as wire};

use super::{children, name_of, refuse};
use crate::control_plane::resolve::application_gateway::probe::status_range;

/// Ports from here on are the platform's (azure-facts.md §4.11.2).
const FIRST_RESERVED_PORT: i64 = 65_000;
/// At most this many pools, and members in one (azure-facts.md §4.11.2).
const MOST_POOLS: usize = 100;
/// See [`MOST_POOLS`].
const MOST_MEMBERS: usize = 1_200;

pub(super) fn ports(model: &Value) -> Result<(), ArmError> {
    let mut seen = BTreeSet::new();
    for child in children(model, "frontendPorts") {
        let port = wire::integer(child, "properties.port").unwrap_or_default();
        if port >= FIRST_RESERVED_PORT {
            return Err(refuse(
                "ApplicationGatewayFrontendPortReserved",
                format!(
                    "Port {port} of {} is reserved for the platform.",
                    name_of(child)
                ),
            ));
        }
        if !seen.insert(port) {
            return Err(refuse(
                "ApplicationGatewayFrontendPortsUsingSamePortValue",
                format!("Two frontend ports use port {port}."),
            ));
        }
    }
    Ok(())
}

pub(super) fn pools(model: &Value) -> Result<(), ArmError> {
    let pools: Vec<&Value> = children(model, "backendAddressPools").collect();
    if pools.len() > MOST_POOLS {
        return Err(too_many("backendAddressPools", pools.len(), MOST_POOLS));
    }
    for pool in pools {
        let members: Vec<&Value> = wire::items(pool, "properties.backendAddresses").collect();
        if members.len() > MOST_MEMBERS {
            return Err(too_many(name_of(pool), members.len(), MOST_MEMBERS));
        }
        members
            .iter()
            .try_for_each(|member| backend_address(pool, member))?;
    }
    Ok(())
}

pub(super) fn settings(model: &Value) -> Result<(), ArmError> {
    for settings in children(model, "backendHttpSettingsCollection") {
        let picks = wire::boolean(settings, "properties.pickHostNameFromBackendAddress");
        let host = wire::text(settings, "properties.hostName").filter(|h| !h.is_empty());
        if picks == Some(true) && host.is_some() {
            return Err(refuse(
                "ApplicationGatewayBackendHttpSettingsHostNameConflict",
                format!(
                    "{}: `hostName` and `pickHostNameFromBackendAddress` exclude each other.",
                    name_of(settings)
                ),
            ));
        }
    }
    Ok(())
}

pub(super) fn probes(model: &Value) -> Result<(), ArmError> {
    children(model, "probes").try_for_each(probe)
}

fn too_many(what: &str, count: usize, most: usize) -> ArmError {
    refuse(
        "ApplicationGatewayLimitExceeded",
        format!("{what} has {count} entries; at most {most} are allowed."),
    )
}

fn backend_address(pool: &Value, member: &Value) -> Result<(), ArmError> {
    let is_valid = match (wire::text(member, "ipAddress"), wire::text(member, "fqdn")) {
        (Some(address), _) => address.parse::<Ipv4Addr>().is_ok(),
        (None, Some(name)) => !name.is_empty(),
        (None, None) => false,
    };
    if is_valid {
        return Ok(());
    }
    Err(refuse(
        "ApplicationGatewayBackendAddressInvalid",
        format!(
            "Pool {} lists {member}, which is neither an IPv4 address nor a domain name.",
            name_of(pool)
        ),
    ))
}

fn probe(probe: &Value) -> Result<(), ArmError> {
    let name = name_of(probe);
    let http = wire::text(probe, "properties.protocol").is_some_and(|p| p.starts_with("Http"));
    if !http {
        return Ok(());
    }
    let path = wire::text(probe, "properties.path").unwrap_or_default();
    if !path.starts_with('/') {
        return Err(refuse(
            "ApplicationGatewayProbePathIsInvalid",
            format!("Path `{path}` of probe {name} must begin with `/`."),
        ));
    }
    let picks = wire::boolean(probe, "properties.pickHostNameFromBackendHttpSettings");
    let host = wire::text(probe, "properties.host").filter(|host| !host.is_empty());
    if picks != Some(true) && host.is_none() {
        return Err(refuse(
            "ApplicationGatewayProbeHostIsNull",
            format!("Probe {name} has no host and does not pick one from its settings."),
        ));
    }
    let mut codes = wire::items(probe, "properties.match.statusCodes").filter_map(Value::as_str);
    let body = wire::text(probe, "properties.match.body").unwrap_or_default();
    if codes.any(|code| status_range(code).is_none()) || body.chars().count() > 4_090 {
        return Err(refuse(
            "ApplicationGatewayProbeMatchIsInvalid",
            format!(
                "Probe {name} matches invalid status codes, or a body of more than 4,090 characters."
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::code;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_probe_needs_a_rooted_path_a_host_and_codes() {
        for (properties, expected) in [
            (
                json!({"protocol": "Http", "path": "/health", "host": "a"}),
                "accepted",
            ),
            (
                json!({"protocol": "Http", "path": "/", "pickHostNameFromBackendHttpSettings": true}),
                "accepted",
            ),
            (json!({"protocol": "Tcp"}), "accepted"),
            (
                json!({"protocol": "Http", "path": "index.html", "host": "a"}),
                "ApplicationGatewayProbePathIsInvalid",
            ),
            (
                json!({"protocol": "Http", "path": "/"}),
                "ApplicationGatewayProbeHostIsNull",
            ),
            (
                json!({"protocol": "Http", "path": "/", "host": "a", "match": {"statusCodes": ["ok"]}}),
                "ApplicationGatewayProbeMatchIsInvalid",
            ),
        ] {
            let child = json!({"name": "hp", "properties": properties});
            assert_eq!(code(probe(&child)), expected, "{child}");
        }
    }
}
