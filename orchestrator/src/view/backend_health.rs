//! The gateway's own view of its pool members (azure-facts.md §4.11.4).

use std::net::Ipv4Addr;

use serde_json::Value;
use turquoise_arm::{ResourceId, json as tree};

/// One member under one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemberHealth {
    pub(crate) address: Ipv4Addr,
    /// Azure's word, as it came.
    pub(crate) health: String,
    /// The last probe's story.
    pub(crate) log: String,
}

impl MemberHealth {
    /// `Healthy` in the documents' vocabulary, `Up` in the interface's.
    pub(crate) fn is_healthy(&self) -> bool {
        let word = self.health.to_ascii_lowercase();
        matches!(word.as_str(), "healthy" | "up")
    }

    /// Whether the last probe behind a good verdict failed: a member stays healthy until several in a
    /// row fail, so that one sick machine of a side shows here and nowhere else (F06).
    pub(crate) fn is_in_doubt(&self) -> bool {
        if !self.is_healthy() {
            return false;
        }
        let log = self.log.to_ascii_lowercase();
        let status = log.split("status code").nth(1);
        let status = status.and_then(|rest| {
            let word = rest.trim_start_matches([' ', ':']);
            let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u16>().ok()
        });
        match status {
            Some(status) => status >= 400,
            None => log.contains("exceeded the timeout") || log.contains("refused"),
        }
    }

    /// Removed, and finishing what it has; not a member any more.
    pub(crate) fn is_draining(&self) -> bool {
        self.health.eq_ignore_ascii_case("draining")
    }
}

/// Every row of one pool, over all settings in use; empty when the answer does not mention it.
pub(crate) fn of_pool(document: &Value, pool: &ResourceId) -> Vec<MemberHealth> {
    tree::items(document, "backendAddressPools")
        .filter(|entry| {
            let id = tree::text(entry, "backendAddressPool.id");
            id.and_then(|id| ResourceId::parse(id).ok()).as_ref() == Some(pool)
        })
        .flat_map(|entry| tree::items(entry, "backendHttpSettingsCollection"))
        .flat_map(|settings| tree::items(settings, "servers"))
        .filter_map(member)
        .collect()
}

fn member(server: &Value) -> Option<MemberHealth> {
    let text = |name| tree::text(server, name).unwrap_or_default().to_owned();
    Some(MemberHealth {
        address: tree::text(server, "address")?.parse().ok()?,
        health: text("health"),
        log: text("healthProbeLog"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_good_verdict_is_in_doubt_when_its_last_probe_failed() {
        for (log, doubt) in [
            ("", false),
            ("Success. Received 200 status code", false),
            ("Received status code 200", false),
            ("Received invalid status code: 500 in the response", true),
            ("The connection to the backend was refused", true),
            (
                "Time taken by the backend to respond exceeded the timeout threshold",
                true,
            ),
            ("some words of a later day", false),
        ] {
            let row = MemberHealth {
                address: Ipv4Addr::LOCALHOST,
                health: "Up".to_owned(),
                log: log.to_owned(),
            };
            assert_eq!(row.is_in_doubt(), doubt, "{log}");
        }
    }

    #[test]
    fn both_vocabularies_are_understood() {
        let group = ResourceId::resource_group("s", "g");
        let gateway = group.resource("Microsoft.Network/applicationGateways", "gw");
        let pool = gateway.child("backendAddressPools", "pool01");
        let server = |address: &str, health: &str| json!({"address": address, "health": health});
        let document = json!({"backendAddressPools": [{
            "backendAddressPool": {"id": pool.as_str().to_uppercase().replace("SUBSCRIPTIONS", "subscriptions")},
            "backendHttpSettingsCollection": [{"servers": [
                server("10.0.0.5", "Healthy"), server("10.0.0.6", "Up"),
                server("10.0.0.7", "Partial"), server("10.0.0.8", "Draining"),
            ]}],
        }]});
        let members = of_pool(&document, &pool);
        let healthy: Vec<bool> = members.iter().map(MemberHealth::is_healthy).collect();
        assert_eq!(healthy, [true, true, false, false]);
        assert!(members[3].is_draining());
        assert!(of_pool(&document, &gateway.child("backendAddressPools", "x")).is_empty());
    }
}
