//! The frontend group's bodies: network, public address, gateway (azure-facts.md §0.3, §11.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use turquoise_arm::{ResourceId, json as tree};

use super::{DeployError, Pkcs12};
use crate::config::{Config, Frontend};

/// The virtual network's id.
pub(super) fn network_id(config: &Config) -> ResourceId {
    let name = &config.frontend.network.name;
    let group = config.target.group();
    group.resource("Microsoft.Network/virtualNetworks", name)
}

/// The id of one of its subnets.
pub(super) fn subnet_id(config: &Config, subnet: &str) -> ResourceId {
    network_id(config).child("subnets", subnet)
}

/// The public address's id.
pub(super) fn public_ip_id(config: &Config) -> ResourceId {
    let name = &config.frontend.public_ip;
    let group = config.target.group();
    group.resource("Microsoft.Network/publicIPAddresses", name)
}

pub(super) fn network(config: &Config) -> Value {
    let network = &config.frontend.network;
    let subnets: Vec<Value> = network
        .subnets
        .iter()
        .map(|(name, range)| json!({"name": name, "properties": {"addressPrefix": range}}))
        .collect();
    json!({
        "location": config.frontend.location,
        "properties": {
            "addressSpace": {"addressPrefixes": [network.address_space]},
            "subnets": subnets,
        },
    })
}

pub(super) fn public_ip(config: &Config) -> Value {
    json!({
        "location": config.frontend.location,
        "sku": {"name": "Standard", "tier": "Regional"},
        "properties": {
            "publicIPAllocationMethod": "Static",
            "publicIPAddressVersion": "IPv4",
            "idleTimeoutInMinutes": 4,
        },
    })
}

/// The gateway's body. What `existing` says of the pool's members and of certificates stays: who
/// serves is decided by swaps, and Azure never gives a certificate back to compare it.
pub(super) fn gateway(
    config: &Config,
    certificate: Option<&Pkcs12>,
    existing: Option<&Value>,
) -> Result<Value, DeployError> {
    let frontend = &config.frontend;
    let mut listeners = Vec::new();
    if let Some(http) = &frontend.http {
        listeners.push(Listener::new("http", http.port, None));
    }
    let mut certificates = Vec::new();
    if let Some(https) = &frontend.https {
        listeners.push(Listener::new("https", https.port, Some("tls")));
        certificates.push(certificate_body(https.port, certificate, existing)?);
    }
    Ok(json!({
        "location": frontend.location,
        "properties": {
            "sku": {"name": "Standard_v2", "tier": "Standard_v2", "capacity": frontend.capacity},
            "gatewayIPConfigurations": [{
                "name": "gateway-ip",
                "properties": {"subnet": {"id": subnet_id(config, &frontend.network.gateway_subnet)}},
            }],
            "frontendIPConfigurations": [{
                "name": "frontend",
                "properties": {"publicIPAddress": {"id": public_ip_id(config)}},
            }],
            "frontendPorts": listeners.iter().map(Listener::port_body).collect::<Vec<_>>(),
            "sslCertificates": certificates,
            "backendAddressPools": [pool(config, existing)],
            "backendHttpSettingsCollection": [settings(config)],
            "probes": [probe(frontend)],
            "httpListeners":
                listeners.iter().map(|l| l.body(&config.target.gateway)).collect::<Vec<_>>(),
            "requestRoutingRules":
                listeners.iter().enumerate().map(|(at, l)| l.rule(config, at)).collect::<Vec<_>>(),
        },
    }))
}

fn pool(config: &Config, existing: Option<&Value>) -> Value {
    let name = &config.target.pool;
    let lives = existing.and_then(|g| tree::named(g, "properties.backendAddressPools", name));
    if lives.is_some() {
        return json!({"name": name});
    }
    let initial = config.side(&config.target.initial);
    let addresses: Vec<Value> = initial
        .into_iter()
        .map(|side| json!({"ipAddress": side.address}))
        .collect();
    json!({"name": name, "properties": {"backendAddresses": addresses}})
}

fn settings(config: &Config) -> Value {
    let frontend = &config.frontend;
    json!({
        "name": "settings",
        "properties": {
            "port": 80,
            "protocol": "Http",
            "cookieBasedAffinity": "Disabled",
            "requestTimeout": frontend.request_timeout.0.as_secs().max(1),
            "connectionDraining": {
                "enabled": true,
                "drainTimeoutInSec": frontend.drain_timeout.0.as_secs(),
            },
            "probe": {"id": config.target.gateway.child("probes", "probe")},
        },
    })
}

fn probe(frontend: &Frontend) -> Value {
    let probe = &frontend.probe;
    json!({
        "name": "probe",
        "properties": {
            "protocol": "Http",
            "host": probe.host,
            "path": probe.path,
            "interval": probe.interval.0.as_secs().max(1),
            "timeout": probe.timeout.0.as_secs().max(1),
            "unhealthyThreshold": probe.unhealthy_threshold,
            // Only 200: a redirect to a login page is no readiness (F08).
            "match": {"statusCodes": ["200"]},
        },
    })
}

fn certificate_body(
    port: u16,
    certificate: Option<&Pkcs12>,
    existing: Option<&Value>,
) -> Result<Value, DeployError> {
    let lives = existing.and_then(|g| tree::named(g, "properties.sslCertificates", "tls"));
    if lives.is_some() {
        return Ok(json!({"name": "tls"}));
    }
    let certificate = certificate.ok_or(DeployError::NoCertificate { port })?;
    let data = STANDARD.encode(&certificate.bytes);
    Ok(json!({"name": "tls", "properties": {"data": data, "password": certificate.password}}))
}

/// A port, a listener and a rule, named alike.
struct Listener {
    name: &'static str,
    port: u16,
    certificate: Option<&'static str>,
}

impl Listener {
    fn new(name: &'static str, port: u16, certificate: Option<&'static str>) -> Self {
        Self {
            name,
            port,
            certificate,
        }
    }

    fn port_body(&self) -> Value {
        json!({"name": self.name, "properties": {"port": self.port}})
    }

    fn body(&self, gateway: &ResourceId) -> Value {
        let mut body = json!({
            "name": self.name,
            "properties": {
                "frontendIPConfiguration": {"id": gateway.child("frontendIPConfigurations", "frontend")},
                "frontendPort": {"id": gateway.child("frontendPorts", self.name)},
                "protocol": if self.certificate.is_some() { "Https" } else { "Http" },
            },
        });
        if let Some(certificate) = self.certificate {
            let id = gateway.child("sslCertificates", certificate);
            body["properties"]["sslCertificate"] = json!({"id": id});
        }
        body
    }

    fn rule(&self, config: &Config, at: usize) -> Value {
        let gateway = &config.target.gateway;
        json!({
            "name": self.name,
            "properties": {
                "ruleType": "Basic",
                // Mandatory on v2, and unique (azure-facts.md §4.11.2).
                "priority": 100 + 10 * at,
                "httpListener": {"id": gateway.child("httpListeners", self.name)},
                "backendAddressPool": {"id": config.target.pool_id()},
                "backendHttpSettings": {"id": gateway.child("backendHttpSettingsCollection", "settings")},
            },
        })
    }
}
