//! Instances come, change and go.

use std::sync::Arc;
use std::time::Duration;

use turquoise_arm::ResourceId;

use super::application::Application;
use super::config::image_key;
use super::flaws::Shared;
use super::instance::{Machine, Stage};
use super::probe::Prober;
use super::{DataPlane, Timer};
use crate::desired::{InstanceKey, InstanceSpec};
use crate::event::Event;
use crate::ledger::Build;
use crate::time::Instant;

impl DataPlane {
    /// An instance is to exist; one that does is reimaged when its image or its boot differs.
    pub(super) fn provide_instance(&mut self, spec: InstanceSpec) {
        match self.slot_of(&spec.key) {
            Some(slot) if self.runs_already(slot, &spec) => self.update_in_place(slot, spec),
            Some(slot) => self.replace_machine(slot, spec),
            None => self.add_machine(spec),
        }
        self.share_flaws();
        self.settle_membership();
    }

    pub(super) fn move_instance(&mut self, key: &InstanceKey, pools: Vec<ResourceId>) {
        let Some(slot) = self.slot_of(key) else {
            return;
        };
        let leaves = self.network.machines[slot]
            .spec
            .pools
            .iter()
            .any(|pool| !pools.contains(pool));
        self.network.machines[slot].spec.pools = pools;
        if leaves && self.network.knobs.removal_resets {
            self.network.machines[slot].flow_epoch += 1;
            let now = self.now;
            self.traffic
                .break_flows(&mut self.network, now, slot, false);
        }
        self.settle_membership();
    }

    pub(super) fn power_instance(&mut self, at: Instant, key: &InstanceKey, running: bool) {
        if let Some(slot) = self.slot_of(key) {
            self.timers.add(at, Timer::Power { slot, running });
        }
    }

    pub(super) fn remove_instance(&mut self, at: Instant, key: &InstanceKey) {
        if let Some(slot) = self.slot_of(key) {
            self.timers.add(at, Timer::MachineGone { slot });
        }
    }

    /// A machine reaches the stage it was on its way to.
    pub(super) fn step_machine(&mut self, slot: usize, incarnation: u32) {
        let now = self.now;
        let machine = &self.network.machines[slot];
        let due = machine.next_step().is_some_and(|at| at <= now);
        if machine.view.incarnation != incarnation || !due {
            return;
        }
        match machine.stage {
            Stage::Booting => self.start_application(slot),
            Stage::Starting => self.begin_serving(slot),
            _ => self.network.machines[slot].enter(Stage::Ready),
        }
        self.follow_stage(slot);
        self.touch();
        self.schedule_step(slot);
    }

    pub(super) fn switch_machine(&mut self, slot: usize, running: bool) {
        let machine = &self.network.machines[slot];
        if !running && machine.stage > Stage::Stopped {
            self.stop_machine(slot, Stage::Stopped);
        } else if running && machine.stage == Stage::Stopped {
            self.start_application(slot);
            self.touch();
            self.schedule_step(slot);
        }
    }

    pub(super) fn drop_machine(&mut self, slot: usize) {
        if self.network.machines[slot].exists() {
            self.stop_machine(slot, Stage::Gone);
            self.settle_membership();
        }
    }

    /// Ends a machine's life, with whatever it was serving.
    pub(super) fn stop_machine(&mut self, slot: usize, stage: Stage) {
        let now = self.now;
        let simulated = self.traffic.in_flight(slot);
        let machine = &mut self.network.machines[slot];
        let ran = machine.stage > Stage::Stopped;
        let event = Event::InstanceStopped {
            instance: machine.spec.key.clone(),
            address: machine.spec.address,
            in_flight: machine.in_flight + simulated,
        };
        machine.end_life(stage);
        if let Some(id) = machine.extension.take() {
            self.streams.close(id);
        }
        if stage == Stage::Gone {
            let address = machine.spec.address;
            if self.network.by_address.get(&address) == Some(&slot) {
                self.network.by_address.remove(&address);
            }
        }
        if ran {
            self.emit(event);
        }
        self.traffic.break_flows(&mut self.network, now, slot, true);
        self.follow_stage(slot);
        self.touch();
    }

    pub(super) fn slot_of(&self, key: &InstanceKey) -> Option<usize> {
        self.network
            .machines
            .iter()
            .position(|machine| machine.exists() && machine.spec.key == *key)
    }

    fn runs_already(&self, slot: usize, spec: &InstanceSpec) -> bool {
        let own = &self.network.machines[slot].spec;
        own.image == spec.image
            && own.address == spec.address
            && own.provisioned_at == spec.provisioned_at
    }

    fn update_in_place(&mut self, slot: usize, spec: InstanceSpec) {
        let machine = &mut self.network.machines[slot];
        let same_extension = machine.spec.health_extension == spec.health_extension;
        machine.spec = spec;
        if same_extension || !machine.provisioned() {
            return;
        }
        if let Some(id) = machine.extension.take() {
            self.streams.close(id);
        }
        self.start_extension(slot);
    }

    fn replace_machine(&mut self, slot: usize, spec: InstanceSpec) {
        self.stop_machine(slot, Stage::Gone);
        self.reuse_slot(slot, spec);
    }

    fn add_machine(&mut self, spec: InstanceSpec) {
        let gone = self
            .network
            .machines
            .iter()
            .position(|machine| !machine.exists() && machine.spec.key == spec.key);
        match gone {
            Some(slot) => self.reuse_slot(slot, spec),
            None => {
                let machine = self.new_machine(spec, 1);
                self.network.machines.push(machine);
                self.admit_machine(self.network.machines.len() - 1);
            }
        }
    }

    /// A new life in the slot of a gone instance of the same key.
    fn reuse_slot(&mut self, slot: usize, spec: InstanceSpec) {
        let old = &self.network.machines[slot];
        let (incarnation, epoch) = (old.view.incarnation, old.flow_epoch);
        let mut machine = self.new_machine(spec, incarnation);
        machine.flow_epoch = epoch;
        self.network.machines[slot] = machine;
        self.admit_machine(slot);
    }

    fn new_machine(&mut self, spec: InstanceSpec, incarnation: u32) -> Machine {
        let (application, builds) = self.application_of(&spec);
        Machine::boot(spec, application, builds, incarnation)
    }

    /// What an instance runs, the build it is and the one it names.
    fn application_of(&mut self, spec: &InstanceSpec) -> (Arc<Application>, (Build, Build)) {
        let application = self.config.application(&spec.image);
        let named = self.builds.intern(&application.build);
        let mixture = application.mixture.as_ref();
        let mixed = mixture.filter(|mixture| mixture.takes(spec.key.number));
        let builds = match mixed {
            None => (named, named),
            Some(mixture) => {
                let runs = self.builds.intern(&mixture.runs);
                (runs, if mixture.admits { runs } else { named })
            }
        };
        (Arc::new(application), builds)
    }

    /// Has an image run another application from now on, on the instances that exist too: how a
    /// scenario begins with builds of its own from a cloud that was deployed without.
    pub fn set_application(&mut self, image: &str, application: Application) {
        self.config.insert(image, application);
        for slot in 0..self.network.machines.len() {
            let spec = self.network.machines[slot].spec.clone();
            if image_key(&spec.image) == image_key(image) {
                let (application, builds) = self.application_of(&spec);
                self.network.machines[slot].run(application, builds);
            }
        }
        self.share_flaws();
        self.spread_sickness();
        self.touch();
    }

    /// Notes what the builds that run now do to each other.
    fn share_flaws(&mut self) {
        let before = self.network.shared.take();
        let now = Shared::of(&self.network.machines);
        self.network.shared = now.map(|shared| shared.inherit(before));
    }

    fn admit_machine(&mut self, slot: usize) {
        let address = self.network.machines[slot].spec.address;
        self.network.by_address.insert(address, slot);
        self.schedule_step(slot);
        self.spread_sickness();
        self.touch();
    }

    fn schedule_step(&mut self, slot: usize) {
        let machine = &self.network.machines[slot];
        if let Some(at) = machine.next_step() {
            let incarnation = machine.view.incarnation;
            self.timers
                .add(at.max(self.now), Timer::Machine { slot, incarnation });
        }
    }

    fn start_application(&mut self, slot: usize) {
        let slow = self.slow_start_of(slot);
        let cold = self.slow_warm_up_of(slot);
        let machine = &self.network.machines[slot];
        let draw = self
            .seed
            .child("start-up")
            .child(machine.spec.key.scale_set.key())
            .at(u64::from(machine.spec.key.number))
            .unit();
        let application = &machine.view.application;
        let spread = application.startup_spread.mul_f64(draw);
        let startup = application.startup + spread + slow;
        self.network.machines[slot].start(self.now, whole_millis(startup), cold);
        self.start_extension(slot);
    }

    fn start_extension(&mut self, slot: usize) {
        let spec = &self.network.machines[slot].spec;
        if let Some(probe) = spec.health_extension.clone() {
            let prober = Prober::Extension {
                key: spec.key.clone(),
            };
            let target = (spec.address, probe.port);
            let within = probe.interval;
            let id = self.open_stream(prober, target, probe, within);
            self.network.machines[slot].extension = Some(id);
        }
    }

    fn begin_serving(&mut self, slot: usize) {
        let machine = &mut self.network.machines[slot];
        let warm = machine.is_warm_at_once();
        machine.enter(if warm { Stage::Ready } else { Stage::WarmingUp });
        let event = Event::InstanceServing {
            instance: machine.spec.key.clone(),
            address: machine.spec.address,
            build: machine.view.application.build.clone(),
        };
        self.emit(event);
    }
}

/// Instants the control plane can see are whole milliseconds (design.md, "Cores and shells").
fn whole_millis(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}
