//! Which request goes where: listeners, rules, path maps and redirects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use turquoise_arm::{ArmError, ResourceId, json as wire};

use super::{children, name_of, refuse};
use crate::control_plane::resolve::referenced_name;

/// From this version on every v2 rule needs a priority (azure-facts.md §1.3).
const PRIORITY_SINCE: &str = "2021-08-01";

pub(super) fn listeners(model: &Value) -> Result<(), ArmError> {
    let mut seen = BTreeSet::new();
    for listener in children(model, "httpListeners") {
        let name = name_of(listener);
        let is_https = wire::text(listener, "properties.protocol") == Some("Https");
        let certificate = wire::at(listener, "properties.sslCertificate").is_some();
        if is_https && !certificate {
            return Err(refuse(
                "ApplicationGatewayHttpsListenerMustReferenceSslCertificate",
                format!("HTTPS listener {name} references no SSL certificate."),
            ));
        }
        let hosts: Vec<&str> = wire::items(listener, "properties.hostNames")
            .filter_map(Value::as_str)
            .collect();
        let single = wire::text(listener, "properties.hostName").filter(|h| !h.is_empty());
        if hosts.len() > 5 || (single.is_some() && !hosts.is_empty()) {
            return Err(refuse(
                "ApplicationGatewayHttpListenerHostNamesInvalid",
                format!("Listener {name} has either `hostName` or up to five `hostNames`."),
            ));
        }
        let place = (
            referenced_name(listener, "properties.frontendIPConfiguration"),
            referenced_name(listener, "properties.frontendPort"),
        );
        let hosts = if hosts.is_empty() {
            vec![single.unwrap_or("")]
        } else {
            hosts
        };
        for host in hosts {
            if !seen.insert((place.clone(), host.to_ascii_lowercase())) {
                return Err(refuse(
                    "ApplicationGatewayHttpListenersUsingSameFrontendPortAndFrontendIpConfig",
                    format!("Listener {name} uses the frontend, port and host name of another."),
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn path_maps(model: &Value) -> Result<(), ArmError> {
    for map in children(model, "urlPathMaps") {
        let name = name_of(map);
        let rules: Vec<&Value> = wire::items(map, "properties.pathRules").collect();
        let is_bare = |rule: &&Value| wire::items(rule, "properties.paths").next().is_none();
        if rules.is_empty() || rules.iter().any(is_bare) {
            return Err(refuse(
                "ApplicationGatewayUrlPathMapPathRulesInvalid",
                format!("URL path map {name} needs a path rule, and every path rule a path."),
            ));
        }
        target(map, "default", name)?;
        rules
            .iter()
            .try_for_each(|rule| target(rule, "", name_of(rule)))?;
    }
    Ok(())
}

pub(super) fn redirects(model: &Value) -> Result<(), ArmError> {
    for redirect in children(model, "redirectConfigurations") {
        let listener = wire::at(redirect, "properties.targetListener").is_some();
        let url = wire::at(redirect, "properties.targetUrl").is_some();
        if listener == url {
            return Err(refuse(
                "ApplicationGatewayRedirectConfigurationTargetInvalid",
                format!(
                    "Redirect {} needs either a target listener or a target URL.",
                    name_of(redirect)
                ),
            ));
        }
    }
    Ok(())
}

pub(super) fn rules(id: &ResourceId, model: &Value, api_version: &str) -> Result<(), ArmError> {
    let rules: Vec<&Value> = children(model, "requestRoutingRules").collect();
    priorities(id, &rules, api_version)?;
    let mut by_listener = BTreeMap::new();
    for rule in rules {
        let name = name_of(rule);
        let listener = referenced_name(rule, "properties.httpListener").unwrap_or_default();
        if let Some(other) = by_listener.insert(listener.to_ascii_lowercase(), name) {
            return Err(refuse(
                "ApplicationGatewayRequestRoutingRulesUsingSameHttpListener",
                format!("Rules {other} and {name} use the same listener {listener}."),
            ));
        }
        match wire::text(rule, "properties.ruleType") {
            Some("PathBasedRouting") if wire::at(rule, "properties.urlPathMap").is_none() => {
                return Err(refuse(
                    "ApplicationGatewayPathBasedRuleMustReferenceUrlPathMap",
                    format!("Path based rule {name} references no URL path map."),
                ));
            }
            Some("PathBasedRouting") => {}
            _ => target(rule, "", name)?,
        }
    }
    Ok(())
}

/// All rules or none have a priority, all of them from 2021-08-01 on, and no two the same
/// (azure-facts.md §1.6, §4.11.2).
fn priorities(id: &ResourceId, rules: &[&Value], api_version: &str) -> Result<(), ArmError> {
    let priority = |rule: &&Value| wire::integer(rule, "properties.priority");
    let without = rules.iter().find(|rule| priority(rule).is_none());
    let some = rules.iter().any(|rule| priority(rule).is_some());
    if let Some(rule) = without {
        if some {
            return Err(refuse(
                "ApplicationGatewayRequestRoutingRulePartialPriorityDefined",
                "Either all or no rule should have the priority specified.",
            ));
        }
        if api_version >= PRIORITY_SINCE {
            let rule = id.child("requestRoutingRules", name_of(rule));
            return Err(refuse(
                "ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty",
                format!(
                    "Priority for the request routing rule {rule} cannot be empty. All request routing rules should have a priority defined starting from api-version {PRIORITY_SINCE}."
                ),
            ));
        }
    }
    let mut seen = BTreeSet::new();
    match rules.iter().filter_map(priority).find(|p| !seen.insert(*p)) {
        Some(twice) => Err(refuse(
            "ApplicationGatewayRequestRoutingRulesUsingSamePriority",
            format!("Priority {twice} is used by more than one request routing rule."),
        )),
        None => Ok(()),
    }
}

/// A rule leads to a pool with settings or to a redirect, not to both.
fn target(rule: &Value, prefix: &str, name: &str) -> Result<(), ArmError> {
    let has = |member: &str| wire::at(rule, &format!("properties.{prefix}{member}")).is_some();
    // Members are found in any case, so `defaultbackendAddressPool` finds the canonical one.
    let pool = has("backendAddressPool");
    let settings = has("backendHttpSettings");
    let redirect = has("redirectConfiguration");
    if (pool && settings && !redirect) || (!pool && !settings && redirect) {
        return Ok(());
    }
    Err(refuse(
        "ApplicationGatewayRuleTargetInvalid",
        format!("{name} must lead to a backend address pool with settings, or to a redirect."),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::code;
    use super::*;
    use serde_json::json;

    fn body(properties: Value) -> (ResourceId, Value) {
        let id =
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/applicationGateways/gw";
        let id = ResourceId::parse(id).expect("the literal is an id");
        (id, json!({"properties": properties}))
    }

    #[test]
    fn priorities_are_all_or_none_and_differ() {
        let rules = |priorities: [Option<i64>; 2]| {
            let rule = |(index, priority): (usize, &Option<i64>)| {
                let to = |what: &str| json!({"id": format!("/subscriptions/s/{what}/{index}")});
                let mut properties = json!({"httpListener": to("l"), "backendAddressPool": to("p"), "backendHttpSettings": to("s")});
                if let Some(priority) = priority {
                    properties["priority"] = json!(priority);
                }
                json!({"name": format!("r{index}"), "properties": properties})
            };
            let rules: Vec<Value> = priorities.iter().enumerate().map(rule).collect();
            body(json!({"requestRoutingRules": rules}))
        };
        for (priorities, version, expected) in [
            ([Some(1), Some(2)], "2025-07-01", "accepted"),
            ([None, None], "2021-02-01", "accepted"),
            (
                [None, None],
                "2021-08-01",
                "ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty",
            ),
            (
                [Some(1), None],
                "2021-02-01",
                "ApplicationGatewayRequestRoutingRulePartialPriorityDefined",
            ),
            (
                [Some(7), Some(7)],
                "2025-07-01",
                "ApplicationGatewayRequestRoutingRulesUsingSamePriority",
            ),
        ] {
            let (id, model) = rules(priorities);
            assert_eq!(
                code(super::rules(&id, &model, version)),
                expected,
                "{priorities:?} {version}"
            );
        }
    }
}
