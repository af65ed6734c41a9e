//! What a swap needs to know of a gateway.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;
use turquoise_arm::json as tree;
use turquoise_arm::{ResourceId, lro::OperationStatus};

/// The etag to send as `If-Match`, exactly as the body has it (azure-facts.md §3.2).
pub(crate) fn etag(resource: &Value) -> Option<&str> {
    tree::text(resource, "etag")
}

/// Whether a write is under way, or nobody knows.
pub(crate) fn is_updating(resource: &Value) -> bool {
    OperationStatus::read(resource).is_some_and(|status| !status.is_terminal())
}

/// Names of the pools that share the gateway with `pool`.
pub(crate) fn other_pools(gateway: &Value, pool: &str) -> Vec<String> {
    tree::items(gateway, "properties.backendAddressPools")
        .filter_map(|p| tree::text(p, "name"))
        .filter(|name| !name.eq_ignore_ascii_case(pool))
        .map(str::to_owned)
        .collect()
}

/// Addresses listed by pools other than `pool`.
pub(crate) fn addresses_elsewhere(gateway: &Value, pool: &str) -> BTreeSet<Ipv4Addr> {
    tree::items(gateway, "properties.backendAddressPools")
        .filter(|p| !tree::text(p, "name").is_some_and(|name| name.eq_ignore_ascii_case(pool)))
        .flat_map(|p| tree::items(p, "properties.backendAddresses"))
        .filter_map(|member| tree::text(member, "ipAddress")?.parse().ok())
        .collect()
}

/// Backend settings that rules or path rules use with the pool.
pub(crate) fn settings_of_pool<'a>(gateway: &'a Value, pool: &ResourceId) -> Vec<&'a Value> {
    let rules = tree::items(gateway, "properties.requestRoutingRules")
        .filter_map(|rule| tree::get(rule, "properties"));
    let path_rules = tree::items(gateway, "properties.urlPathMaps")
        .flat_map(|map| tree::items(map, "properties.pathRules"))
        .filter_map(|rule| tree::get(rule, "properties"));
    let mut used = BTreeSet::new();
    for target in rules.chain(path_rules) {
        used.extend(pair(
            target,
            pool,
            "backendAddressPool",
            "backendHttpSettings",
        ));
    }
    for map in tree::items(gateway, "properties.urlPathMaps") {
        let Some(map) = tree::get(map, "properties") else {
            continue;
        };
        let pool_member = "defaultBackendAddressPool";
        used.extend(pair(map, pool, pool_member, "defaultBackendHttpSettings"));
    }
    tree::items(gateway, "properties.backendHttpSettingsCollection")
        .filter(|settings| {
            let id = tree::text(settings, "id").and_then(|id| ResourceId::parse(id).ok());
            id.is_some_and(|id| used.contains(&id))
        })
        .collect()
}

fn pair(target: &Value, pool: &ResourceId, pools: &str, settings: &str) -> Option<ResourceId> {
    if reference(target, pools)? == *pool {
        return reference(target, settings);
    }
    None
}

fn reference(value: &Value, member: &str) -> Option<ResourceId> {
    let id = tree::text(value, &format!("{member}.id"))?;
    ResourceId::parse(id).ok()
}

/// How long settings let a removed member finish: Azure drains 30 s even when draining is off
/// (azure-facts.md §5.5).
pub(crate) fn drain_timeout(settings: &Value) -> Duration {
    let seconds = tree::boolean(settings, "properties.connectionDraining.enabled")
        .filter(|enabled| *enabled)
        .and_then(|_| tree::integer(settings, "properties.connectionDraining.drainTimeoutInSec"))
        .and_then(|seconds| u64::try_from(seconds).ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

/// How long settings let a member answer; 30 s unless set.
pub(crate) fn request_timeout(settings: &Value) -> Duration {
    let seconds = tree::integer(settings, "properties.requestTimeout");
    Duration::from_secs(seconds.and_then(|s| u64::try_from(s).ok()).unwrap_or(30))
}

/// Whether settings have a probe of their own; the default one asks `/` of 127.0.0.1 (F11).
pub(crate) fn has_probe(settings: &Value) -> bool {
    reference(settings, "properties.probe").is_some()
}

/// A listener through which our own probes reach the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The frontend port.
    pub(crate) port: u16,
    /// Whether the listener ends TLS.
    pub(crate) tls: bool,
}

/// The listeners whose basic rules lead to the pool, in the order of the rules.
pub(crate) fn entries(gateway: &Value, pool: &ResourceId) -> Vec<Entry> {
    tree::items(gateway, "properties.requestRoutingRules")
        .filter_map(|rule| tree::get(rule, "properties"))
        .filter(|rule| reference(rule, "backendAddressPool").as_ref() == Some(pool))
        .filter_map(|rule| entry(gateway, &reference(rule, "httpListener")?))
        .collect()
}

fn entry(gateway: &Value, listener: &ResourceId) -> Option<Entry> {
    let listener = tree::named(gateway, "properties.httpListeners", listener.name())?;
    let port = reference(listener, "properties.frontendPort")?;
    let port = tree::named(gateway, "properties.frontendPorts", port.name())?;
    Some(Entry {
        port: u16::try_from(tree::integer(port, "properties.port")?).ok()?,
        tls: tree::text(listener, "properties.protocol")?.eq_ignore_ascii_case("https"),
    })
}
