//! `Microsoft.Compute/virtualMachineScaleSets` in uniform mode: a side's machines.
//!
//! A PUT is merged into the stored model (azure-facts.md §4.12.3); capacity changes by clients and
//! by autoscale take the same way through [`Provider::begin`]. The instances live in a
//! [`Set`]; each also has a document below its set, so that the subnets, pools and addresses it
//! uses are protected until it is gone, whatever the set's model now says. Documents:
//! [`schema`]; refusals: [`validate`]; answers: [`view`]; routes: [`action`].

mod action;
mod cores;
mod filter;
mod instance;
mod rolling;
pub(crate) mod schema;
mod set;
mod validate;
mod view;

pub(crate) use self::cores::cores;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as wire};

use crate::control_plane::durations::{Duration, Durations};
use crate::control_plane::fleet::{Fleet, Version};
use crate::control_plane::name_rule::NameRule;
use crate::control_plane::provider::{
    Call, Context, DELETE, Ended, Etags, Handled, Kind, Outcome, Provider, PutMode, Scope, Settled,
    Write,
};
use crate::control_plane::references::Reference;
use crate::control_plane::resolve::{load_balancer, number, scale_set as resolve};
use crate::control_plane::store::{Resource, Store};
use crate::time::Instant;

use self::set::{Set, arrivals, later};

/// The type, canonical.
pub(crate) const TYPE: &str = "Microsoft.Compute/virtualMachineScaleSets";
/// The type of its instances, as stored below it.
const INSTANCE_TYPE: &str = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines";

/// Deleting a set that runs takes 60 to 180 s, one without instances 2.6 s (azure-facts.md §8).
const DELETE_RUNNING: Duration = Duration::Uniform(57_000, 177_000);

static KIND: Kind = Kind {
    resource_type: TYPE,
    api_versions: &[
        "2026-04-01",
        "2025-04-01",
        "2024-11-01",
        "2023-09-01",
        "2021-03-01",
    ],
    schema: &schema::SCHEMA,
    name_rule: NameRule::Compute { most: 64 },
    etags: Etags::Counter,
    put: PutMode::Merge,
    // What every write takes; instances that come, change or go take longer and are added.
    durations: Durations {
        create: Duration::Uniform(2_000, 4_000),
        update: Duration::Uniform(2_000, 8_000),
        delete: Duration::Uniform(2_000, 4_000),
    },
    ..Kind::COMPUTE
};

/// The provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScaleSets {
    sets: BTreeMap<ResourceId, Set>,
}

impl Provider for ScaleSets {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        validate::validate(context, write)?;
        self.claim_addresses(context, write)
    }

    fn begin(&mut self, scope: &mut Scope<'_>, write: &Write, ends_at: Instant) -> Instant {
        let latest = self.version(scope.store, write);
        let set = self.sets.entry(write.id.clone()).or_insert_with(|| Set {
            fleet: Fleet::new(write.id.clone(), scope.seed.child(write.id.key())),
            latest: latest.clone(),
            rolling: None,
        });
        let is_new_model = set.latest.generation != latest.generation;
        set.latest = latest;
        let mut ends_at = set.scale(scope, write, ends_at);
        if is_new_model || set.was_cancelled() {
            ends_at = set.upgrade(scope, write, ends_at);
        }
        ends_at
    }

    fn settle(&mut self, scope: &mut Scope<'_>, ended: &Ended<'_>) -> Settled {
        if let Some(set) = self.sets.get_mut(ended.id) {
            set.advance(scope, ended.id);
        }
        if ended.verb == DELETE && *ended.outcome == Outcome::Succeeded {
            self.sets.remove(ended.id);
        }
        Settled::Done
    }

    /// Gallery images, disks and identities are taken on trust; [`validate`] looks for images.
    fn trusts(&self, reference: &Reference) -> bool {
        !reference
            .to
            .resource_type()
            .is_some_and(|kind| kind.namespace().eq_ignore_ascii_case("Microsoft.Network"))
    }

    fn begin_delete(
        &mut self,
        scope: &mut Scope<'_>,
        resource: &Resource,
        ends_at: Instant,
    ) -> Instant {
        let Some(set) = self.sets.get_mut(&resource.id) else {
            return ends_at;
        };
        let everyone: Vec<u32> = set.fleet.instances().map(|i| i.number).collect();
        if everyone.is_empty() {
            return ends_at;
        }
        let window = later(scope, ends_at, DELETE_RUNNING, resource.generation);
        set.fleet.remove(window, &everyone);
        window.until
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        let properties = &mut document["properties"];
        properties["uniqueId"] = resource.guid.as_str().into();
        properties["timeCreated"] = context.clock.iso(resource.created).into();
    }

    fn route(&mut self, scope: &mut Scope<'_>, call: &Call<'_>) -> Result<Handled, ArmError> {
        let Some(set) = self.sets.get_mut(call.id) else {
            return Ok(Handled::Unknown);
        };
        if let Some(handled) = rolling::route(scope, call, set)? {
            return Ok(handled);
        }
        match view::get(scope, call, set)? {
            Handled::Unknown => action::route(scope, call, set),
            answered => Ok(answered),
        }
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.sets
            .values()
            .filter_map(|set| set.fleet.next_deadline())
            .min()
    }

    fn advance_to(&mut self, scope: &mut Scope<'_>) {
        for (id, set) in &mut self.sets {
            set.advance(scope, id);
        }
    }
}

impl ScaleSets {
    /// The set's newest model: the one before, unless the profile has changed.
    fn version(&self, store: &Store, write: &Write) -> Version {
        let at = "properties.virtualMachineProfile";
        let profile = wire::at(&write.model, at).unwrap_or(&Value::Null);
        let before = self.sets.get(&write.id).map(|set| &set.latest);
        match before {
            Some(before) if *before.profile == *profile => before.clone(),
            _ => Version {
                generation: before.map_or(1, |before| before.generation + 1),
                model: Arc::new(resolve::resolve(&write.model, &|probe| {
                    store.child_model(probe).map(load_balancer::probe)
                })),
                profile: Arc::new(profile.clone()),
            },
        }
    }

    /// Claims the addresses of the instances there are and of those to come.
    fn claim_addresses(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        let set = self.sets.get(&write.id);
        if let Some(set) = set {
            write.claims.extend(instance::claims(&write.id, &set.fleet));
        }
        let profile = write.model["properties"]["virtualMachineProfile"].clone();
        let names = instance::Names::read(&profile);
        let Some(subnet) = &names.subnet else {
            return Ok(());
        };
        let first = set.map_or(0, |set| set.fleet.next_number());
        let held = set.map_or(0, |set| set.fleet.capacity());
        let more = arrivals(context, write, held);
        for number in first..first + more {
            let owner = names.ip_configuration(&write.id, number);
            context.claim(write, &owner, subnet, None)?;
        }
        Ok(())
    }
}

/// `sku.capacity`.
fn capacity(model: &Value) -> u32 {
    number(model, "sku.capacity", 0)
}

/// Whether `id` is a scale set's, not an instance's.
pub(crate) fn is_set(id: &ResourceId) -> bool {
    id.resource_type().is_some_and(|kind| kind.is(TYPE))
}

/// The scale set that `owner` is, or is an instance of.
pub(crate) fn of_instance_or_set(owner: &ResourceId) -> Option<ResourceId> {
    if is_set(owner) {
        return Some(owner.clone());
    }
    let is_instance = owner.resource_type()?.is(INSTANCE_TYPE);
    is_instance.then(|| owner.parent()).flatten()
}

/// The number of the instance whose document `owner` is.
pub(crate) fn instance_number(owner: &ResourceId) -> Option<u32> {
    let is_instance = owner.resource_type()?.is(INSTANCE_TYPE);
    is_instance.then(|| owner.name().parse().ok()).flatten()
}

/// The part of a model that says how many instances there are to be.
pub(crate) fn capacity_part(capacity: u32) -> Value {
    json!({"sku": {"capacity": capacity}})
}
