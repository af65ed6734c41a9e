//! The instances of one uniform scale set and what is still to happen to them.
//!
//! A fleet decides which instances come, go and change, and when inside their operation's time; it
//! publishes [`Desired`] values and knows no wire. Provisioning states are read off the clock, so
//! nothing has to be told when an operation ends. Source: azure-facts.md §4.12.3 to §4.12.5.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use turquoise_arm::ResourceId;

use super::resolve::scale_set::Model;
use crate::desired::{Desired, InstanceKey, InstanceSpec};
use crate::seed::Seed;
use crate::time::Instant;

/// The time an operation takes, in which its effects are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// When the operation was accepted.
    pub(crate) from: Instant,
    /// When it ends.
    pub(crate) until: Instant,
}

impl Window {
    /// The instant at a share of the window, `0.0` being its beginning.
    pub(crate) fn at(self, share: f64) -> Instant {
        (self.from + self.until.since(self.from).mul_f64(share)).ceil_millis()
    }

    /// The `index`-th of `count` equal parts.
    fn part(self, index: u32, count: u32) -> Self {
        let edge = |index| self.at(f64::from(index) / f64::from(count.max(1)));
        Self {
            from: edge(index),
            until: edge(index + 1),
        }
    }
}

/// A model with its number among the models its scale set has had.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// Counts the set's models, from 1.
    pub(crate) generation: u64,
    /// What instances are made from.
    pub(crate) model: Arc<Model>,
    /// The `virtualMachineProfile` it was read from, for the instances' documents.
    pub(crate) profile: Arc<Value>,
}

/// One instance.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    /// Azure's `instanceId`.
    pub(crate) number: u32,
    /// Its private address.
    pub(crate) address: Ipv4Addr,
    /// The model it was last brought to.
    pub(crate) version: Version,
    /// When it was created.
    pub(crate) created_at: Instant,
    /// Whether scale-in passes it over.
    pub(crate) protect_from_scale_in: bool,
    /// Whether actions on the whole set pass it over.
    pub(crate) protect_from_actions: bool,
    power: PowerWish,
    busy: Busy,
    busy_until: Instant,
}

/// The state a machine is brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PowerWish {
    /// It runs.
    Running,
    /// It is off and keeps its host.
    Stopped,
    /// It is off and has no host.
    Deallocated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    Creating,
    Updating,
    Deleting,
}

impl Instance {
    /// `properties.provisioningState` at `now`.
    pub(crate) fn provisioning_state(&self, now: Instant) -> &'static str {
        match self.busy {
            Busy::Deleting => "Deleting",
            _ if now >= self.busy_until => "Succeeded",
            Busy::Creating => "Creating",
            Busy::Updating => "Updating",
        }
    }

    /// The suffix of its `PowerState/…` status at `now`, for what the data plane does not know.
    pub(crate) fn power_state(&self, now: Instant) -> &'static str {
        let arrived = now >= self.busy_until;
        match (self.power, arrived) {
            (PowerWish::Running, true) => "running",
            (PowerWish::Running, false) => "starting",
            (PowerWish::Stopped, true) => "stopped",
            (PowerWish::Stopped, false) => "stopping",
            (PowerWish::Deallocated, true) => "deallocated",
            (PowerWish::Deallocated, false) => "deallocating",
        }
    }

    /// Whether it is on its way out.
    pub(crate) fn is_leaving(&self) -> bool {
        self.busy == Busy::Deleting
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/v";

    fn version(generation: u64, image: &str, pools: &[&str]) -> Version {
        let pool = |name: &&str| {
            ResourceId::parse(&format!("{SET}/pools/{name}")).expect("the literal is an id")
        };
        Version {
            generation,
            model: Arc::new(Model {
                image: image.to_owned(),
                subnet: None,
                pools: pools.iter().map(pool).collect(),
                health: None,
            }),
            profile: Arc::new(Value::Null),
        }
    }

    fn window(from: u64, until: u64) -> Window {
        Window {
            from: Instant::from_millis(from),
            until: Instant::from_millis(until),
        }
    }

    /// A fleet of `count` instances of image `a`, all provisioned at 100 s.
    fn fleet(count: u8) -> Fleet {
        let id = ResourceId::parse(SET).expect("the literal is an id");
        let mut fleet = Fleet::new(id, Seed::new(1));
        let addresses: Vec<Ipv4Addr> = (0..count).map(|n| Ipv4Addr::new(10, 0, 1, 4 + n)).collect();
        fleet.scale_out(window(0, 100_000), &version(1, "a", &["be"]), &addresses);
        fleet
    }

    fn gone(desired: &[Desired]) -> Vec<u32> {
        let gone = desired.iter().filter_map(|wish| match wish {
            Desired::InstanceGone { key, .. } => Some(key.number),
            _ => None,
        });
        gone.collect()
    }

    #[test]
    fn instances_are_provisioned_at_their_own_instants_inside_the_operation() {
        let id = ResourceId::parse(SET).expect("the literal is an id");
        let mut fleet = Fleet::new(id, Seed::new(1));
        let addresses = [Ipv4Addr::new(10, 0, 1, 4), Ipv4Addr::new(10, 0, 1, 5)];
        let desired = fleet.scale_out(window(0, 100_000), &version(1, "a", &[]), &addresses);
        let at: Vec<Instant> = desired
            .iter()
            .filter_map(|wish| match wish {
                Desired::Instance(spec) => Some(spec.provisioned_at),
                _ => None,
            })
            .collect();
        assert_eq!(at.len(), 2);
        assert_ne!(at[0], at[1]);
        assert!(
            at.iter()
                .all(|at| (50_000..=100_000).contains(&at.as_millis()))
        );
        let first = fleet.instance(0).expect("it was created");
        assert_eq!(
            first.provisioning_state(at[0] - Duration::from_millis(1)),
            "Creating"
        );
        assert_eq!(first.provisioning_state(at[0]), "Succeeded");
    }

    #[test]
    fn scale_in_takes_the_highest_numbers_and_passes_protected_ones_over() {
        let mut fleet = fleet(5);
        let spared = fleet.instance_mut(4).expect("it exists");
        spared.protect_from_scale_in = true;
        assert_eq!(fleet.scale_in(window(200_000, 230_000), 2), 2);
        assert_eq!(fleet.capacity(), 3);
        assert_eq!(fleet.staying(), [0, 1, 4]);
        assert_eq!(
            fleet.instances().count(),
            5,
            "they serve until they are removed"
        );
        let mut removed = gone(&fleet.advance_to(Instant::from_millis(230_000)));
        removed.sort_unstable();
        assert_eq!(removed, [2, 3]);
        assert_eq!(fleet.next_deadline(), None);
    }

    #[test]
    fn protected_instances_bound_a_scale_in() {
        let mut fleet = fleet(2);
        for number in 0..2 {
            let spared = fleet.instance_mut(number).expect("it exists");
            spared.protect_from_scale_in = true;
        }
        assert_eq!(fleet.scale_in(window(200_000, 230_000), 1), 0);
        assert_eq!(fleet.capacity(), 2);
    }

    #[test]
    fn numbers_are_not_used_again() {
        let mut fleet = fleet(2);
        fleet.remove(window(200_000, 210_000), &[1]);
        fleet.advance_to(Instant::from_millis(210_000));
        let address = [Ipv4Addr::new(10, 0, 1, 5)];
        fleet.scale_out(window(300_000, 400_000), &version(1, "a", &[]), &address);
        assert_eq!(fleet.staying(), [0, 2]);
    }

    #[test]
    fn new_pools_join_in_place_and_a_new_image_takes_the_machine_down() {
        let mut fleet = fleet(1);
        let during = window(200_000, 300_000);
        let pools = fleet.upgrade(during, &[0], &version(2, "a", &["be", "second"]));
        assert!(matches!(pools[..], [Desired::InstancePools { .. }]));
        assert_eq!(fleet.next_deadline(), None);

        let image = fleet.upgrade(during, &[0], &version(3, "b", &["be"]));
        assert!(
            image.is_empty(),
            "the machine goes down later, inside the window"
        );
        let generation = |fleet: &Fleet| fleet.instance(0).map(|i| i.version.generation);
        assert_eq!(generation(&fleet), Some(2));
        let done = fleet.advance_to(during.until);
        assert!(matches!(&done[..], [Desired::Instance(spec)] if spec.image == "b"));
        assert_eq!(generation(&fleet), Some(3));
    }

    #[test]
    fn a_rolling_upgrade_goes_batch_by_batch() {
        let mut fleet = fleet(5);
        let during = window(200_000, 700_000);
        let pause = Duration::from_secs(10);
        fleet.roll(during, &version(2, "b", &["be"]), 40, pause);
        // 40 % of 5 is 2: batches of 2, 2 and 1, a third of the window each.
        for (until, upgraded) in [(365_000, 2), (530_000, 4), (700_000, 5)] {
            fleet.advance_to(Instant::from_millis(until));
            let count = fleet
                .instances()
                .filter(|i| i.version.generation == 2)
                .count();
            assert_eq!(count, upgraded, "at {until}");
        }
    }

    #[test]
    fn a_restart_stops_and_starts_and_a_start_of_a_running_machine_does_nothing() {
        let mut fleet = fleet(1);
        let during = window(200_000, 210_000);
        assert_eq!(fleet.power_to(during, &[0], PowerAction::Start).len(), 0);
        assert_eq!(fleet.power_to(during, &[0], PowerAction::Restart).len(), 2);
        let stopped = fleet.power_to(during, &[0], PowerAction::Deallocate);
        assert!(matches!(
            stopped[..],
            [Desired::InstancePower { running: false, .. }]
        ));
        let instance = fleet.instance(0).expect("it exists");
        assert_eq!(instance.power_state(during.from), "deallocating");
        assert_eq!(instance.power_state(during.until), "deallocated");
    }
}
