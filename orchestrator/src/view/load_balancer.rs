//! What a gate needs of a side's load balancer.

use std::net::Ipv4Addr;

use serde_json::Value;
use turquoise_arm::json as tree;

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
