//! The frontend group: network, public address, gateway.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::span::Span;

/// The resources that both sides share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frontend {
    /// The Azure region of everything.
    pub location: String,
    /// The public address's name.
    pub public_ip: String,
    /// Gateway instances, of SKU `Standard_v2`.
    #[serde(default = "two")]
    pub capacity: u32,
    /// How long a member may take to answer; 1 s to 24 h (azure-facts.md §4.11.2).
    #[serde(default = "half_a_minute")]
    pub request_timeout: Span,
    /// How long a removed member may finish what it has; 1 s to 1 h.
    #[serde(default = "a_minute")]
    pub drain_timeout: Span,
    /// The virtual network.
    pub network: Network,
    /// The plain listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpListener>,
    /// The TLS listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<HttpsListener>,
    /// The gateway's health probe.
    pub probe: GatewayProbe,
}

/// A virtual network with its subnets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its address range, such as `10.0.0.0/8`.
    pub address_space: String,
    /// The subnet that holds the gateway and nothing else.
    pub gateway_subnet: String,
    /// Address ranges by subnet name.
    pub subnets: BTreeMap<String, String>,
}

/// A listener for plain HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpListener {
    /// The frontend port.
    pub port: u16,
}

/// A listener that ends TLS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpsListener {
    /// The frontend port.
    pub port: u16,
    /// The name the certificate is for; our own probes ask for it.
    pub host: String,
    /// The certificate with its key as PKCS#12; without it the certificate is given by the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pfx: Option<PathBuf>,
    /// The environment variable that holds the file's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
}

/// How the gateway probes members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayProbe {
    /// The path asked, with its leading slash; also what load balancers and extensions ask.
    pub path: String,
    /// The `Host` header; the default probe's 127.0.0.1 fails on hosts that care (F11).
    pub host: String,
    /// From the end of one probe to the start of the next.
    pub interval: Span,
    /// How long a probe may take.
    pub timeout: Span,
    /// Failures in a row that mark a member down.
    pub unhealthy_threshold: u32,
}

const fn two() -> u32 {
    2
}

const fn half_a_minute() -> Span {
    Span::seconds(30)
}

const fn a_minute() -> Span {
    Span::minutes(1)
}
