//! An application gateway's document as a [`Gateway`].
//!
//! Defaults of probes, draining and time-outs are the service's (azure-facts.md §4.11.2, §5.3,
//! §5.5). Listeners that no rule uses serve nothing and are left out.

pub(crate) mod probe;
mod rewrite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use turquoise_arm::{ResourceId, json};

use super::{Addresses, address, number, reference, referenced_name};
use crate::desired::{BackendSettings, Certificate, Gateway, Listener, Pool, Route};

/// Drain of a removed member where draining is not enabled (azure-facts.md §5.5).
const DEFAULT_DRAIN: Duration = Duration::from_secs(30);
/// `requestTimeout` where it is absent (azure-facts.md §4.11.2).
const DEFAULT_REQUEST_TIMEOUT_S: u64 = 30;
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
            rewrites: self
                .children("rewriteRuleSets")
                .map(rewrite::resolve)
                .collect(),
            http_2: json::boolean(self.document, "properties.enableHttp2").unwrap_or(false),
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

    /// The target of a rule, a path rule, or a path map's default (whose members carry a prefix),
    /// with its rewrite rules.
    fn route(&self, from: &Value, prefix: &str) -> Option<Route> {
        let member = |name: &str| format!("properties.{prefix}{name}");
        let name = match prefix {
            "" => "rewriteRuleSet",
            _ => "RewriteRuleSet",
        };
        let plain = self.plain_route(from, member)?;
        Some(match self.index(from, &member(name), "rewriteRuleSets") {
            Some(rewrite) => Route::Rewritten {
                rewrite,
                route: Box::new(plain),
            },
            None => plain,
        })
    }

    fn plain_route(&self, from: &Value, member: impl Fn(&str) -> String) -> Option<Route> {
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
                Some(probe) => probe::custom(probe, settings, port),
                None => probe::default(settings, port),
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
