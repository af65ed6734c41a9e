//! What Azure refuses in an application gateway's document.
//!
//! Codes with a source are in azure-facts.md §1.6 and §4.11; the others follow their pattern, for
//! clients show them and match none. References to children and resources that do not exist are
//! the engine's to refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::Value;
use turquoise_arm::{ArmError, ResourceId, json as wire};

use super::TYPE;
use crate::control_plane::provider::{Context, Write};
use crate::control_plane::resolve::application_gateway::status_range;
use crate::control_plane::resolve::certificate::{self, InvalidPfx};
use crate::control_plane::resolve::{reference, referenced_name};

/// From this version on every v2 rule needs a priority (azure-facts.md §1.3).
const PRIORITY_SINCE: &str = "2021-08-01";
/// Ports from here on are the platform's (azure-facts.md §4.11.2).
const FIRST_RESERVED_PORT: i64 = 65_000;
/// At most this many pools, and members in one (azure-facts.md §4.11.2).
const MOST_POOLS: usize = 100;
/// See [`MOST_POOLS`].
const MOST_MEMBERS: usize = 1_200;

/// Checks and completes a gateway's model; `stopped` tells whether it now is.
pub(super) fn validate(
    context: &Context<'_>,
    write: &mut Write,
    stopped: bool,
) -> Result<(), ArmError> {
    sku(&write.model)?;
    emulated(&write.model)?;
    subnet(context, write, stopped)?;
    frontends(context, write)?;
    certificates(write)?;
    let gateway = Body {
        id: &write.id,
        model: &write.model,
    };
    gateway.ports()?;
    gateway.pools()?;
    gateway.settings()?;
    gateway.probes()?;
    gateway.listeners()?;
    gateway.path_maps()?;
    gateway.redirects()?;
    gateway.rules(&write.api_version)
}

fn refuse(code: &str, message: impl Into<String>) -> ArmError {
    ArmError::bad_request(code, message)
}

fn sku(model: &Value) -> Result<(), ArmError> {
    let tier = wire::text(model, "properties.sku.tier")
        .or_else(|| wire::text(model, "properties.sku.name"))
        .ok_or_else(|| {
            refuse(
                "ApplicationGatewaySkuMissing",
                "`properties.sku` needs a name and a tier.",
            )
        })?;
    if matches!(tier, "Standard" | "WAF")
        || tier.contains("_Small")
        || tier.contains("_Medium")
        || tier.contains("_Large")
    {
        return Err(refuse(
            "ApplicationGatewayV1SkuRetired",
            format!(
                "SKU tier `{tier}` belongs to Application Gateway v1, which was retired on \
                 2026-04-28; no v1 gateway can be created or updated. Use Standard_v2 or WAF_v2."
            ),
        ));
    }
    let capacity = wire::at(model, "properties.sku.capacity");
    let autoscale = wire::at(model, "properties.autoscaleConfiguration");
    match (capacity, autoscale) {
        (Some(_), Some(_)) => Err(refuse(
            "ApplicationGatewayCapacityAndAutoscaleBothSpecified",
            "`sku.capacity` and `autoscaleConfiguration` exclude each other.",
        )),
        (None, None) => Err(refuse(
            "ApplicationGatewayCapacityMissing",
            "Either `sku.capacity` or `autoscaleConfiguration` is required.",
        )),
        _ => Ok(()),
    }
}

/// Refuses what would carry traffic otherwise than here and be silently ignored.
fn emulated(model: &Value) -> Result<(), ArmError> {
    let collections = [
        "loadDistributionPolicies",
        "listeners",
        "routingRules",
        "backendSettingsCollection",
        "privateLinkConfigurations",
    ];
    let used = collections.into_iter().find(|name| {
        let path = format!("properties.{name}");
        wire::items(model, &path).next().is_some()
    });
    let vault = wire::items(model, "properties.sslCertificates")
        .any(|child| wire::at(child, "properties.keyVaultSecretId").is_some());
    match used.or(vault.then_some("sslCertificates[].keyVaultSecretId")) {
        None => Ok(()),
        Some(what) => Err(ArmError::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotEmulated",
            format!("Azure has `{what}`, this emulator does not. Nothing was changed."),
        )),
    }
}

/// One IP configuration in a subnet that holds gateways alone (azure-facts.md §1.6).
fn subnet(context: &Context<'_>, write: &Write, stopped: bool) -> Result<(), ArmError> {
    let at = "properties.gatewayIPConfigurations";
    let configurations: Vec<&Value> = wire::items(&write.model, at).collect();
    let [configuration] = configurations[..] else {
        return Err(refuse(
            "ApplicationGatewayGatewayIpConfigurationsCountInvalid",
            format!(
                "A gateway has exactly one IP configuration, not {}.",
                configurations.len()
            ),
        ));
    };
    let Some(subnet) = reference(configuration, "properties.subnet") else {
        return Ok(());
    };
    let stays = write
        .previous
        .as_deref()
        .and_then(|previous| reference(wire::items(previous, at).next()?, "properties.subnet"));
    if stays.is_some_and(|before| before != subnet) && !stopped {
        return Err(refuse(
            "PropertyChangeNotAllowed",
            format!(
                "The subnet of {} can only change while it is stopped.",
                write.id
            ),
        ));
    }
    dedicated(context, &write.id, &subnet)
}

fn dedicated(context: &Context<'_>, id: &ResourceId, subnet: &ResourceId) -> Result<(), ArmError> {
    let is_gateway = |owner: &ResourceId| {
        owner
            .key()
            .contains(&format!("/{}/", TYPE.to_ascii_lowercase()))
    };
    let stranger = context
        .addresses
        .taken(subnet)
        .map(|(_, owner)| owner)
        .find(|owner| !is_gateway(owner));
    if let Some(stranger) = stranger {
        return Err(refuse(
            "ApplicationGatewaySubnetCannotHaveOtherResources",
            format!(
                "Subnet {subnet} cannot be used for application gateway {id} since it holds {stranger}."
            ),
        ));
    }
    let model = context.store.child_model(subnet);
    let delegations = model.map_or(0, |model| {
        wire::items(model, "properties.delegations").count()
    });
    if delegations > 0 {
        return Err(refuse(
            "ApplicationGatewaySubnetCannotHaveDelegations",
            format!(
                "Subnet {} cannot have delegations configured.",
                subnet.name()
            ),
        ));
    }
    Ok(())
}

/// At most one public and one private frontend; private addresses are claimed and filled in.
fn frontends(context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
    let at = "properties.frontendIPConfigurations";
    let frontends: Vec<Value> = wire::items(&write.model, at).cloned().collect();
    let public = frontends
        .iter()
        .filter(|f| reference(f, "properties.publicIPAddress").is_some());
    let public = public.count();
    if frontends.is_empty() || public > 1 || frontends.len() - public > 1 {
        return Err(refuse(
            "ApplicationGatewayFrontendIpConfigurationsCountInvalid",
            "A gateway has one or two frontend IP configurations, at most one of each kind.",
        ));
    }
    for (index, frontend) in frontends.iter().enumerate() {
        let name = name_of(frontend);
        let id = write.id.child("frontendIPConfigurations", name);
        let subnet = reference(frontend, "properties.subnet");
        match (reference(frontend, "properties.publicIPAddress"), subnet) {
            (Some(address), None) => public_address(context, &write.id, &address)?,
            (None, Some(subnet)) => {
                let wished = wire::text(frontend, "properties.privateIPAddress")
                    .and_then(|address| address.parse::<Ipv4Addr>().ok());
                let address = context.claim(write, &id, &subnet, wished)?;
                let properties =
                    &mut write.model["properties"]["frontendIPConfigurations"][index]["properties"];
                properties["privateIPAddress"] = address.to_string().into();
            }
            (None, None) => {
                return Err(refuse(
                    "FrontendIPConfigHasNoSubnetOrPublicIP",
                    format!(
                        "Frontend IP Configuration {id} must reference either a Subnet or a Public IP Address."
                    ),
                ));
            }
            (Some(_), Some(_)) => {
                return Err(refuse(
                    "FrontendIPConfigHasBothSubnetAndPublicIP",
                    format!(
                        "Frontend IP Configuration {id} must not reference both a Subnet and a Public IP Address."
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// A v2 gateway needs a Standard static public address of its own (azure-facts.md §4.8).
fn public_address(
    context: &Context<'_>,
    id: &ResourceId,
    address: &ResourceId,
) -> Result<(), ArmError> {
    let Some(resource) = context.store.get(address) else {
        return Ok(());
    };
    let is = |path: &str, word: &str| {
        wire::text(&resource.model, path).is_some_and(|found| found.eq_ignore_ascii_case(word))
    };
    if !is("sku.name", "Standard") || !is("properties.publicIPAllocationMethod", "Static") {
        return Err(refuse(
            "ApplicationGatewayPublicIPAddressMustBeStandardStatic",
            format!(
                "Public IP address {address} must have SKU Standard and static allocation to be used by {id}."
            ),
        ));
    }
    context.check_public_address_is_free(address, id)
}

/// Opens every PFX and fills in what Azure shows of it.
fn certificates(write: &mut Write) -> Result<(), ArmError> {
    let list = write.model["properties"].get_mut("sslCertificates");
    for child in list.and_then(Value::as_array_mut).into_iter().flatten() {
        let name = name_of(child).to_owned();
        let Some(data) = wire::text(child, "properties.data") else {
            return Err(bad_certificate(&name, InvalidPfx::Data));
        };
        let password = wire::text(child, "properties.password").unwrap_or_default();
        let opened = match wire::text(child, "properties.publicCertData") {
            // Carried over with its data: opened before.
            Some(_)
                if write
                    .previous
                    .as_deref()
                    .is_some_and(|p| same_pfx(p, child)) =>
            {
                continue;
            }
            _ => certificate::parse(data, password),
        };
        let opened = opened.map_err(|reason| bad_certificate(&name, reason))?;
        child["properties"]["publicCertData"] = STANDARD.encode(&opened.chain[0]).into();
    }
    Ok(())
}

fn same_pfx(previous: &Value, child: &Value) -> bool {
    let before = wire::named(previous, "properties.sslCertificates", name_of(child));
    let secret = |child: &Value| {
        let text = |path| wire::text(child, path).map(str::to_owned);
        (text("properties.data"), text("properties.password"))
    };
    before.is_some_and(|before| secret(before) == secret(child))
}

fn bad_certificate(name: &str, reason: InvalidPfx) -> ArmError {
    match reason {
        InvalidPfx::Data => refuse(
            "ApplicationGatewaySslCertificateInvalidData",
            format!("Data for certificate {name} is invalid: {reason}."),
        ),
        InvalidPfx::Password => refuse(
            "ApplicationGatewaySslCertificateInvalidPassword",
            format!("The password for certificate {name} is invalid: {reason}."),
        ),
    }
}

struct Body<'a> {
    id: &'a ResourceId,
    model: &'a Value,
}

impl Body<'_> {
    fn children(&self, collection: &str) -> impl Iterator<Item = &Value> {
        wire::items(self.model, &format!("properties.{collection}"))
    }

    fn ports(&self) -> Result<(), ArmError> {
        let mut seen = BTreeSet::new();
        for child in self.children("frontendPorts") {
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

    fn pools(&self) -> Result<(), ArmError> {
        let pools: Vec<&Value> = self.children("backendAddressPools").collect();
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

    fn settings(&self) -> Result<(), ArmError> {
        for settings in self.children("backendHttpSettingsCollection") {
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

    fn probes(&self) -> Result<(), ArmError> {
        self.children("probes").try_for_each(probe)
    }

    fn listeners(&self) -> Result<(), ArmError> {
        let mut seen = BTreeSet::new();
        for listener in self.children("httpListeners") {
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
                        format!(
                            "Listener {name} uses the frontend, port and host name of another."
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    fn path_maps(&self) -> Result<(), ArmError> {
        for map in self.children("urlPathMaps") {
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

    fn redirects(&self) -> Result<(), ArmError> {
        for redirect in self.children("redirectConfigurations") {
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

    fn rules(&self, api_version: &str) -> Result<(), ArmError> {
        let rules: Vec<&Value> = self.children("requestRoutingRules").collect();
        self.priorities(&rules, api_version)?;
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
    fn priorities(&self, rules: &[&Value], api_version: &str) -> Result<(), ArmError> {
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
                let rule = self.id.child("requestRoutingRules", name_of(rule));
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
}

fn name_of(child: &Value) -> &str {
    wire::text(child, "name").unwrap_or_default()
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
    use super::*;
    use serde_json::json;

    fn body(properties: Value) -> (ResourceId, Value) {
        let id =
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/applicationGateways/gw";
        let id = ResourceId::parse(id).expect("the literal is an id");
        (id, json!({"properties": properties}))
    }

    fn code(result: Result<(), ArmError>) -> String {
        result.map_or_else(|refused| refused.body.code, |()| "accepted".to_owned())
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
            let body = Body {
                id: &id,
                model: &model,
            };
            assert_eq!(
                code(body.rules(version)),
                expected,
                "{priorities:?} {version}"
            );
        }
    }

    #[test]
    fn v1_is_refused_with_its_retirement_and_capacity_is_given_once() {
        for (properties, expected) in [
            (
                json!({"sku": {"name": "Standard_v2", "tier": "Standard_v2", "capacity": 2}}),
                "accepted",
            ),
            (
                json!({"sku": {"name": "WAF_v2", "tier": "WAF_v2"}, "autoscaleConfiguration": {"minCapacity": 0}}),
                "accepted",
            ),
            (
                json!({"sku": {"name": "Standard_Small", "tier": "Standard", "capacity": 2}}),
                "ApplicationGatewayV1SkuRetired",
            ),
            (
                json!({"sku": {"name": "WAF_Medium", "tier": "WAF", "capacity": 2}}),
                "ApplicationGatewayV1SkuRetired",
            ),
            (
                json!({"sku": {"name": "Standard_v2", "tier": "Standard_v2"}}),
                "ApplicationGatewayCapacityMissing",
            ),
            (json!({}), "ApplicationGatewaySkuMissing"),
        ] {
            let (_, model) = body(properties);
            assert_eq!(code(sku(&model)), expected, "{model}");
        }
    }

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
