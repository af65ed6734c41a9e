//! What a gate needs of a side's load balancer.

use std::net::Ipv4Addr;

use serde_json::Value;
use turquoise_arm::{ResourceId, json as tree};

/// The private addresses of its frontends.
pub(crate) fn addresses(load_balancer: &Value) -> Vec<Ipv4Addr> {
    tree::items(load_balancer, "properties.frontendIPConfigurations")
        .filter_map(|f| tree::text(f, "properties.privateIPAddress")?.parse().ok())
        .collect()
}

/// The names of its load balancing rules.
pub(crate) fn rules(load_balancer: &Value) -> Vec<String> {
    tree::items(load_balancer, "properties.loadBalancingRules")
        .filter_map(|rule| tree::text(rule, "name").map(str::to_owned))
        .collect()
}

/// Names of rules whose probe only looks for an open port, and of rules without any probe: such a
/// balancer sends requests to machines that cannot answer them yet (F19).
pub(crate) fn rules_without_readiness(load_balancer: &Value) -> Vec<String> {
    let asks_http = |rule: &Value| {
        let probe = tree::text(rule, "properties.probe.id")?;
        let name = ResourceId::parse(probe).ok()?;
        let probe = tree::named(load_balancer, "properties.probes", name.name())?;
        let protocol = tree::text(probe, "properties.protocol")?;
        Some(!protocol.eq_ignore_ascii_case("tcp"))
    };
    tree::items(load_balancer, "properties.loadBalancingRules")
        .filter(|rule| asks_http(rule) != Some(true))
        .filter_map(|rule| tree::text(rule, "name").map(str::to_owned))
        .collect()
}

/// What the load balancer's probe says of the machines behind one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RuleHealth {
    /// Machines that are up.
    pub(crate) up: u32,
    /// Those that are not: address and reason.
    pub(crate) down: Vec<String>,
}

/// Reads the answer of a rule's `health` action; the rows count, the totals are not trusted.
pub(crate) fn rule_health(document: &Value) -> RuleHealth {
    let mut health = RuleHealth::default();
    for row in tree::items(document, "loadBalancerBackendAddresses") {
        let state = tree::text(row, "state").unwrap_or("Unknown");
        if state.eq_ignore_ascii_case("up") {
            health.up += 1;
        } else {
            let address = tree::text(row, "ipAddress").unwrap_or("an instance");
            let reason = tree::text(row, "reason").unwrap_or(state);
            health.down.push(format!("{address} is {state} ({reason})"));
        }
    }
    health
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rule_is_ready_for_a_swap_only_with_a_probe_that_asks_the_application() {
        let group = ResourceId::resource_group("s", "g");
        let balancer = group.resource("Microsoft.Network/loadBalancers", "lb");
        let document = |protocol: &str, probe: &str| {
            json!({"properties": {
                "probes": [{"name": "p", "properties": {"protocol": protocol}}],
                "loadBalancingRules": [{"name": "r", "properties": {
                    "probe": {"id": balancer.child("probes", probe)},
                }}],
            }})
        };
        for (protocol, probe, ready) in [
            ("Http", "p", true),
            ("Https", "P", true),
            ("Tcp", "p", false),
            ("Http", "gone", false),
        ] {
            let without = rules_without_readiness(&document(protocol, probe));
            assert_eq!(without.is_empty(), ready, "{protocol} {probe}: {without:?}");
        }
    }

    #[test]
    fn rows_are_counted_not_totals() {
        let health = rule_health(&json!({
            "up": 9, "down": 0,
            "loadBalancerBackendAddresses": [
                {"ipAddress": "10.0.1.4", "state": "Up"},
                {"ipAddress": "10.0.1.5", "state": "Down", "reason": "probe"},
            ],
        }));
        assert_eq!(health.up, 1);
        assert_eq!(health.down, ["10.0.1.5 is Down (probe)"]);
    }
}
