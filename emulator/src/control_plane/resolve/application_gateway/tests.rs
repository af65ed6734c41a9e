//! A whole document, resolved.

use super::*;
use serde_json::json;

const GATEWAY: &str =
    "/subscriptions/s/resourceGroups/fe/providers/Microsoft.Network/applicationGateways/gw1";

struct PublicIp;

impl Addresses for PublicIp {
    fn address(&self, id: &ResourceId) -> Option<Ipv4Addr> {
        (id.name() == "pip1").then_some(Ipv4Addr::new(20, 0, 0, 1))
    }
}

fn own(array: &str, name: &str) -> Value {
    json!({"id": format!("{GATEWAY}/{array}/{name}")})
}

fn document() -> Value {
    json!({"properties": {
        "frontendIPConfigurations": [{"name": "feip", "properties": {
            "publicIPAddress": {"id": "/subscriptions/s/resourceGroups/fe/providers/Microsoft.Network/publicIPAddresses/pip1"}}}],
        "frontendPorts": [
            {"name": "p80", "properties": {"port": 80}},
            {"name": "p443", "properties": {"port": 443}}],
        "backendAddressPools": [
            {"name": "other", "properties": {"backendAddresses": []}},
            {"name": "pool01", "properties": {"backendAddresses": [{"ipAddress": "10.0.0.5"}, {"ipAddress": "10.0.0.5"}]}}],
        "backendHttpSettingsCollection": [
            {"name": "s1", "properties": {"port": 80, "probe": own("probes", "hp"),
                "connectionDraining": {"enabled": true, "drainTimeoutInSec": 60}}},
            {"name": "plain", "properties": {"port": 8080, "cookieBasedAffinity": "Enabled", "requestTimeout": 120,
                "connectionDraining": {"enabled": false, "drainTimeoutInSec": 7}}}],
        "probes": [{"name": "hp", "properties": {"protocol": "Http", "host": "app.internal", "path": "/health",
            "interval": 5, "timeout": 4, "unhealthyThreshold": 2, "match": {"statusCodes": ["200-299", "404"]}}}],
        "httpListeners": [
            {"name": "late", "properties": {"frontendIPConfiguration": own("frontendIPConfigurations", "feip"),
                "frontendPort": own("frontendPorts", "p80"), "protocol": "Http"}},
            {"name": "early", "properties": {"frontendIPConfiguration": own("frontendIPConfigurations", "feip"),
                "frontendPort": own("frontendPorts", "p443"), "protocol": "Https", "hostNames": ["shop.example"],
                "sslCertificate": own("sslCertificates", "Cert")}},
            {"name": "unused", "properties": {"frontendIPConfiguration": own("frontendIPConfigurations", "feip"),
                "frontendPort": own("frontendPorts", "p80"), "protocol": "Http"}}],
        "redirectConfigurations": [{"name": "up", "properties": {"redirectType": "Permanent",
            "targetListener": own("httpListeners", "early"), "includePath": true}}],
        "rewriteRuleSets": [{"name": "rw", "properties": {"rewriteRules": []}}],
        "urlPathMaps": [{"name": "map", "properties": {
            "defaultBackendAddressPool": own("backendAddressPools", "pool01"),
            "defaultBackendHttpSettings": own("backendHttpSettingsCollection", "s1"),
            "defaultRewriteRuleSet": own("rewriteRuleSets", "rw"),
            "pathRules": [{"name": "api", "properties": {"paths": ["/api/*", "/v2/*"],
                "backendAddressPool": own("backendAddressPools", "other"),
                "backendHttpSettings": own("backendHttpSettingsCollection", "plain")}}]}}],
        "requestRoutingRules": [
            {"name": "r2", "properties": {"ruleType": "Basic", "priority": 200, "httpListener": own("httpListeners", "late"),
                "redirectConfiguration": own("redirectConfigurations", "up")}},
            {"name": "r1", "properties": {"ruleType": "PathBasedRouting", "priority": 100,
                "httpListener": own("httpListeners", "early"), "urlPathMap": own("urlPathMaps", "map")}}]
    }})
}

fn resolved() -> Gateway {
    let certificate = Arc::new(Certificate {
        chain: vec![vec![1]],
        key: vec![2],
    });
    let certificates = BTreeMap::from([("cert".to_owned(), certificate)]);
    let id = ResourceId::parse(GATEWAY).expect("the literal is an id");
    resolve(&id, &document(), &PublicIp, &certificates)
}

#[test]
fn listeners_come_in_the_order_of_their_rules_priority() {
    let gateway = resolved();
    let names: Vec<&str> = gateway.listeners.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["early", "late"]);
    assert_eq!(gateway.listeners[0].address, Ipv4Addr::new(20, 0, 0, 1));
    assert_eq!(gateway.listeners[0].port, 443);
    assert!(gateway.listeners[0].certificate.is_some());
    assert_eq!(gateway.listeners[1].certificate, None);
}

#[test]
fn references_become_indices() {
    let to = |pool, settings| Route::Pool { pool, settings };
    let gateway = resolved();
    assert_eq!(
        gateway.listeners[0].route,
        Route::Paths {
            rules: vec![
                ("/api/*".to_owned(), to(0, 1)),
                ("/v2/*".to_owned(), to(0, 1))
            ],
            default: Box::new(Route::Rewritten {
                rewrite: 0,
                route: Box::new(to(1, 0)),
            }),
        }
    );
    assert_eq!(
        gateway.listeners[1].route,
        Route::Redirect {
            status: 301,
            target: "https://shop.example".to_owned(),
            include_path: true,
            include_query: false,
        }
    );
}

#[test]
fn a_pool_keeps_its_duplicates() {
    assert_eq!(resolved().pools[1].members, [Ipv4Addr::new(10, 0, 0, 5); 2]);
}

#[test]
fn settings_without_a_probe_get_the_default_one() {
    let settings = &resolved().settings[1];
    let request = settings
        .probe
        .http
        .as_ref()
        .expect("the default probe is HTTP");
    assert_eq!(
        (request.host.as_str(), request.path.as_str()),
        ("127.0.0.1", "/")
    );
    assert_eq!(request.statuses, [(200, 399)]);
    assert_eq!(settings.probe.port, 8080);
    assert_eq!(settings.probe.interval, Duration::from_secs(30));
    assert_eq!(settings.probe.unhealthy_threshold, 3);
    assert_eq!(
        settings.affinity_cookie.as_deref(),
        Some("ApplicationGatewayAffinity")
    );
    assert_eq!(settings.request_timeout, Duration::from_secs(120));
}

#[test]
fn draining_lasts_30_s_even_where_it_is_not_enabled() {
    let gateway = resolved();
    assert_eq!(gateway.settings[0].drain_timeout, Duration::from_secs(60));
    assert_eq!(gateway.settings[1].drain_timeout, Duration::from_secs(30));
}

#[test]
fn a_bound_probe_is_taken_as_configured() {
    let probe = resolved().settings[0].probe.clone();
    let request = probe.http.expect("the probe is HTTP");
    assert_eq!(request.host, "app.internal");
    assert_eq!(request.statuses, [(200, 299), (404, 404)]);
    assert_eq!((probe.port, probe.unhealthy_threshold), (80, 2));
    assert_eq!(probe.timeout, Duration::from_secs(4));
}
