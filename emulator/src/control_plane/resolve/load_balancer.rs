//! A load balancer's document as a [`LoadBalancer`].

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;
use turquoise_arm::{ResourceId, json};

use super::{Addresses, address, number, reference, referenced_name};
use crate::desired::{BalancerRule, Distribution, LoadBalancer, NatRule, Probe, ProbeRequest};

/// Probe interval where the document has none: the API model's 15 s (azure-facts.md §5.7, §9.5).
const DEFAULT_INTERVAL_S: u64 = 15;
/// A probe waits no longer than this, however long its interval (azure-facts.md §5.7).
const LONGEST_PROBE: Duration = Duration::from_secs(30);
/// Flows idle for this many minutes are dropped where a rule does not say.
const DEFAULT_IDLE_MINUTES: u64 = 4;

/// Resolves the canonical document of load balancer `id`.
pub(crate) fn resolve(id: &ResourceId, document: &Value, outside: &dyn Addresses) -> LoadBalancer {
    let rules = json::items(document, "properties.loadBalancingRules")
        .filter_map(|rule| balancer_rule(document, rule, outside))
        .collect();
    let nat_rules = json::items(document, "properties.inboundNatRules")
        .filter_map(|rule| nat_rule(document, rule, outside))
        .collect();
    LoadBalancer {
        id: id.clone(),
        rules,
        nat_rules,
    }
}

fn balancer_rule(document: &Value, rule: &Value, outside: &dyn Addresses) -> Option<BalancerRule> {
    let protocol = json::text(rule, "properties.protocol").unwrap_or("Tcp");
    // HTTP traffic is TCP; a UDP rule carries none of it.
    if protocol.eq_ignore_ascii_case("Udp") {
        return None;
    }
    Some(BalancerRule {
        name: json::text(rule, "name")?.to_owned(),
        address: frontend_address(document, rule, outside)?,
        frontend_port: number(rule, "properties.frontendPort", 0),
        backend_port: number(rule, "properties.backendPort", 0),
        pools: pools(rule),
        probe: referenced_name(rule, "properties.probe")
            .and_then(|name| json::named(document, "properties.probes", &name))
            .map(probe),
        distribution: distribution(rule),
        idle_timeout: Duration::from_secs(
            60 * number(
                rule,
                "properties.idleTimeoutInMinutes",
                DEFAULT_IDLE_MINUTES,
            ),
        ),
        tcp_reset: json::boolean(rule, "properties.enableTcpReset").unwrap_or(false),
    })
}

/// New clients write `backendAddressPools`, old ones `backendAddressPool` (client-contract.md §6.8).
fn pools(rule: &Value) -> Vec<ResourceId> {
    let several: Vec<ResourceId> = json::items(rule, "properties.backendAddressPools")
        .filter_map(|pool| ResourceId::parse(json::text(pool, "id")?).ok())
        .collect();
    if several.is_empty() {
        reference(rule, "properties.backendAddressPool")
            .into_iter()
            .collect()
    } else {
        several
    }
}

fn frontend_address(document: &Value, rule: &Value, outside: &dyn Addresses) -> Option<Ipv4Addr> {
    let name = referenced_name(rule, "properties.frontendIPConfiguration")?;
    let frontend = json::named(document, "properties.frontendIPConfigurations", &name)?;
    match reference(frontend, "properties.publicIPAddress") {
        Some(public) => outside.address(&public),
        None => address(frontend, "properties.privateIPAddress"),
    }
}

fn nat_rule(document: &Value, rule: &Value, outside: &dyn Addresses) -> Option<NatRule> {
    let target = reference(rule, "properties.backendIPConfiguration")?;
    Some(NatRule {
        name: json::text(rule, "name")?.to_owned(),
        address: frontend_address(document, rule, outside)?,
        frontend_port: number(rule, "properties.frontendPort", 0),
        backend_port: number(rule, "properties.backendPort", 0),
        target: outside.address(&target)?,
    })
}

fn distribution(rule: &Value) -> Distribution {
    let word = json::text(rule, "properties.loadDistribution").unwrap_or_default();
    match word.to_ascii_lowercase().as_str() {
        "sourceip" => Distribution::SourceAddress,
        "sourceipprotocol" => Distribution::SourceAddressAndProtocol,
        _ => Distribution::FiveTuple,
    }
}

/// A load balancer's probe: HTTP is healthy on 200 alone, and the time-out is the interval but at
/// most 30 s (azure-facts.md §5.7).
///
/// `numberOfProbes` counts failures where `probeThreshold` is absent: the published system relies
/// on it, although Azure has ignored it for years (azure-facts.md §5.7).
pub(crate) fn probe(probe: &Value) -> Probe {
    let interval = Duration::from_secs(number(
        probe,
        "properties.intervalInSeconds",
        DEFAULT_INTERVAL_S,
    ));
    let threshold = json::integer(probe, "properties.probeThreshold");
    let failures = threshold.or_else(|| json::integer(probe, "properties.numberOfProbes"));
    let count = |found: Option<i64>| {
        found
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(1)
            .max(1)
    };
    let tcp = json::text(probe, "properties.protocol")
        .is_some_and(|protocol| protocol.eq_ignore_ascii_case("Tcp"));
    Probe {
        http: (!tcp).then(|| ProbeRequest {
            host: String::new(),
            path: rooted(json::text(probe, "properties.requestPath").unwrap_or_default()),
            statuses: vec![(200, 200)],
            body: None,
        }),
        port: number(probe, "properties.port", 80),
        interval,
        timeout: interval.min(LONGEST_PROBE),
        unhealthy_threshold: count(failures),
        healthy_threshold: count(threshold),
    }
}

/// Load balancer probes may leave out the leading slash (azure-facts.md §0.3).
pub(crate) fn rooted(path: &str) -> String {
    format!("/{}", path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BALANCER: &str =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/loadBalancers/lb";

    struct Nic;

    impl Addresses for Nic {
        fn address(&self, id: &ResourceId) -> Option<Ipv4Addr> {
            id.as_str()
                .contains("/networkInterfaces/")
                .then_some(Ipv4Addr::new(10, 0, 1, 9))
        }
    }

    fn own(array: &str, name: &str) -> Value {
        json!({"id": format!("{BALANCER}/{array}/{name}")})
    }

    fn document(rule: Value, probe: Value) -> Value {
        json!({"properties": {
            "frontendIPConfigurations": [{"name": "fe", "properties": {"privateIPAddress": "10.0.0.5"}}],
            "backendAddressPools": [{"name": "be"}],
            "probes": [{"name": "hp", "properties": probe}],
            "loadBalancingRules": [{"name": "http", "properties": rule}],
            "inboundNatRules": [{"name": "rdp", "properties": {
                "frontendIPConfiguration": own("frontendIPConfigurations", "fe"), "frontendPort": 3389, "backendPort": 3389,
                "backendIPConfiguration": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/n/ipConfigurations/c"}}}]
        }})
    }

    fn resolved(rule: Value, probe: Value) -> LoadBalancer {
        let id = ResourceId::parse(BALANCER).expect("the literal is an id");
        resolve(&id, &document(rule, probe), &Nic)
    }

    #[test]
    fn a_rule_leads_from_its_frontend_to_its_pools() {
        let balancer = resolved(
            json!({"frontendIPConfiguration": own("frontendIPConfigurations", "fe"), "protocol": "Tcp",
                "backendAddressPool": own("backendAddressPools", "be"), "probe": own("probes", "hp"),
                "frontendPort": 80, "backendPort": 8080, "loadDistribution": "SourceIP", "enableTcpReset": true}),
            json!({"protocol": "Http", "port": 80, "requestPath": "index.html", "intervalInSeconds": 5, "probeThreshold": 2}),
        );
        let rule = &balancer.rules[0];
        assert_eq!(rule.address, Ipv4Addr::new(10, 0, 0, 5));
        assert_eq!((rule.frontend_port, rule.backend_port), (80, 8080));
        assert_eq!(rule.pools.len(), 1);
        assert_eq!(rule.distribution, Distribution::SourceAddress);
        assert_eq!(rule.idle_timeout, Duration::from_secs(240));
        assert!(rule.tcp_reset);
        let probe = rule.probe.as_ref().expect("the rule has a probe");
        let request = probe.http.as_ref().expect("the probe is HTTP");
        assert_eq!(request.path, "/index.html");
        assert_eq!(request.statuses, [(200, 200)]);
        assert_eq!(balancer.nat_rules[0].target, Ipv4Addr::new(10, 0, 1, 9));
    }

    #[test]
    fn a_udp_rule_carries_no_http() {
        let rule = json!({"frontendIPConfiguration": own("frontendIPConfigurations", "fe"), "protocol": "Udp"});
        assert_eq!(resolved(rule, json!({})).rules, []);
    }

    #[test]
    fn thresholds_and_time_outs_follow_what_the_probe_says() {
        for (document, down, up, timeout) in [
            (
                json!({"protocol": "Http", "intervalInSeconds": 15, "numberOfProbes": 2}),
                2,
                1,
                15,
            ),
            (
                json!({"protocol": "Http", "intervalInSeconds": 5, "numberOfProbes": 9, "probeThreshold": 3}),
                3,
                3,
                5,
            ),
            (
                json!({"protocol": "Tcp", "intervalInSeconds": 60}),
                1,
                1,
                30,
            ),
            (
                json!({"protocol": "Tcp", "intervalInSeconds": 5, "probeThreshold": 0}),
                1,
                1,
                5,
            ),
        ] {
            let read = probe(&json!({"properties": document}));
            let thresholds = (read.unhealthy_threshold, read.healthy_threshold);
            assert_eq!(
                (thresholds, read.timeout),
                ((down, up), Duration::from_secs(timeout)),
                "{document}"
            );
        }
    }
}
