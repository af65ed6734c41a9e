//! Faults of instances: sickness, sudden death and slow starts.

use std::time::Duration;

use super::instance::Stage;
use super::{DataPlane, Timer};
use crate::desired::InstanceKey;
use crate::event::Event;
use crate::faults::{Fault, FaultKind, Sickness};
use crate::time::Instant;

/// A fault of the schedule and whether it has shown.
#[derive(Clone, Debug)]
pub(super) struct ArmedFault {
    /// Its index in the whole schedule.
    index: usize,
    from: Instant,
    until: Instant,
    kind: FaultKind,
    hit: bool,
}

impl ArmedFault {
    fn is_on(&self, now: Instant) -> bool {
        (self.from..self.until).contains(&now)
    }
}

impl DataPlane {
    pub(super) fn arm_faults(&mut self, faults: &[(usize, Fault)]) {
        for (index, fault) in faults {
            let from = Instant::from_millis(fault.at_ms);
            let lasts = match fault.kind {
                FaultKind::Sick { for_ms, .. }
                | FaultKind::SlowStart { for_ms, .. }
                | FaultKind::SlowWarmUp { for_ms, .. }
                | FaultKind::Isolated { for_ms, .. }
                | FaultKind::SharedDependency { for_ms, .. } => for_ms,
                _ => 0,
            };
            let until = from + Duration::from_millis(lasts);
            let own = self.faults.len();
            self.faults.push(ArmedFault {
                index: *index,
                from,
                until,
                kind: fault.kind.clone(),
                hit: false,
            });
            self.timers.add(from, Timer::Fault(own));
            if until > from {
                self.timers.add(until, Timer::Fault(own));
            }
        }
    }

    /// Takes an armed fault back: what it made sick recovers now.
    pub(crate) fn disarm_fault(&mut self, index: usize) {
        let now = self.now;
        for own in 0..self.faults.len() {
            let fault = &mut self.faults[own];
            if fault.index == index && fault.until > now {
                fault.until = now;
                fault.from = fault.from.min(now);
                self.turn_fault(own);
            }
        }
    }

    /// Lets an instance's machine die at once, with whatever it serves. Says whether it ran.
    pub(crate) fn kill_instance(&mut self, key: &InstanceKey) -> bool {
        let runs = |slot: &usize| self.network.machines[*slot].stage > Stage::Stopped;
        let Some(slot) = self.slot_of(key).filter(runs) else {
            return false;
        };
        self.stop_machine(slot, Stage::Stopped);
        true
    }

    /// A fault begins or ends.
    pub(super) fn turn_fault(&mut self, index: usize) {
        match self.faults[index].kind.clone() {
            FaultKind::Kill { scale_set, count } => self.kill(index, &scale_set, count),
            FaultKind::Sick { .. } | FaultKind::SharedDependency { .. } => self.spread_sickness(),
            FaultKind::Isolated { .. } => self.isolate(),
            _ => {}
        }
    }

    /// Makes exactly those instances sick that a fault means now: the lowest numbers of a scale
    /// set, so that scaling in takes the well ones first.
    pub(super) fn spread_sickness(&mut self) {
        let now = self.now;
        let active: Vec<(usize, String, u8, Sickness)> = self
            .faults
            .iter()
            .enumerate()
            .filter(|(_, fault)| fault.is_on(now))
            .filter_map(|(own, fault)| match &fault.kind {
                FaultKind::Sick {
                    scale_set,
                    percent,
                    how,
                    ..
                } => Some((own, scale_set.clone(), *percent, *how)),
                _ => None,
            })
            .collect();
        let mut sick: Vec<Option<Sickness>> = vec![None; self.network.machines.len()];
        for (own, scale_set, percent, how) in active {
            let slots = self.slots_of(&scale_set);
            let count = (slots.len() * usize::from(percent.min(100))).div_ceil(100);
            for slot in slots.into_iter().take(count) {
                sick[slot] = Some(how);
                self.hit(own);
            }
        }
        self.exhaust_dependency(&mut sick);
        for (slot, sickness) in sick.into_iter().enumerate() {
            if self.network.machines[slot].set_sickness(sickness) {
                self.revision += 1;
            }
            self.tell_health(slot);
        }
    }

    /// Each running machine holds its connections to the shared dependency. With more machines than it
    /// bears, connections are had by chance, and every other machine has too few.
    fn exhaust_dependency(&mut self, sick: &mut [Option<Sickness>]) {
        let now = self.now;
        let bears = |fault: &ArmedFault| match fault.kind {
            FaultKind::SharedDependency { machines, .. } if fault.is_on(now) => Some(machines),
            _ => None,
        };
        let limits = self.faults.iter().enumerate();
        let limits: Vec<(usize, u32)> = limits
            .filter_map(|(own, fault)| Some((own, bears(fault)?)))
            .collect();
        let runs = |slot: usize| self.network.machines[slot].stage >= Stage::WarmingUp;
        let running: Vec<usize> = (0..sick.len()).filter(|slot| runs(*slot)).collect();
        for (own, machines) in limits {
            if running.len() <= usize::try_from(machines).unwrap_or(usize::MAX) {
                continue;
            }
            self.hit(own);
            for slot in running.iter().skip(1).step_by(2) {
                sick[*slot].get_or_insert(Sickness::ErrorsBehindHealthyProbe);
            }
        }
    }

    /// Whether a fault depends on how many machines run.
    fn shares_a_dependency(&self) -> bool {
        let shares = |fault: &ArmedFault| matches!(fault.kind, FaultKind::SharedDependency { .. });
        self.faults.iter().any(shares)
    }

    /// A machine's stage changed: what depends on it follows.
    pub(super) fn follow_stage(&mut self, slot: usize) {
        if self.shares_a_dependency() {
            self.spread_sickness();
        }
        self.tell_health(slot);
    }

    /// Says when a machine's application began or ceased to do its work.
    fn tell_health(&mut self, slot: usize) {
        let machine = &mut self.network.machines[slot];
        if machine.stage <= Stage::Stopped {
            return;
        }
        let health = (machine.view.passes_probes(), machine.view.serves());
        if std::mem::replace(&mut machine.told_health, health) == health {
            return;
        }
        let (passes_probes, serves) = health;
        let event = Event::InstanceHealth {
            instance: machine.spec.key.clone(),
            address: machine.spec.address,
            passes_probes,
            serves,
        };
        self.emit(event);
    }

    /// Cuts exactly those gateway instances from exactly those members that faults mean now.
    fn isolate(&mut self) {
        let now = self.now;
        let mut cut = Vec::new();
        for own in 0..self.faults.len() {
            let fault = &self.faults[own];
            let FaultKind::Isolated {
                instance, address, ..
            } = fault.kind
            else {
                continue;
            };
            if !fault.is_on(now) {
                continue;
            }
            self.hit(own);
            let gateways = self.network.gateways.iter().flatten();
            let sources = gateways.flat_map(|gateway| {
                gateway
                    .instances
                    .iter()
                    .zip(0_u16..)
                    .filter_map(|(state, number)| {
                        instance
                            .is_none_or(|meant| meant == number)
                            .then_some(state.source)
                    })
            });
            cut.extend(sources.map(|source| (source, address)));
        }
        self.network.cut = cut.into_iter().collect();
    }

    /// The time an active fault adds to an instance's warm-up.
    pub(super) fn slow_warm_up_of(&mut self, slot: usize) -> Duration {
        self.slowness(slot, |kind| match kind {
            FaultKind::SlowWarmUp {
                scale_set,
                extra_ms,
                ..
            } => Some((scale_set, *extra_ms)),
            _ => None,
        })
    }

    /// The time an active fault adds to an instance's start-up.
    pub(super) fn slow_start_of(&mut self, slot: usize) -> Duration {
        self.slowness(slot, |kind| match kind {
            FaultKind::SlowStart {
                scale_set,
                extra_ms,
                ..
            } => Some((scale_set, *extra_ms)),
            _ => None,
        })
    }

    /// The time that active faults of one kind, each for one scale set, add to an instance.
    fn slowness(
        &mut self,
        slot: usize,
        adds: impl Fn(&FaultKind) -> Option<(&String, u64)>,
    ) -> Duration {
        let now = self.now;
        let own_set = self.network.machines[slot].spec.key.scale_set.clone();
        let mut added = Duration::ZERO;
        for own in 0..self.faults.len() {
            if let Some((scale_set, extra_ms)) = adds(&self.faults[own].kind)
                && self.faults[own].is_on(now)
                && own_set.name().eq_ignore_ascii_case(scale_set)
            {
                added += Duration::from_millis(extra_ms);
                self.hit(own);
            }
        }
        added
    }

    fn kill(&mut self, own: usize, scale_set: &str, count: u32) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let slots = self.slots_of(scale_set);
        for slot in slots.into_iter().rev().take(count) {
            self.hit(own);
            self.stop_machine(slot, Stage::Stopped);
        }
    }

    /// Running machines of a scale set, by number.
    fn slots_of(&self, scale_set: &str) -> Vec<usize> {
        let machines = &self.network.machines;
        let mut slots: Vec<usize> = (0..machines.len())
            .filter(|slot| {
                let machine = &machines[*slot];
                let name = machine.spec.key.scale_set.name();
                machine.stage > Stage::Stopped && name.eq_ignore_ascii_case(scale_set)
            })
            .collect();
        slots.sort_by_key(|slot| machines[*slot].spec.key.number);
        slots
    }

    fn hit(&mut self, own: usize) {
        let fault = &mut self.faults[own];
        if !fault.hit {
            fault.hit = true;
            let event = Event::FaultHit {
                fault: fault.index,
                name: fault.kind.name().to_owned(),
            };
            self.emit(event);
        }
    }
}
