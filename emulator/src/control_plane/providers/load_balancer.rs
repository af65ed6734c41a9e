//! `Microsoft.Network/loadBalancers`: the balancer in front of each side.
//!
//! A write takes effect when its operation ends well (azure-facts.md §5.7). Membership of network
//! interfaces is written on them, not here; the answers list it (azure-facts.md §4.10).

mod nat;
pub(crate) mod schema;
mod validate;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as wire};

use super::{back_references, scale_set};
use crate::control_plane::durations::{Duration, Durations};
use crate::control_plane::provider::{
    Begun, Call, ChildRoute, Context, DELETE, Ended, Handled, Kind, Outcome, Provider, Scope,
    Settled, Write, in_use,
};
use crate::control_plane::references::Reference;
use crate::control_plane::resolve::load_balancer as resolve;
use crate::control_plane::resolve::{Addresses as _, Stored};
use crate::control_plane::store::{Resource, Store};
use crate::desired::{Desired, LoadBalancer};

/// The type, canonical.
pub(crate) const TYPE: &str = "Microsoft.Network/loadBalancers";

/// Standard balancers take 2 to 10 s (azure-facts.md §8).
const WRITE: Duration = Duration::Uniform(2_000, 10_000);

static KIND: Kind = Kind {
    resource_type: TYPE,
    api_versions: &["2025-07-01", "2025-01-01", "2023-04-01", "2021-02-01"],
    schema: &schema::SCHEMA,
    durations: Durations {
        create: WRITE,
        update: WRITE,
        delete: WRITE,
    },
    children: &[
        child("backendAddressPools", true),
        child("inboundNatRules", true),
        child("frontendIPConfigurations", false),
        child("loadBalancingRules", false),
        child("probes", false),
        child("outboundRules", false),
    ],
    ..Kind::NETWORK
};

const fn child(collection: &'static str, writable: bool) -> ChildRoute {
    ChildRoute {
        collection,
        writable,
    }
}

/// The verb of a rule's health operation.
const HEALTH: &str = "health";

/// The provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadBalancers {
    published: BTreeMap<ResourceId, Arc<LoadBalancer>>,
}

impl Provider for LoadBalancers {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        validate::validate(context, write)
    }

    fn settle(&mut self, scope: &mut Scope<'_>, ended: &Ended<'_>) -> Settled {
        if *ended.outcome != Outcome::Succeeded {
            return Settled::Done;
        }
        match ended.verb {
            HEALTH => return Settled::Result(health(scope, ended)),
            DELETE => {
                self.published.remove(ended.id);
                scope.desired.push(Desired::LoadBalancerGone {
                    at: scope.now,
                    id: ended.id.clone(),
                });
            }
            _ => self.publish(scope, ended.id),
        }
        Settled::Done
    }

    fn in_use(&self, target: &ResourceId, by: &Reference) -> Option<ArmError> {
        let Some(scale_set) = scale_set::of_instance_or_set(&by.owner) else {
            return Some(in_use(target, by));
        };
        Some(in_use_by_scale_set(target, &scale_set))
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        back_references::fill(document, &resource.references, |from, _| match from {
            "loadBalancingRules" => Some("loadBalancingRules"),
            "inboundNatRules" => Some("inboundNatRules"),
            "inboundNatPools" => Some("inboundNatPools"),
            "outboundRules" => Some("outboundRules"),
            _ => None,
        });
        let pools = document["properties"].get_mut("backendAddressPools");
        for pool in pools.and_then(Value::as_array_mut).into_iter().flatten() {
            for member in members(context.store, pool) {
                back_references::push(pool, "backendIPConfigurations", &member);
            }
        }
        nat::complete(context.store, &resource.id, document);
        nat::decorate(
            &resource.id,
            &resource.etag,
            resource.state.word(),
            document,
        );
    }

    fn route(&mut self, scope: &mut Scope<'_>, call: &Call<'_>) -> Result<Handled, ArmError> {
        if !call.is("POST", &["loadBalancingRules", "*", "health"]) {
            return Ok(Handled::Unknown);
        }
        let rule = &call.rest[1];
        let known = scope.store.get(call.id).and_then(|resource| {
            wire::named(&resource.model, "properties.loadBalancingRules", rule)
        });
        if known.is_none() {
            let id = call.id.child("loadBalancingRules", rule);
            return Err(ArmError::not_found(
                "NotFound",
                format!("Resource {id} not found."),
            ));
        }
        let seed = scope.seed.child(HEALTH).at(scope.now.as_millis());
        Ok(Handled::Operation(Begun {
            verb: HEALTH,
            ends_at: scope.ending(WRITE, seed),
            payload: json!({"rule": rule}),
            answer: None,
            updates: false,
        }))
    }

    fn on_change(&mut self, scope: &mut Scope<'_>, changed: &ResourceId) {
        let moves_targets = changed.resource_type().is_some_and(|kind| {
            kind.is("Microsoft.Network/networkInterfaces") || kind.is(scale_set::TYPE)
        });
        if !moves_targets {
            return;
        }
        let published: Vec<ResourceId> = self.published.keys().cloned().collect();
        for id in published {
            if scope
                .store
                .get(&id)
                .is_some_and(|lb| nat::has_any(&lb.model))
            {
                self.publish(scope, &id);
            }
        }
    }
}

impl LoadBalancers {
    /// Hands the stored configuration down, unless it is what already runs.
    fn publish(&mut self, scope: &mut Scope<'_>, id: &ResourceId) {
        let Some(resource) = scope.store.get(id) else {
            return;
        };
        let mut document = (*resource.model).clone();
        nat::complete(scope.store, id, &mut document);
        let config = resolve::resolve(id, &document, &Stored(scope.store));
        if self
            .published
            .get(id)
            .is_some_and(|known| **known == config)
        {
            return;
        }
        let config = Arc::new(config);
        self.published.insert(id.clone(), Arc::clone(&config));
        scope.desired.push(Desired::LoadBalancer {
            at: scope.now,
            config,
        });
    }
}

/// Ids of the IP configurations in a pool; a scale set's model is no member, its instances are.
fn members(store: &Store, pool: &Value) -> Vec<ResourceId> {
    let id = wire::text(pool, "id").and_then(|id| ResourceId::parse(id).ok());
    id.map(|id| pool_members(store, &id)).unwrap_or_default()
}

fn pool_members(store: &Store, pool: &ResourceId) -> Vec<ResourceId> {
    let referrers = store.referrers(pool).iter();
    referrers
        .filter(|by| by.member == "loadBalancerBackendAddressPools")
        .filter(|by| !scale_set::is_set(&by.owner))
        .map(|by| by.from.clone())
        .collect()
}

/// The answer of a rule's `health`: what its probe says of each instance (azure-facts.md §4.10).
fn health(scope: &Scope<'_>, ended: &Ended<'_>) -> Value {
    let rule = wire::text(ended.payload, "rule").unwrap_or_default();
    let verdicts = scope.reported.rule_health(ended.id, rule);
    let configurations = configurations(scope.store, ended.id, rule);
    let servers = verdicts.iter().map(|(address, healthy)| {
        let configuration = configurations.get(address).map_or("", ResourceId::as_str);
        json!({
            "ipAddress": address.to_string(),
            "networkInterfaceIPConfigurationId": configuration,
            "state": if *healthy { "Up" } else { "Down" },
            "reason": if *healthy { "Up_Success" } else { "Down_Probe_Failed" },
        })
    });
    let up = verdicts.iter().filter(|(_, healthy)| *healthy).count();
    json!({
        "up": up,
        "down": verdicts.len() - up,
        "loadBalancerBackendAddresses": servers.collect::<Vec<_>>(),
    })
}

fn configurations(store: &Store, id: &ResourceId, rule: &str) -> BTreeMap<Ipv4Addr, ResourceId> {
    let Some(resource) = store.get(id) else {
        return BTreeMap::new();
    };
    let config = resolve::resolve(id, &resource.model, &Stored(store));
    let rule = config
        .rules
        .iter()
        .find(|r| r.name.eq_ignore_ascii_case(rule));
    let pools = rule.map(|rule| rule.pools.as_slice()).unwrap_or_default();
    pools
        .iter()
        .flat_map(|pool| pool_members(store, pool))
        .filter_map(|member| Some((Stored(store).address(&member)?, member)))
        .collect()
}

/// What holds a balancer or a child of one that a scale set needs (azure-facts.md §1.6).
fn in_use_by_scale_set(target: &ResourceId, scale_set: &ResourceId) -> ArmError {
    match back_references::collection(target) {
        "backendAddressPools" => ArmError::bad_request(
            "LoadBalancerInUseByVirtualMachineScaleSet",
            format!(
                "Cannot remove backend address pool {} from load balancer since it is in use by \
                 virtual machine scale set {scale_set}.",
                target.name()
            ),
        ),
        "inboundNatPools" => ArmError::bad_request(
            "LoadBalancerInUseByVirtualMachineScaleSet",
            format!(
                "Cannot remove inbound nat pool {} from load balancer since it is in use by \
                 virtual machine scale set {scale_set}.",
                target.name()
            ),
        ),
        "probes" => ArmError::bad_request(
            "CannotRemoveProbeUsedByVMSS",
            format!(
                "Load balancer probe {} cannot be removed because it is used as health probe by \
                 VM scale set {scale_set}.",
                target.name()
            ),
        ),
        _ => ArmError::new(
            StatusCode::BAD_REQUEST,
            "LoadBalancerInUseByVirtualMachineScaleSet",
            format!(
                "Cannot delete load balancer {target} since it is in use by virtual machine scale \
                 set {scale_set}."
            ),
        ),
    }
}
