//! How a gateway probes its members: by a bound probe, or by the default one.

use std::time::Duration;

use serde_json::Value;
use turquoise_arm::json;

use super::{host_override, seconds, text};
use crate::control_plane::resolve::number;
use crate::desired::{Probe, ProbeRequest};

/// Interval and time-out of a probe that does not say (azure-facts.md §5.3).
const DEFAULT_PROBE_S: u64 = 30;
/// Failures that mark a member down where a probe does not say.
const DEFAULT_PROBE_THRESHOLD: u32 = 3;
/// A bound probe as configured.
pub(super) fn custom(probe: &Value, settings: &Value, settings_port: u16) -> Probe {
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
pub(super) fn default(settings: &Value, port: u16) -> Probe {
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
