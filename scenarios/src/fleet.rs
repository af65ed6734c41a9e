//! What every machine really did and when: the truth behind gates and capacity.
//!
//! Read from the cloud's events alone. Where there are none, as with a real Azure, nothing is known
//! and [`Fleet::knows`] says so.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use turquoise_arm::ResourceId;
use turquoise_emulator::{Event, Instant};

use crate::observation::Observation;

/// Every machine over the whole run.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    machines: BTreeMap<Ipv4Addr, Machine>,
    sizes: BTreeMap<ResourceId, Vec<(Instant, u32)>>,
}

#[derive(Debug)]
struct Machine {
    scale_set: ResourceId,
    steps: Vec<(Instant, Condition)>,
}

/// What a machine does from one instant on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Whether its application listens; false once it has stopped.
    pub(crate) listens: bool,
    /// Whether health checks of it pass.
    pub(crate) passes_probes: bool,
    /// Whether it answers requests well.
    pub(crate) serves: bool,
    /// Whether its load balancer sends it new flows.
    pub(crate) balanced: bool,
    /// The build it runs.
    pub(crate) build: String,
}

impl Condition {
    /// Whether its own health checks and its balancer's pass.
    pub(crate) fn is_well(&self) -> bool {
        self.listens && self.passes_probes && self.balanced
    }

    /// Whether it takes load off others: well, and answering.
    pub(crate) fn bears_load(&self) -> bool {
        self.is_well() && self.serves
    }
}

impl Fleet {
    /// Reads the events of a run.
    pub(crate) fn new(observation: &Observation) -> Self {
        let mut fleet = Self::default();
        for timed in &observation.events {
            fleet.read(timed.at, &timed.event);
        }
        fleet
    }

    /// Whether events tell of this scale set's machines at all.
    pub(crate) fn knows(&self, scale_set: &ResourceId) -> bool {
        let mut machines = self.machines.values();
        machines.any(|machine| machine.scale_set == *scale_set)
    }

    /// The machines of a scale set that listen at an instant.
    pub(crate) fn at<'a>(
        &'a self,
        scale_set: &'a ResourceId,
        at: Instant,
    ) -> impl Iterator<Item = (Ipv4Addr, &'a Condition)> {
        self.of(scale_set).filter_map(move |(address, machine)| {
            let condition = step(&machine.steps, at)?;
            condition.listens.then_some((address, condition))
        })
    }

    /// How many of a scale set's machines bear load at an instant.
    pub(crate) fn bearing(&self, scale_set: &ResourceId, at: Instant) -> u32 {
        let bearing = self.at(scale_set, at);
        let bearing = bearing.filter(|(_, condition)| condition.bears_load());
        u32::try_from(bearing.count()).unwrap_or(u32::MAX)
    }

    /// Since when a machine has been well without a break; `None` while it is not.
    pub(crate) fn well_since(&self, address: Ipv4Addr, at: Instant) -> Option<Instant> {
        let steps = &self.machines.get(&address)?.steps;
        let later = steps.partition_point(|(from, _)| *from <= at);
        let before = steps[..later].iter().rev();
        let well = before.take_while(|(_, condition)| condition.is_well());
        well.last().map(|(from, _)| *from)
    }

    /// How many machines the control plane says a scale set has; `None` before it ever said.
    pub(crate) fn size(&self, scale_set: &ResourceId, at: Instant) -> Option<u32> {
        step(self.sizes.get(scale_set)?, at).copied()
    }

    /// Every machine that a scale set ever had, in order of address.
    pub(crate) fn machines_of<'a>(
        &'a self,
        scale_set: &'a ResourceId,
    ) -> impl Iterator<Item = Ipv4Addr> {
        self.of(scale_set).map(|(address, _)| address)
    }

    fn of<'a>(
        &'a self,
        scale_set: &'a ResourceId,
    ) -> impl Iterator<Item = (Ipv4Addr, &'a Machine)> {
        self.machines
            .iter()
            .filter(move |(_, machine)| machine.scale_set == *scale_set)
            .map(|(address, machine)| (*address, machine))
    }

    fn read(&mut self, at: Instant, event: &Event) {
        match event {
            Event::InstanceServing {
                instance,
                address,
                build,
            } => {
                let scale_set = &instance.scale_set;
                self.change(*address, scale_set, at, |condition| {
                    condition.listens = true;
                    condition.build.clone_from(build);
                });
            }
            Event::InstanceHealth {
                instance,
                address,
                passes_probes,
                serves,
            } => self.change(*address, &instance.scale_set, at, |condition| {
                condition.passes_probes = *passes_probes;
                condition.serves = *serves;
            }),
            Event::InstanceStopped {
                instance, address, ..
            } => self.change(*address, &instance.scale_set, at, |condition| {
                *condition = Condition::default();
            }),
            Event::BackendHealth {
                address, healthy, ..
            } => {
                let known = self.machines.get(address);
                if let Some(scale_set) = known.map(|machine| machine.scale_set.clone()) {
                    self.change(*address, &scale_set, at, |condition| {
                        condition.balanced = *healthy;
                    });
                }
            }
            Event::Scaled { scale_set, to, .. } => {
                let sizes = self.sizes.entry(scale_set.clone()).or_default();
                sizes.push((at, *to));
            }
            _ => {}
        }
    }

    fn change(
        &mut self,
        address: Ipv4Addr,
        scale_set: &ResourceId,
        at: Instant,
        change: impl FnOnce(&mut Condition),
    ) {
        let machine = self.machines.entry(address).or_insert_with(|| Machine {
            scale_set: scale_set.clone(),
            steps: Vec::new(),
        });
        // An address may be given to a machine of another scale set later.
        machine.scale_set.clone_from(scale_set);
        let last = machine.steps.last();
        let mut condition = last.map(|(_, last)| last.clone()).unwrap_or_default();
        change(&mut condition);
        machine.steps.push((at, condition));
    }
}

/// The value of a step function at an instant.
fn step<T>(steps: &[(Instant, T)], at: Instant) -> Option<&T> {
    let later = steps.partition_point(|(from, _)| *from <= at);
    later.checked_sub(1).map(|index| &steps[index].1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{NEW_MACHINE, balanced, clean, condition, insert, scale_set, secs};

    #[test]
    fn a_machine_is_well_since_its_last_trouble() {
        let mut observation = clean();
        let blue = scale_set("blue");
        insert(
            &mut observation,
            secs(50),
            condition("blue", NEW_MACHINE, false),
        );
        insert(
            &mut observation,
            secs(60),
            condition("blue", NEW_MACHINE, true),
        );
        insert(
            &mut observation,
            secs(70),
            balanced("blue", NEW_MACHINE, false),
        );
        insert(
            &mut observation,
            secs(80),
            balanced("blue", NEW_MACHINE, true),
        );
        let fleet = Fleet::new(&observation);
        assert!(fleet.knows(&blue) && !fleet.knows(&scale_set("red")));
        let since = [45, 55, 65, 75, 90].map(|second| fleet.well_since(NEW_MACHINE, secs(second)));
        let first = since[0].expect("it begins well");
        assert!(first < secs(10), "{first}");
        assert_eq!(since[1..], [None, Some(secs(60)), None, Some(secs(80))]);
        assert_eq!(
            [55, 65].map(|second| fleet.bearing(&blue, secs(second))),
            [0, 1]
        );
    }
}
