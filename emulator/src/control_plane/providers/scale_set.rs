//! `Microsoft.Compute/virtualMachineScaleSets` in uniform mode: a side's machines.
//!
//! A PUT is merged into the stored model (azure-facts.md §4.12.3); capacity changes by clients and
//! by autoscale take the same way through [`Provider::begin`]. The instances live in a
//! [`Fleet`]; each also has a document below its set, so that the subnets, pools and addresses it
//! uses are protected until it is gone, whatever the set's model now says. Documents:
//! [`schema`]; refusals: [`validate`]; answers: [`view`]; routes: [`action`].

mod action;
mod cores;
mod instance;
pub(crate) mod schema;
mod validate;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as wire};

use crate::control_plane::autoscale::rule::duration;
use crate::control_plane::durations::{Duration, Durations};
use crate::control_plane::fleet::{Fleet, Version, Window};
use crate::control_plane::name_rule::NameRule;
use crate::control_plane::provider::{
    Call, Context, DELETE, Ended, Etags, Handled, Kind, Outcome, PatchMode, Protocol, Provider,
    PutMode, Scope, Settled, Write,
};
use crate::control_plane::references::Reference;
use crate::control_plane::resolve::{load_balancer, number, scale_set as resolve};
use crate::control_plane::store::{Resource, Store};
use crate::desired::Desired;
use crate::event::Event;
use crate::time::Instant;

/// The type, canonical.
pub(crate) const TYPE: &str = "Microsoft.Compute/virtualMachineScaleSets";
/// The type of its instances, as stored below it.
const INSTANCE_TYPE: &str = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines";

/// Instances boot and run their extensions in 60 to 170 s (azure-facts.md §8).
const BOOT: Duration = Duration::Uniform(60_000, 170_000);
/// One more instance takes 60 to 270 s (azure-facts.md §8).
const SCALE_OUT: Duration = Duration::Uniform(60_000, 270_000);
/// Removing instances that run; two took 21 s to deallocate (azure-facts.md §8).
const SCALE_IN: Duration = Duration::Uniform(20_000, 60_000);
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
    patch: PatchMode::Merge,
    protocol: Protocol::Compute,
    // What every write takes; instances that come, change or go take longer and are added.
    durations: Durations {
        create: Duration::Uniform(2_000, 4_000),
        update: Duration::Uniform(2_000, 8_000),
        delete: Duration::Uniform(2_000, 4_000),
    },
    children: &[],
};

/// The provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScaleSets {
    sets: BTreeMap<ResourceId, Set>,
}

/// One scale set's instances and its newest model.
#[derive(Clone, Debug)]
struct Set {
    fleet: Fleet,
    latest: Version,
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
        });
        let is_new_model = set.latest.generation != latest.generation;
        set.latest = latest;
        let mut ends_at = set.scale(scope, write, ends_at);
        if is_new_model {
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
        match view::get(scope, call, set)? {
            Handled::Unknown => action::route(scope, call, set),
            answered => Ok(answered),
        }
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

/// How many instances a write adds, extra ones included where the cloud overprovisions.
fn arrivals(context: &Context<'_>, write: &Write, held: u32) -> u32 {
    let wanted = capacity(&write.model).saturating_sub(held);
    let extra = context.config.overprovision
        && wire::boolean(&write.model, "properties.overprovision") == Some(true);
    if extra {
        wanted + extras(wanted)
    } else {
        wanted
    }
}

/// Instances created beyond the capacity and removed again: a fifth, rounded up.
fn extras(wanted: u32) -> u32 {
    wanted.div_ceil(5)
}

/// `sku.capacity`.
fn capacity(model: &Value) -> u32 {
    number(model, "sku.capacity", 0)
}

/// From now until `ends_at` and as much longer as `duration` draws.
fn later(scope: &Scope<'_>, ends_at: Instant, duration: Duration, salt: u64) -> Window {
    let drawn = scope.ending(duration, scope.seed.child("instances").at(salt));
    Window {
        from: scope.now,
        until: (ends_at + drawn.since(scope.now)).ceil_millis(),
    }
}

impl Set {
    /// Adds or removes instances until there are as many as the model says.
    fn scale(&mut self, scope: &mut Scope<'_>, write: &Write, ends_at: Instant) -> Instant {
        let held = self.fleet.capacity();
        let wanted = capacity(&write.model);
        if held == wanted {
            return ends_at;
        }
        let window = if wanted > held {
            let duration = if write.creates() { BOOT } else { SCALE_OUT };
            let window = later(scope, ends_at, duration, write.generation);
            self.add(scope, write, window, wanted - held);
            window
        } else {
            let window = later(scope, ends_at, SCALE_IN, write.generation);
            self.fleet.scale_in(window, held - wanted);
            window
        };
        scope.event(Event::Scaled {
            scale_set: write.id.clone(),
            from: held,
            to: wanted,
            by: write.caller.clone(),
        });
        window.until
    }

    fn add(&mut self, scope: &mut Scope<'_>, write: &Write, window: Window, wanted: u32) {
        let first = self.fleet.next_number();
        let names = instance::Names::read(&self.latest.profile);
        let claimed = (first..).map_while(|number| {
            let owner = names.ip_configuration(&write.id, number);
            let claim = write.claims.iter().find(|claim| claim.owner == owner);
            claim.map(|claim| claim.address)
        });
        let addresses: Vec<_> = claimed.collect();
        let made = self.fleet.scale_out(window, &self.latest, &addresses);
        let numbers: Vec<u32> = (first..self.fleet.next_number()).collect();
        // Overprovisioned instances vanish again when enough are up (azure-facts.md §4.12.5).
        let surplus: Vec<u32> = numbers.iter().skip(wanted as usize).copied().collect();
        let end = Window {
            from: window.until,
            until: window.until,
        };
        self.fleet.remove(end, &surplus);
        self.publish(scope, &write.id, made, &numbers);
    }

    /// Brings instances to the newest model as the upgrade policy says (azure-facts.md §4.12.3).
    fn upgrade(&mut self, scope: &mut Scope<'_>, write: &Write, ends_at: Instant) -> Instant {
        let policy = |member: &str| format!("properties.upgradePolicy.{member}");
        let mode = wire::text(&write.model, &policy("mode")).unwrap_or("Manual");
        let numbers = self.fleet.staying();
        if mode == "Manual" || numbers.is_empty() {
            return ends_at;
        }
        let needs_boot = self.needs_boot();
        let salt = write.generation;
        let mut window = Window {
            from: scope.now,
            until: ends_at,
        };
        let published = if mode == "Rolling" {
            let rolling = |member: &str| policy(&format!("rollingUpgradePolicy.{member}"));
            let percent = number(&write.model, &rolling("maxBatchInstancePercent"), 20);
            let pause = rolling("pauseTimeBetweenBatches");
            let pause = wire::text(&write.model, &pause).map(|_| duration(&write.model, &pause));
            let pause = pause.unwrap_or_default();
            let batches = numbers
                .len()
                .div_ceil(crate::control_plane::fleet::batch_size(
                    numbers.len(),
                    percent,
                ));
            for batch in 0..batches as u64 {
                let seed = salt.wrapping_mul(1_000).wrapping_add(batch);
                if needs_boot {
                    window = later(scope, window.until, BOOT, seed);
                }
                window.until = window.until + pause.mul_f64(scope.config.duration_scale);
            }
            let pause = pause.mul_f64(scope.config.duration_scale);
            self.fleet.roll(window, &self.latest, percent, pause)
        } else {
            if needs_boot {
                window = later(scope, ends_at, BOOT, salt);
            }
            self.fleet.upgrade(window, &numbers, &self.latest)
        };
        self.publish(scope, &write.id, published, &numbers);
        window.until
    }

    /// Whether some instance runs another image than the newest model's.
    fn needs_boot(&self) -> bool {
        let image = &self.latest.model.image;
        self.fleet
            .instances()
            .any(|i| i.version.model.image != *image)
    }

    /// Lets everything due happen and keeps the instances' documents in step.
    fn advance(&mut self, scope: &mut Scope<'_>, id: &ResourceId) {
        let happened = self.fleet.advance_to(scope.now);
        let mut changed = Vec::new();
        for desired in &happened {
            match desired {
                Desired::InstanceGone { key, .. } => {
                    scope.remove_child(&instance::id(id, key.number));
                }
                Desired::Instance(spec) => changed.push(spec.key.number),
                Desired::InstancePools { key, .. } => changed.push(key.number),
                _ => {}
            }
        }
        self.publish(scope, id, happened, &changed);
    }

    /// Hands values down and stores the documents of the instances they are about.
    fn publish(
        &self,
        scope: &mut Scope<'_>,
        id: &ResourceId,
        desired: Vec<Desired>,
        numbers: &[u32],
    ) {
        scope.desired.extend(desired);
        let Some(parent) = scope.store.get(id).cloned() else {
            return;
        };
        for number in numbers {
            if let Some(held) = self.fleet.instance(*number) {
                let model = instance::document(held);
                let claim = instance::claim(id, held);
                let claims: Vec<_> = claim.into_iter().collect();
                scope.put_child(&parent, instance::id(id, *number), model, &claims);
            }
        }
    }
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
