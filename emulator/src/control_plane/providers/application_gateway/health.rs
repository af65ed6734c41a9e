//! The answer of `backendhealth` (azure-facts.md §4.11.4): every pair of pool and settings that a
//! rule uses, with what the gateway's instances think of each member.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use turquoise_arm::ResourceId;

use crate::desired::{Gateway, Pool, Route};
use crate::reported::{Health, MemberHealth};

/// How the data plane's verdicts are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// `Healthy` for `Up` (§9 row 14).
    pub(crate) healthy_words: bool,
    /// A member that a fault leaves out (F13).
    pub(crate) omitted: Option<Ipv4Addr>,
}

/// Shapes the data plane's verdicts.
pub(crate) fn answer(gateway: &Gateway, members: &[MemberHealth], told: Told) -> Value {
    let pairs = pairs(gateway);
    let pools = gateway
        .pools
        .iter()
        .enumerate()
        .filter_map(|(index, pool)| {
            let settings: Vec<Value> = pairs
                .iter()
                .filter(|(used, _)| *used == index)
                .map(|(_, settings)| of_pool(pool, &gateway.settings[*settings].id, members, told))
                .collect();
            (!settings.is_empty()).then(|| {
                json!({
                    "backendAddressPool": {"id": pool.id.as_str()},
                    "backendHttpSettingsCollection": settings,
                })
            })
        });
    json!({"backendAddressPools": pools.collect::<Vec<_>>()})
}

/// What is thought of a pool's members under one of the settings.
pub(super) fn of_pool(
    pool: &Pool,
    settings: &ResourceId,
    members: &[MemberHealth],
    told: Told,
) -> Value {
    let verdicts = verdicts(&pool.members, &pool.id, settings, members);
    let servers = verdicts
        .filter(|(address, ..)| told.omitted != Some(*address))
        .map(|verdict| server(&verdict, told.healthy_words));
    json!({
        "backendHttpSettings": {"id": settings.as_str()},
        "servers": servers.collect::<Vec<_>>(),
    })
}

/// What is known of each configured member, then of members still draining.
fn verdicts<'a>(
    configured: &'a [Ipv4Addr],
    pool: &'a ResourceId,
    settings: &'a ResourceId,
    members: &'a [MemberHealth],
) -> impl Iterator<Item = (Ipv4Addr, Health, &'a str)> {
    let known = members
        .iter()
        .filter(move |m| m.pool == *pool && m.settings == *settings);
    let draining = known
        .clone()
        .filter(|m| !configured.contains(&m.address))
        .map(|m| (m.address, m.health, m.log.as_str()));
    let present = configured.iter().map(move |address| {
        known
            .clone()
            .find(|m| m.address == *address)
            .map_or((*address, Health::Unknown, ""), |m| {
                (*address, m.health, m.log.as_str())
            })
    });
    present.chain(draining)
}

fn server((address, health, log): &(Ipv4Addr, Health, &str), healthy_words: bool) -> Value {
    json!({
        "address": address.to_string(),
        "health": word(*health, healthy_words),
        "healthProbeLog": log,
    })
}

const fn word(health: Health, healthy_words: bool) -> &'static str {
    match (health, healthy_words) {
        (Health::Up, true) => "Healthy",
        (Health::Down, true) => "Unhealthy",
        (Health::Up, false) => "Up",
        (Health::Down, false) => "Down",
        (Health::Unknown, _) => "Unknown",
        (Health::Partial, _) => "Partial",
        (Health::Draining, _) => "Draining",
    }
}

/// The pairs of pool and settings that some rule uses, each once, in order.
fn pairs(gateway: &Gateway) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for listener in &gateway.listeners {
        collect(&listener.route, &mut found);
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn collect(route: &Route, found: &mut Vec<(usize, usize)>) {
    match route {
        Route::Pool { pool, settings } => found.push((*pool, *settings)),
        Route::Paths { rules, default } => {
            rules.iter().for_each(|(_, route)| collect(route, found));
            collect(default, found);
        }
        Route::Rewritten { route, .. } => collect(route, found),
        Route::Redirect { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::resolve::Addresses;
    use crate::control_plane::resolve::application_gateway::resolve;
    use std::collections::BTreeMap;

    struct Nowhere;

    impl Addresses for Nowhere {
        fn address(&self, _id: &ResourceId) -> Option<Ipv4Addr> {
            Some(Ipv4Addr::LOCALHOST)
        }
    }

    const GATEWAY: &str = "/subscriptions/s/resourceGroups/g/providers/N/applicationGateways/gw";

    fn gateway() -> Gateway {
        let own = |array: &str, name: &str| json!({"id": format!("{GATEWAY}/{array}/{name}")});
        let document = json!({"properties": {
            "frontendIPConfigurations": [{"name": "fe", "properties": {"publicIPAddress": {"id": GATEWAY}}}],
            "frontendPorts": [{"name": "p", "properties": {"port": 80}}],
            "backendAddressPools": [
                {"name": "used", "properties": {"backendAddresses": [{"ipAddress": "10.0.0.5"}, {"ipAddress": "10.0.0.6"}]}},
                {"name": "unused", "properties": {"backendAddresses": [{"ipAddress": "10.0.0.7"}]}}],
            "backendHttpSettingsCollection": [{"name": "s", "properties": {"port": 80}}],
            "httpListeners": [{"name": "l", "properties": {
                "frontendIPConfiguration": own("frontendIPConfigurations", "fe"), "frontendPort": own("frontendPorts", "p")}}],
            "requestRoutingRules": [{"name": "r", "properties": {"httpListener": own("httpListeners", "l"),
                "backendAddressPool": own("backendAddressPools", "used"),
                "backendHttpSettings": own("backendHttpSettingsCollection", "s")}}]}});
        let id = ResourceId::parse(GATEWAY).expect("the literal is an id");
        resolve(&id, &document, &Nowhere, &BTreeMap::new())
    }

    fn member(gateway: &Gateway, last: u8, health: Health) -> MemberHealth {
        MemberHealth {
            pool: gateway.pools[0].id.clone(),
            settings: gateway.settings[0].id.clone(),
            address: Ipv4Addr::new(10, 0, 0, last),
            health,
            log: "Success. Received 200 status code".to_owned(),
        }
    }

    #[test]
    fn pools_that_a_rule_uses_are_listed_with_every_member() {
        let gateway = gateway();
        let reported = [
            member(&gateway, 5, Health::Up),
            member(&gateway, 9, Health::Draining),
        ];
        for (healthy_words, up) in [(false, "Up"), (true, "Healthy")] {
            let told = Told {
                healthy_words,
                omitted: None,
            };
            let answer = answer(&gateway, &reported, told);
            let pools = answer["backendAddressPools"].as_array().expect("a list");
            assert_eq!(pools.len(), 1, "the unused pool is not probed");
            let servers = &pools[0]["backendHttpSettingsCollection"][0]["servers"];
            let seen: Vec<(&str, &str)> = servers
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(|s| Some((s["address"].as_str()?, s["health"].as_str()?)))
                .collect();
            assert_eq!(
                seen,
                [
                    ("10.0.0.5", up),
                    ("10.0.0.6", "Unknown"),
                    ("10.0.0.9", "Draining")
                ]
            );
        }
    }
}
