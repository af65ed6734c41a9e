//! An application gateway's document as a [`Gateway`].
//!
//! Defaults of probes, draining and time-outs are the service's (azure-facts.md §4.11.2, §5.3,
//! §5.5). Listeners that no rule uses serve nothing and are left out.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use turquoise_arm::{ResourceId, json};

use super::{Addresses, address, number, reference, referenced_name};
use crate::desired::{
    BackendSettings, Certificate, Gateway, Listener, Pool, Probe, ProbeRequest, Route,
};

/// Drain of a removed member where draining is not enabled (azure-facts.md §5.5).
const DEFAULT_DRAIN: Duration = Duration::from_secs(30);
/// `requestTimeout` where it is absent (azure-facts.md §4.11.2).
const DEFAULT_REQUEST_TIMEOUT_S: u64 = 30;
/// Interval and time-out of a probe that does not say (azure-facts.md §5.3).
const DEFAULT_PROBE_S: u64 = 30;
/// Failures that mark a member down where a probe does not say.
const DEFAULT_PROBE_THRESHOLD: u32 = 3;
/// The affinity cookie's default name (azure-facts.md §5.6).
const DEFAULT_COOKIE: &str = "ApplicationGatewayAffinity";

/// Resolves the canonical document of gateway `id`; `certificates` holds the opened PFX files by
/// the name of their `sslCertificates` child.
pub(crate) fn resolve(
    id: &ResourceId,
    document: &Value,
    outside: &dyn Addresses,
    certificates: &BTreeMap<String, Arc<Certificate>>,
) -> Gateway {
    Document {
        id,
        document,
        outside,
        certificates,
    }
    .resolve()
}

struct Document<'a> {
    id: &'a ResourceId,
    document: &'a Value,
    outside: &'a dyn Addresses,
    certificates: &'a BTreeMap<String, Arc<Certificate>>,
}

impl Document<'_> {
    fn resolve(&self) -> Gateway {
        let mut rules: Vec<&Value> = self.children("requestRoutingRules").collect();
        // Stable: rules of one priority, or without, stay as listed.
        rules.sort_by_key(|rule| number(rule, "properties.priority", u32::MAX));
        Gateway {
            listeners: rules
                .iter()
                .filter_map(|rule| self.listener(rule))
                .collect(),
            pools: self
                .children("backendAddressPools")
                .map(|p| self.pool(p))
                .collect(),
            settings: self
                .children("backendHttpSettingsCollection")
                .map(|s| self.settings(s))
                .collect(),
        }
    }

    fn children(&self, array: &str) -> impl Iterator<Item = &Value> {
        json::items(self.document, &format!("properties.{array}"))
    }

    /// The child that `path` of `from` refers to.
    fn referred(&self, from: &Value, path: &str, array: &str) -> Option<&Value> {
        let name = referenced_name(from, path)?;
        json::named(self.document, &format!("properties.{array}"), &name)
    }

    /// The index of the child that `path` of `from` refers to.
    fn index(&self, from: &Value, path: &str, array: &str) -> Option<usize> {
        let name = referenced_name(from, path)?;
        self.children(array)
            .position(|child| name_of(child).eq_ignore_ascii_case(&name))
    }

    fn pool(&self, pool: &Value) -> Pool {
        Pool {
            id: self.id.child("backendAddressPools", name_of(pool)),
            members: json::items(pool, "properties.backendAddresses")
                .filter_map(|member| {
                    address(member, "ipAddress").or_else(|| address(member, "fqdn"))
                })
                .collect(),
        }
    }

    fn listener(&self, rule: &Value) -> Option<Listener> {
        let listener = self.referred(rule, "properties.httpListener", "httpListeners")?;
        let frontend = self.referred(
            listener,
            "properties.frontendIPConfiguration",
            "frontendIPConfigurations",
        )?;
        let port = self.referred(listener, "properties.frontendPort", "frontendPorts")?;
        Some(Listener {
            name: name_of(listener).to_owned(),
            address: self.frontend_address(frontend)?,
            port: number(port, "properties.port", 0),
            certificate: self.certificate(listener),
            hosts: hosts(listener),
            route: self.rule_route(rule)?,
        })
    }

    fn frontend_address(&self, frontend: &Value) -> Option<Ipv4Addr> {
        match reference(frontend, "properties.publicIPAddress") {
            Some(public) => self.outside.address(&public),
            None => address(frontend, "properties.privateIPAddress"),
        }
    }

    fn certificate(&self, listener: &Value) -> Option<Arc<Certificate>> {
        let https = json::text(listener, "properties.protocol")
            .is_some_and(|protocol| protocol.eq_ignore_ascii_case("Https"));
        let name = referenced_name(listener, "properties.sslCertificate").filter(|_| https)?;
        self.certificates
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(&name))
            .map(|(_, certificate)| Arc::clone(certificate))
    }

    fn rule_route(&self, rule: &Value) -> Option<Route> {
        match self.referred(rule, "properties.urlPathMap", "urlPathMaps") {
            Some(map) => self.path_route(map),
            None => self.route(rule, ""),
        }
    }

    fn path_route(&self, map: &Value) -> Option<Route> {
        let rules = json::items(map, "properties.pathRules")
            .filter_map(|rule| Some((rule, self.route(rule, "")?)))
            .flat_map(|(rule, route)| {
                json::items(rule, "properties.paths")
                    .filter_map(Value::as_str)
                    .map(move |pattern| (pattern.to_owned(), route.clone()))
            })
            .collect();
        Some(Route::Paths {
            rules,
            default: Box::new(self.route(map, "default")?),
        })
    }

    /// The target of a rule, a path rule, or a path map's default (whose members carry a prefix).
    fn route(&self, from: &Value, prefix: &str) -> Option<Route> {
        let member = |name: &str| format!("properties.{prefix}{name}");
        let redirect = self.referred(
            from,
            &member("redirectConfiguration"),
            "redirectConfigurations",
        );
        if let Some(redirect) = redirect {
            return self.redirect(redirect);
        }
        Some(Route::Pool {
            pool: self.index(from, &member("backendAddressPool"), "backendAddressPools")?,
            settings: self.index(
                from,
                &member("backendHttpSettings"),
                "backendHttpSettingsCollection",
            )?,
        })
    }

    fn redirect(&self, redirect: &Value) -> Option<Route> {
        let flag = |name: &str| json::boolean(redirect, &format!("properties.{name}"));
        let target = match json::text(redirect, "properties.targetUrl") {
            Some(url) => url.to_owned(),
            None => self.listener_url(self.referred(
                redirect,
                "properties.targetListener",
                "httpListeners",
            )?)?,
        };
        Some(Route::Redirect {
            status: redirect_status(json::text(redirect, "properties.redirectType")?),
            target,
            include_path: flag("includePath").unwrap_or(false),
            include_query: flag("includeQueryString").unwrap_or(false),
        })
    }

    /// Where a listener answers; `{host}` stands for the host the client asked for.
    fn listener_url(&self, listener: &Value) -> Option<String> {
        let port = self.referred(listener, "properties.frontendPort", "frontendPorts")?;
        let port: u16 = number(port, "properties.port", 0);
        let scheme = json::text(listener, "properties.protocol")?.to_ascii_lowercase();
        let host = hosts(listener).into_iter().find(|h| !h.contains('*'));
        let host = host.as_deref().unwrap_or("{host}");
        Some(match (scheme.as_str(), port) {
            ("http", 80) | ("https", 443) => format!("{scheme}://{host}"),
            _ => format!("{scheme}://{host}:{port}"),
        })
    }

    fn settings(&self, settings: &Value) -> BackendSettings {
        let port = number(settings, "properties.port", 80);
        BackendSettings {
            id: self
                .id
                .child("backendHttpSettingsCollection", name_of(settings)),
            port,
            request_timeout: seconds(
                settings,
                "properties.requestTimeout",
                DEFAULT_REQUEST_TIMEOUT_S,
            ),
            drain_timeout: drain(settings),
            affinity_cookie: affinity_cookie(settings),
            host: host_override(settings),
            path: text(settings, "properties.path"),
            probe: match self.referred(settings, "properties.probe", "probes") {
                Some(probe) => custom_probe(probe, settings, port),
                None => default_probe(settings, port),
            },
        }
    }
}

fn name_of(child: &Value) -> &str {
    json::text(child, "name").unwrap_or_default()
}

fn text(value: &Value, path: &str) -> Option<String> {
    json::text(value, path)
        .filter(|found| !found.is_empty())
        .map(str::to_owned)
}

fn seconds(value: &Value, path: &str, default: u64) -> Duration {
    Duration::from_secs(number(value, path, default))
}

fn hosts(listener: &Value) -> Vec<String> {
    let several = json::items(listener, "properties.hostNames").filter_map(Value::as_str);
    json::text(listener, "properties.hostName")
        .into_iter()
        .chain(several)
        .filter(|host| !host.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `redirectType` as an HTTP status (azure-facts.md §4.11.2).
fn redirect_status(kind: &str) -> u16 {
    match kind.to_ascii_lowercase().as_str() {
        "permanent" => 301,
        "seeother" => 303,
        "temporary" => 307,
        _ => 302,
    }
}

fn drain(settings: &Value) -> Duration {
    let draining = "properties.connectionDraining";
    match json::boolean(settings, &format!("{draining}.enabled")) {
        Some(true) => seconds(
            settings,
            &format!("{draining}.drainTimeoutInSec"),
            DEFAULT_DRAIN.as_secs(),
        ),
        _ => DEFAULT_DRAIN,
    }
}

fn affinity_cookie(settings: &Value) -> Option<String> {
    json::text(settings, "properties.cookieBasedAffinity")
        .filter(|state| state.eq_ignore_ascii_case("Enabled"))?;
    text(settings, "properties.affinityCookieName").or_else(|| Some(DEFAULT_COOKIE.to_owned()))
}

/// The `Host` for members; empty text stands for the member's own address.
fn host_override(settings: &Value) -> Option<String> {
    if json::boolean(settings, "properties.pickHostNameFromBackendAddress") == Some(true) {
        return Some(String::new());
    }
    text(settings, "properties.hostName")
}

fn custom_probe(probe: &Value, settings: &Value, settings_port: u16) -> Probe {
    Probe {
        http: is_http(probe).then(|| probe_request(probe, settings)),
        port: number(probe, "properties.port", settings_port),
        interval: seconds(probe, "properties.interval", DEFAULT_PROBE_S),
        timeout: seconds(probe, "properties.timeout", DEFAULT_PROBE_S),
        unhealthy_threshold: number(
            probe,
            "properties.unhealthyThreshold",
            DEFAULT_PROBE_THRESHOLD,
        ),
        healthy_threshold: 1,
    }
}

/// Probes of TCP and TLS backends only complete the handshake.
fn is_http(probe: &Value) -> bool {
    json::text(probe, "properties.protocol")
        .is_none_or(|protocol| protocol.to_ascii_lowercase().starts_with("http"))
}

fn probe_request(probe: &Value, settings: &Value) -> ProbeRequest {
    let picks = json::boolean(probe, "properties.pickHostNameFromBackendHttpSettings");
    let host = match picks {
        Some(true) => host_override(settings),
        _ => text(probe, "properties.host"),
    };
    ProbeRequest {
        host: host.unwrap_or_else(|| "127.0.0.1".to_owned()),
        path: text(probe, "properties.path").unwrap_or_else(|| "/".to_owned()),
        statuses: statuses(probe),
        body: text(probe, "properties.match.body"),
    }
}

/// `match.statusCodes`: single codes and ranges, 200–399 where absent (azure-facts.md §5.3).
fn statuses(probe: &Value) -> Vec<(u16, u16)> {
    let given: Vec<(u16, u16)> = json::items(probe, "properties.match.statusCodes")
        .filter_map(Value::as_str)
        .filter_map(status_range)
        .collect();
    if given.is_empty() {
        vec![(200, 399)]
    } else {
        given
    }
}

/// Reads `200` or `200-399`.
pub(crate) fn status_range(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
}

/// What a gateway probes where no probe is bound (azure-facts.md §5.3).
fn default_probe(settings: &Value, port: u16) -> Probe {
    Probe {
        http: Some(ProbeRequest {
            host: host_override(settings).unwrap_or_else(|| "127.0.0.1".to_owned()),
            path: "/".to_owned(),
            statuses: vec![(200, 399)],
            body: None,
        }),
        port,
        interval: Duration::from_secs(DEFAULT_PROBE_S),
        timeout: Duration::from_secs(DEFAULT_PROBE_S),
        unhealthy_threshold: DEFAULT_PROBE_THRESHOLD,
        healthy_threshold: 1,
    }
}

#[cfg(test)]
mod tests {
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
            "urlPathMaps": [{"name": "map", "properties": {
                "defaultBackendAddressPool": own("backendAddressPools", "pool01"),
                "defaultBackendHttpSettings": own("backendHttpSettingsCollection", "s1"),
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
                default: Box::new(to(1, 0)),
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
}
