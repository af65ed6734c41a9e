//! One scale set's instances, kept in step with its model.

use serde_json::Value;
use turquoise_arm::{ResourceId, json as wire};

use super::rolling::Rolling;
use super::{capacity, instance};
use crate::control_plane::autoscale::rule::duration;
use crate::control_plane::durations::Duration;
use crate::control_plane::fleet::{Fleet, Version, Window, batch_size};
use crate::control_plane::provider::{Context, Scope, Write};
use crate::control_plane::resolve::number;
use crate::desired::Desired;
use crate::event::Event;
use crate::time::Instant;

/// Instances boot and run their extensions in 60 to 170 s (azure-facts.md §8).
pub(super) const BOOT: Duration = Duration::Uniform(60_000, 170_000);
/// One more instance takes 60 to 270 s (azure-facts.md §8).
const SCALE_OUT: Duration = Duration::Uniform(60_000, 270_000);
/// Removing instances that run; two took 21 s to deallocate (azure-facts.md §8).
const SCALE_IN: Duration = Duration::Uniform(20_000, 60_000);
/// Instances in a batch of a rolling upgrade, in percent, where the policy does not say.
const BATCH_PERCENT: u32 = 20;

/// One scale set's instances and its newest model.
#[derive(Clone, Debug)]
pub(super) struct Set {
    /// The instances.
    pub(super) fleet: Fleet,
    /// The newest model.
    pub(super) latest: Version,
    /// The newest rolling upgrade.
    pub(super) rolling: Option<Rolling>,
}

/// How many instances a write adds, extra ones included where the cloud overprovisions.
pub(super) fn arrivals(context: &Context<'_>, write: &Write, held: u32) -> u32 {
    let wanted = capacity(&write.model).saturating_sub(held);
    let extra = context.config.overprovision
        && wire::boolean(&write.model, "properties.overprovision") == Some(true);
    // A fifth more, rounded up.
    if extra {
        wanted + wanted.div_ceil(5)
    } else {
        wanted
    }
}

/// From now until `ends_at` and as much longer as `duration` draws.
pub(super) fn later(scope: &Scope<'_>, ends_at: Instant, duration: Duration, salt: u64) -> Window {
    let drawn = scope.ending(duration, scope.seed.child("instances").at(salt));
    Window {
        from: scope.now,
        until: (ends_at + drawn.since(scope.now)).ceil_millis(),
    }
}

impl Set {
    /// Adds or removes instances until there are as many as the model says. Returns when that is
    /// done.
    pub(super) fn scale(
        &mut self,
        scope: &mut Scope<'_>,
        write: &Write,
        ends_at: Instant,
    ) -> Instant {
        let held = self.fleet.capacity();
        let wanted = capacity(&write.model);
        let window = if wanted > held {
            let duration = if write.creates() { BOOT } else { SCALE_OUT };
            let window = later(scope, ends_at, duration, write.generation);
            let now_ms = scope.now.as_millis();
            let asked = wanted - held;
            let granted = scope.faults.on_scale_out(now_ms, write.id.name(), asked);
            self.add(scope, write, window, asked, granted);
            window
        } else if wanted < held {
            let window = later(scope, ends_at, SCALE_IN, write.generation);
            self.fleet.scale_in(window, held - wanted);
            window
        } else {
            return ends_at;
        };
        scope.event(Event::Scaled {
            scale_set: write.id.clone(),
            from: held,
            to: wanted,
            by: write.caller.clone(),
        });
        window.until
    }

    /// Adds the granted part of the instances that were asked for.
    fn add(
        &mut self,
        scope: &mut Scope<'_>,
        write: &Write,
        window: Window,
        asked: u32,
        granted: u32,
    ) {
        let first = self.fleet.next_number();
        let names = instance::Names::read(&self.latest.profile);
        let claimed = (first..).map_while(|number| {
            let owner = names.ip_configuration(&write.id, number);
            let claim = write.claims.iter().find(|claim| claim.owner == owner);
            claim.map(|claim| claim.address)
        });
        let mut addresses: Vec<_> = claimed.collect();
        if granted < asked {
            addresses.truncate(granted as usize);
        }
        let made = self.fleet.scale_out(window, &self.latest, &addresses);
        let numbers: Vec<u32> = (first..self.fleet.next_number()).collect();
        // Overprovisioned instances vanish again when enough are up (azure-facts.md §4.12.5).
        let surplus: Vec<u32> = numbers.iter().skip(asked as usize).copied().collect();
        let end = Window {
            from: window.until,
            until: window.until,
        };
        self.fleet.remove(end, &surplus);
        self.publish(scope, &write.id, made, &numbers);
    }

    /// Brings instances to the newest model as the upgrade policy says (azure-facts.md §4.12.3).
    /// Returns when that is done.
    pub(super) fn upgrade(
        &mut self,
        scope: &mut Scope<'_>,
        write: &Write,
        ends_at: Instant,
    ) -> Instant {
        let numbers = self.fleet.staying();
        let mode = wire::text(&write.model, "properties.upgradePolicy.mode");
        let (window, published) = match mode {
            _ if numbers.is_empty() => return ends_at,
            Some("Rolling") => self.roll(scope, &write.model, write.generation, ends_at),
            Some("Automatic") => {
                let window = self.batch(scope, ends_at, write.generation);
                let published = self.fleet.upgrade(window, &numbers, &self.latest);
                (window, published)
            }
            _ => return ends_at,
        };
        self.publish(scope, &write.id, published, &numbers);
        window.until
    }

    /// One batch after the other, each with the time a batch takes and the pause after it.
    pub(super) fn roll(
        &mut self,
        scope: &Scope<'_>,
        model: &Value,
        salt: u64,
        ends_at: Instant,
    ) -> (Window, Vec<Desired>) {
        let numbers = self.fleet.staying();
        let policy = "properties.upgradePolicy.rollingUpgradePolicy";
        let at = |member: &str| format!("{policy}.{member}");
        let percent = number(model, &at("maxBatchInstancePercent"), BATCH_PERCENT);
        let pause = at("pauseTimeBetweenBatches");
        let pause = wire::text(model, &pause).map(|_| duration(model, &pause));
        let pause = pause
            .unwrap_or_default()
            .mul_f64(scope.config.duration_scale);
        let mut window = Window {
            from: scope.now,
            until: ends_at,
        };
        for batch in 0..numbers.len().div_ceil(batch_size(numbers.len(), percent)) as u64 {
            let salt = salt.wrapping_mul(1_000).wrapping_add(batch);
            window.until = self.batch(scope, window.until, salt).until + pause;
        }
        let published = self.fleet.roll(window, &self.latest, percent, pause);
        self.rolling = Some(Rolling {
            numbers,
            generation: self.latest.generation,
            window,
            cancelled: None,
        });
        (window, published)
    }

    /// Whether the newest rolling upgrade was cancelled: the next write begins another
    /// (azure-facts.md §4.12.3).
    pub(super) fn was_cancelled(&self) -> bool {
        let rolling = self.rolling.as_ref();
        rolling.is_some_and(|rolling| rolling.cancelled.is_some())
    }

    /// The time of a batch: until `ends_at`, and a boot more where the image changes.
    fn batch(&self, scope: &Scope<'_>, ends_at: Instant, salt: u64) -> Window {
        if self.needs_boot() {
            return later(scope, ends_at, BOOT, salt);
        }
        Window {
            from: scope.now,
            until: ends_at,
        }
    }

    /// Whether some instance runs another image than the newest model's.
    pub(super) fn needs_boot(&self) -> bool {
        let image = &self.latest.model.image;
        let mut instances = self.fleet.instances();
        instances.any(|i| i.version.model.image != *image)
    }

    /// Lets everything due happen and keeps the instances' documents in step.
    pub(super) fn advance(&mut self, scope: &mut Scope<'_>, id: &ResourceId) {
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
    pub(super) fn publish(
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
                let model: Value = instance::document(held);
                let claims: Vec<_> = instance::claim(id, held).into_iter().collect();
                scope.put_child(&parent, instance::id(id, *number), model, &claims);
            }
        }
    }
}
