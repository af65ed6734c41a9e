//! Inbound NAT: who is behind each rule, and the rules Azure makes from a pool of ports.
//!
//! A rule's target is written on the network interface; a pool of ports becomes one rule per scale
//! set instance, `{pool}.{instance}` (azure-facts.md §4.10).

use serde_json::{Value, json};
use turquoise_arm::{ResourceId, json as wire};

use super::super::scale_set;
use crate::control_plane::references::Reference;
use crate::control_plane::resolve::number;
use crate::control_plane::store::Store;

/// Whether a model has NAT rules or pools of ports.
pub(super) fn has_any(model: &Value) -> bool {
    let mut rules = wire::items(model, "properties.inboundNatRules");
    let mut pools = wire::items(model, "properties.inboundNatPools");
    rules.next().is_some() || pools.next().is_some()
}

/// Fills in targets and the rules made from pools of ports.
pub(super) fn complete(store: &Store, balancer: &ResourceId, document: &mut Value) {
    let made = from_pools(store, balancer, document);
    let Some(rules) = document["properties"].get_mut("inboundNatRules") else {
        return;
    };
    let Some(rules) = rules.as_array_mut() else {
        return;
    };
    for rule in rules.iter_mut() {
        let name = wire::text(rule, "name").unwrap_or_default();
        let id = balancer.child("inboundNatRules", name);
        if let Some(target) = store.referrers(&id).first() {
            rule["properties"]["backendIPConfiguration"] = json!({"id": target.from.as_str()});
        }
    }
    rules.extend(made);
}

/// Drops from a model the rules made from pools: clients send back what they read.
pub(super) fn forget_made(model: &mut Value) {
    let pools: Vec<String> = wire::items(model, "properties.inboundNatPools")
        .filter_map(|pool| Some(format!("{}.", wire::text(pool, "name")?)))
        .collect();
    let is_made = |rule: &Value| {
        let name = wire::text(rule, "name").unwrap_or_default();
        let mut instances = pools
            .iter()
            .filter_map(|pool| name.strip_prefix(pool.as_str()));
        instances.any(|instance| instance.parse::<u32>().is_ok())
    };
    let rules = model["properties"].get_mut("inboundNatRules");
    if let Some(rules) = rules.and_then(Value::as_array_mut) {
        rules.retain(|rule| !is_made(rule));
    }
}

/// Gives the rules made from pools what every child of an answer has.
pub(super) fn decorate(balancer: &ResourceId, etag: &str, state: &str, document: &mut Value) {
    let rules = document["properties"].get_mut("inboundNatRules");
    for rule in rules.and_then(Value::as_array_mut).into_iter().flatten() {
        if rule.get("id").is_none() {
            let name = wire::text(rule, "name").unwrap_or_default();
            rule["id"] = balancer.child("inboundNatRules", name).as_str().into();
            rule["etag"] = etag.into();
            rule["type"] = "Microsoft.Network/loadBalancers/inboundNatRules".into();
            rule["properties"]["provisioningState"] = state.into();
        }
    }
}

fn from_pools(store: &Store, balancer: &ResourceId, document: &Value) -> Vec<Value> {
    let pools = wire::items(document, "properties.inboundNatPools");
    pools
        .flat_map(|pool| {
            let id = balancer.child(
                "inboundNatPools",
                wire::text(pool, "name").unwrap_or_default(),
            );
            let instances = store.referrers(&id).iter();
            instances
                .filter_map(|by| rule(pool, by))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn rule(pool: &Value, by: &Reference) -> Option<Value> {
    let instance = scale_set::instance_number(&by.owner)?;
    let first: u32 = number(pool, "properties.frontendPortRangeStart", 0);
    let last: u32 = number(pool, "properties.frontendPortRangeEnd", 0);
    let port = first.checked_add(instance).filter(|port| *port <= last)?;
    let name = wire::text(pool, "name")?;
    let mut properties = pool.get("properties")?.as_object()?.clone();
    properties.shift_remove("frontendPortRangeStart");
    properties.shift_remove("frontendPortRangeEnd");
    properties.shift_remove("provisioningState");
    properties.insert("frontendPort".to_owned(), port.into());
    properties.insert(
        "backendIPConfiguration".to_owned(),
        json!({"id": by.from.as_str()}),
    );
    Some(json!({"name": format!("{name}.{instance}"), "properties": properties}))
}
