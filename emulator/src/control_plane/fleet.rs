//! The instances of one uniform scale set and what is still to happen to them.
//!
//! A fleet decides which instances come, go and change, and when inside their operation's time; it
//! publishes [`Desired`] values and knows no wire. Provisioning states are read off the clock, so
//! nothing has to be told when an operation ends. Source: azure-facts.md §4.12.3 to §4.12.5.

mod instance;
#[cfg(test)]
mod tests;
mod window;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use turquoise_arm::ResourceId;

use crate::desired::{Desired, InstanceKey, InstanceSpec};
use crate::seed::Seed;
use crate::time::Instant;

pub(crate) use self::instance::{Instance, Version};
pub(crate) use self::window::Window;

use self::instance::{Busy, PowerWish};

/// An action on the power of instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PowerAction {
    /// Start.
    Start,
    /// Power off.
    PowerOff,
    /// Deallocate.
    Deallocate,
    /// Stop, then start.
    Restart,
}

/// What happens to an instance later, inside an operation's time.
#[derive(Clone, Debug)]
enum Step {
    /// The machine vanishes.
    Remove(u32),
    /// The machine is set up anew from a model and serves again at an instant.
    Reimage(u32, Version, Instant),
}

/// The instances of one scale set.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    scale_set: ResourceId,
    seed: Seed,
    next_number: u32,
    instances: BTreeMap<u32, Instance>,
    steps: BTreeMap<(Instant, u64), Step>,
    steps_made: u64,
}

impl Fleet {
    /// A fleet without instances.
    pub(crate) fn new(scale_set: ResourceId, seed: Seed) -> Self {
        Self {
            scale_set,
            seed,
            next_number: 0,
            instances: BTreeMap::new(),
            steps: BTreeMap::new(),
            steps_made: 0,
        }
    }

    /// Every instance that has not vanished, in order of number.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values()
    }

    /// One instance.
    pub(crate) fn instance(&self, number: u32) -> Option<&Instance> {
        self.instances.get(&number)
    }

    /// One instance, to set its protection.
    pub(crate) fn instance_mut(&mut self, number: u32) -> Option<&mut Instance> {
        self.instances.get_mut(&number)
    }

    /// The number the next instance gets.
    pub(crate) fn next_number(&self) -> u32 {
        self.next_number
    }

    /// How many instances there are, those on their way out apart.
    pub(crate) fn capacity(&self) -> u32 {
        let staying = self.instances.values().filter(|i| !i.is_leaving()).count();
        u32::try_from(staying).expect("a scale set has at most 1,000 instances")
    }

    /// The name of an instance in keys and in events.
    pub(crate) fn key(&self, number: u32) -> InstanceKey {
        InstanceKey {
            scale_set: self.scale_set.clone(),
            number,
        }
    }

    /// Adds `addresses.len()` instances that are provisioned at instants inside the latter half of
    /// the window.
    pub(crate) fn scale_out(
        &mut self,
        window: Window,
        version: &Version,
        addresses: &[Ipv4Addr],
    ) -> Vec<Desired> {
        addresses
            .iter()
            .map(|address| self.create(window, version, *address))
            .collect()
    }

    fn create(&mut self, window: Window, version: &Version, address: Ipv4Addr) -> Desired {
        let number = self.next_number;
        self.next_number += 1;
        let ready = window.at(0.5 + self.draw("boot", number, window) / 2.0);
        let instance = Instance {
            number,
            address,
            version: version.clone(),
            created_at: window.from,
            protect_from_scale_in: false,
            protect_from_actions: false,
            power: PowerWish::Running,
            busy: Busy::Creating,
            busy_until: ready,
        };
        let desired = self.spec(&instance, ready);
        self.instances.insert(number, instance);
        desired
    }

    /// Removes `count` instances: the highest numbers first, protected ones never
    /// (azure-facts.md §4.12.5). Returns how many will go.
    pub(crate) fn scale_in(&mut self, window: Window, count: u32) -> u32 {
        let leaving: Vec<u32> = self
            .instances
            .values()
            .rev()
            .filter(|i| !i.is_leaving() && !i.protect_from_scale_in)
            .map(|i| i.number)
            .take(count as usize)
            .collect();
        self.remove(window, &leaving);
        u32::try_from(leaving.len()).expect("no more than `count`")
    }

    /// Removes these instances at instants inside the window.
    pub(crate) fn remove(&mut self, window: Window, numbers: &[u32]) {
        for &number in numbers {
            let at = window.at(0.2 + 0.8 * self.draw("removal", number, window));
            if let Some(instance) = self.instances.get_mut(&number) {
                instance.busy = Busy::Deleting;
                instance.busy_until = at;
                self.steps.retain(|_, step| step.number() != number);
                self.schedule(at, Step::Remove(number));
            }
        }
    }

    /// Brings these instances to a model, all at once: pools in place, an image by setting the
    /// machine up anew (azure-facts.md §4.12.3).
    pub(crate) fn upgrade(
        &mut self,
        window: Window,
        numbers: &[u32],
        version: &Version,
    ) -> Vec<Desired> {
        let mut desired = Vec::new();
        for &number in numbers {
            let Some(instance) = self.instances.get_mut(&number) else {
                continue;
            };
            if instance.is_leaving() || instance.version.generation == version.generation {
                continue;
            }
            if instance.version.model.image != version.model.image {
                self.reimage(window, &[number], Some(version));
                continue;
            }
            let pools_changed = instance.version.model.pools != version.model.pools;
            instance.version = version.clone();
            if pools_changed {
                desired.push(Desired::InstancePools {
                    key: self.key(number),
                    pools: version.model.pools.clone(),
                });
            }
        }
        desired
    }

    /// Brings every instance to a model in batches of `batch_percent`, one after the other.
    pub(crate) fn roll(
        &mut self,
        window: Window,
        version: &Version,
        batch_percent: u32,
        pause: Duration,
    ) -> Vec<Desired> {
        let numbers = self.staying();
        let size = batch_size(numbers.len(), batch_percent);
        let batches: Vec<&[u32]> = numbers.chunks(size).collect();
        let count = u32::try_from(batches.len()).expect("a scale set has at most 1,000 instances");
        let mut desired = Vec::new();
        for (batch, index) in batches.iter().zip(0..) {
            let mut part = window.part(index, count);
            part.until = part.until.max(part.from + pause) - pause;
            desired.extend(self.upgrade(part, batch, version));
        }
        desired
    }

    /// Sets these instances up anew, from `version` or from the model they have.
    pub(crate) fn reimage(&mut self, window: Window, numbers: &[u32], version: Option<&Version>) {
        for &number in numbers {
            let begins = window.at(0.3 * self.draw("reimage", number, window));
            let ready = window.at(0.5 + self.draw("boot", number, window) / 2.0);
            let Some(instance) = self.instances.get_mut(&number) else {
                continue;
            };
            let version = version.unwrap_or(&instance.version).clone();
            instance.busy = Busy::Updating;
            instance.busy_until = ready;
            instance.power = PowerWish::Running;
            self.steps.retain(|_, step| step.number() != number);
            self.schedule(begins, Step::Reimage(number, version, ready));
        }
    }

    /// Calls off what is to be set up anew and has not begun. Returns when the last of those that
    /// have is ready.
    pub(crate) fn stop_reimaging(&mut self, now: Instant) -> Option<Instant> {
        let waiting: Vec<u32> = self
            .steps
            .values()
            .filter(|step| matches!(step, Step::Reimage(..)))
            .map(Step::number)
            .collect();
        self.steps
            .retain(|_, step| !matches!(step, Step::Reimage(..)));
        for number in waiting {
            if let Some(instance) = self.instances.get_mut(&number) {
                instance.busy_until = now;
            }
        }
        let busy = self.instances.values().filter(|i| i.busy_until > now);
        busy.map(|instance| instance.busy_until).max()
    }

    /// Starts or stops these instances.
    pub(crate) fn power_to(
        &mut self,
        window: Window,
        numbers: &[u32],
        action: PowerAction,
    ) -> Vec<Desired> {
        let mut desired = Vec::new();
        for &number in numbers {
            let key = self.key(number);
            let Some(instance) = self.instances.get_mut(&number) else {
                continue;
            };
            let (wish, stops) = match action {
                PowerAction::Start => (PowerWish::Running, false),
                PowerAction::PowerOff => (PowerWish::Stopped, true),
                PowerAction::Deallocate => (PowerWish::Deallocated, true),
                PowerAction::Restart => (PowerWish::Running, true),
            };
            let starts = wish == PowerWish::Running && (stops || instance.power != wish);
            instance.power = wish;
            instance.busy = Busy::Updating;
            instance.busy_until = window.until;
            if stops {
                desired.push(power(window.at(0.1), &key, false));
            }
            if starts {
                desired.push(power(window.at(0.5), &key, true));
            }
        }
        desired
    }

    /// Numbers of the instances that are not on their way out.
    pub(crate) fn staying(&self) -> Vec<u32> {
        let staying = self.instances.values().filter(|i| !i.is_leaving());
        staying.map(|i| i.number).collect()
    }

    /// When something next happens by itself.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.steps.keys().next().map(|(at, _)| *at)
    }

    /// Lets every step due up to `now` happen.
    pub(crate) fn advance_to(&mut self, now: Instant) -> Vec<Desired> {
        let mut desired = Vec::new();
        while let Some(entry) = self.steps.first_entry() {
            let (at, _) = *entry.key();
            if at > now {
                break;
            }
            let step = entry.remove();
            desired.extend(self.perform(at, step));
        }
        desired
    }

    fn perform(&mut self, at: Instant, step: Step) -> Option<Desired> {
        match step {
            Step::Remove(number) => {
                self.instances.remove(&number)?;
                let key = self.key(number);
                Some(Desired::InstanceGone { at, key })
            }
            Step::Reimage(number, version, ready) => {
                let instance = self.instances.get_mut(&number)?;
                instance.version = version;
                let instance = instance.clone();
                Some(self.spec(&instance, ready))
            }
        }
    }

    fn spec(&self, instance: &Instance, provisioned_at: Instant) -> Desired {
        let model = &instance.version.model;
        Desired::Instance(InstanceSpec {
            key: self.key(instance.number),
            address: instance.address,
            image: model.image.clone(),
            pools: model.pools.clone(),
            provisioned_at,
            health_extension: model.health.clone(),
        })
    }

    fn schedule(&mut self, at: Instant, step: Step) {
        self.steps_made += 1;
        self.steps.insert((at, self.steps_made), step);
    }

    /// A draw that depends on the concern, the instance and the operation alone.
    fn draw(&self, concern: &str, number: u32, window: Window) -> f64 {
        let seed = self.seed.child(concern).at(u64::from(number));
        seed.at(window.from.as_millis()).unit()
    }
}

impl Step {
    fn number(&self) -> u32 {
        match self {
            Self::Remove(number) | Self::Reimage(number, ..) => *number,
        }
    }
}

fn power(at: Instant, key: &InstanceKey, running: bool) -> Desired {
    Desired::InstancePower {
        at,
        key: key.clone(),
        running,
    }
}

/// Instances in a batch of a rolling upgrade: at least one.
pub(crate) fn batch_size(instances: usize, percent: u32) -> usize {
    (instances * percent as usize / 100).max(1)
}
