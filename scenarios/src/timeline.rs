//! What held when: phases, the pool as ARM had it, and the members each gateway instance used.
//!
//! Built once per judgement from the events; every oracle asks it the same questions, so that two
//! oracles cannot disagree about what was effective at an instant.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use turquoise_arm::ResourceId;
use turquoise_emulator::{Event, Instant, Timed};

use crate::observation::{Declared, Observation, PhaseMark, Role};

/// The run as a set of step functions of time.
#[derive(Debug)]
pub(crate) struct Timeline {
    phases: Vec<PhaseMark>,
    allowed: Vec<(Instant, Allowed)>,
    arm: Vec<(Instant, Vec<Ipv4Addr>)>,
    effective: BTreeMap<u16, Vec<(Instant, Vec<Ipv4Addr>)>>,
    generations: BTreeMap<u16, Vec<(Instant, u64)>>,
    stops: BTreeMap<Ipv4Addr, Vec<Stop>>,
    last_fault: Option<Instant>,
}

/// A machine stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    /// When.
    pub(crate) at: Instant,
    /// Whether it was the weather: an injected fault, or the side's own autoscaler while the
    /// orchestrator under test was not at work. Nobody who is judged caused or could prevent it.
    pub(crate) weather: bool,
}

/// Which sides may be dispatched to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    old: bool,
    new: bool,
}

impl Allowed {
    const OLD: Self = Self {
        old: true,
        new: false,
    };
    const NEW: Self = Self {
        old: false,
        new: true,
    };
    const BOTH: Self = Self {
        old: true,
        new: true,
    };

    /// Whether the side in this role may be dispatched to.
    pub(crate) const fn permits(self, role: Role) -> bool {
        match role {
            Role::Old => self.old,
            Role::New => self.new,
        }
    }
}

impl Timeline {
    /// Reads the events of a run.
    pub(crate) fn new(observation: &Observation) -> Self {
        let (phases, events) = (&observation.phases, &observation.events);
        let mut timeline = Self::so_far(&observation.declared, phases, events);
        timeline.read_stops(observation);
        timeline
    }

    /// Reads the events of a run that goes on; stops of machines are left out.
    pub(crate) fn so_far(declared: &Declared, phases: &[PhaseMark], events: &[Timed]) -> Self {
        let mut timeline = Self {
            phases: phases.to_vec(),
            allowed: allowed(phases),
            arm: Vec::new(),
            effective: BTreeMap::new(),
            generations: BTreeMap::new(),
            stops: BTreeMap::new(),
            last_fault: None,
        };
        for timed in events {
            timeline.read(declared, timed.at, &timed.event);
        }
        timeline
    }

    /// The sides that the journal's phase allows at an instant (S4). Without a journal, as with a
    /// script that has no phases, every side is.
    pub(crate) fn allowed_at(&self, at: Instant) -> Allowed {
        let later = self.allowed.partition_point(|(from, _)| *from <= at);
        match later.checked_sub(1) {
            Some(index) => self.allowed[index].1,
            None if self.allowed.is_empty() => Allowed::BOTH,
            None => Allowed::OLD,
        }
    }

    /// The last phase entered by an instant.
    pub(crate) fn phase_at(&self, at: Instant) -> Option<PhaseMark> {
        let later = self.phases.partition_point(|mark| mark.at <= at);
        later.checked_sub(1).map(|index| self.phases[index])
    }

    /// Our pool's addresses in the control plane; `None` before the first write.
    pub(crate) fn arm_at(&self, at: Instant) -> Option<&[Ipv4Addr]> {
        step(&self.arm, at)
    }

    /// The gateway instances that ever took a configuration into use.
    pub(crate) fn gateway_instances(&self) -> impl Iterator<Item = u16> {
        self.effective.keys().copied()
    }

    /// Our pool's members that a gateway instance dispatched to; `None` before its first
    /// configuration.
    pub(crate) fn effective_at(&self, instance: u16, at: Instant) -> Option<&[Ipv4Addr]> {
        self.effective
            .get(&instance)
            .and_then(|steps| step(steps, at))
    }

    /// Every change of our pool in the control plane, in order of time.
    pub(crate) fn arm_steps(&self) -> &[(Instant, Vec<Ipv4Addr>)] {
        &self.arm
    }

    /// Every change of a gateway instance's members, in order of time.
    pub(crate) fn effective_steps(&self, instance: u16) -> &[(Instant, Vec<Ipv4Addr>)] {
        self.effective.get(&instance).map_or(&[], Vec::as_slice)
    }

    /// The configuration that a gateway instance used at an instant, and when it was replaced:
    /// the members of `generation`, and the start of the next one. `None` for a generation that
    /// this instance never used.
    pub(crate) fn generation(
        &self,
        instance: u16,
        generation: u64,
    ) -> Option<(&[Ipv4Addr], Option<Instant>)> {
        let generations = self.generations.get(&instance)?;
        let index = generations
            .iter()
            .position(|(_, used)| *used == generation)?;
        let replaced = generations.get(index + 1).map(|(at, _)| *at);
        let members = self.effective.get(&instance)?.get(index)?.1.as_slice();
        Some((members, replaced))
    }

    /// The configuration that a gateway instance took into use after a generation, and when; `None`
    /// when that was its last one, or it never used it.
    pub(crate) fn generation_after(
        &self,
        instance: u16,
        generation: u64,
    ) -> Option<(Instant, u64)> {
        let generations = self.generations.get(&instance)?;
        let index = generations
            .iter()
            .position(|(_, used)| *used == generation)?;
        generations.get(index + 1).copied()
    }

    /// The configuration that a gateway instance used at an instant.
    pub(crate) fn generation_at(&self, instance: u16, at: Instant) -> Option<u64> {
        let generations = self.generations.get(&instance)?;
        let used = generations.iter().rev().find(|(since, _)| *since <= at);
        used.map(|(_, generation)| *generation)
    }

    /// The stop of the machine at an address within a span.
    pub(crate) fn stop_between(
        &self,
        address: Ipv4Addr,
        from: Instant,
        to: Instant,
    ) -> Option<Stop> {
        let stops = self.stops.get(&address)?;
        stops
            .iter()
            .copied()
            .find(|stop| (from..=to).contains(&stop.at))
    }

    /// When the last injected fault took effect.
    pub(crate) fn last_fault(&self) -> Option<Instant> {
        self.last_fault
    }

    fn read_stops(&mut self, observation: &Observation) {
        let events = &observation.events;
        let killed: BTreeSet<Instant> = events
            .iter()
            .filter(|timed| is_kill(&timed.event))
            .map(|timed| timed.at)
            .collect();
        let window = observation.window;
        let mut shrunk_by_itself: BTreeMap<&ResourceId, bool> = BTreeMap::new();
        for Timed { at, event } in events {
            match event {
                Event::Scaled {
                    scale_set,
                    from,
                    to,
                    by,
                } if to < from => {
                    shrunk_by_itself.insert(scale_set, by == "autoscale");
                }
                Event::InstanceStopped {
                    instance, address, ..
                } => {
                    let at_work = (window.swap_start..=window.swap_end).contains(at);
                    let by_itself = shrunk_by_itself.get(&instance.scale_set) == Some(&true);
                    let weather = killed.contains(at) || by_itself && !at_work;
                    self.stops
                        .entry(*address)
                        .or_default()
                        .push(Stop { at: *at, weather });
                }
                _ => {}
            }
        }
    }

    fn read(&mut self, declared: &Declared, at: Instant, event: &Event) {
        match event {
            Event::GatewayWritten { gateway, pools, .. } if *gateway == declared.gateway => {
                let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
                let addresses = ours.map_or(&[][..], |(_, addresses)| addresses);
                let parsed = addresses.iter().filter_map(|text| text.parse().ok());
                self.arm.push((at, parsed.collect()));
            }
            Event::GatewayApplied {
                gateway,
                instance,
                generation,
                pools,
            } if *gateway == declared.gateway => {
                let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
                let members = ours.map_or_else(Vec::new, |(_, members)| members.clone());
                let generations = self.generations.entry(*instance).or_default();
                generations.push((at, *generation));
                self.effective
                    .entry(*instance)
                    .or_default()
                    .push((at, members));
            }
            Event::FaultHit { .. } => self.last_fault = Some(at),
            _ => {}
        }
    }
}

/// P0–P3 allow the old side, P4–P8 both, from P9 the new one; the way back mirrors that once it has
/// reached P4, and until then leaves what held. P11 also ends a swap that never came to P7: then
/// no side has been removed and nothing changes.
fn allowed(phases: &[PhaseMark]) -> Vec<(Instant, Allowed)> {
    let mut now = Allowed::OLD;
    let mut removing = None;
    let steps = phases.iter().map(|mark| {
        if matches!(mark.phase, 7 | 8) {
            removing = Some(mark.reverse);
        }
        now = match (mark.phase, mark.reverse) {
            (0..=3, _) => now,
            (4..=8, _) => Allowed::BOTH,
            _ if removing != Some(mark.reverse) => now,
            (_, false) => Allowed::NEW,
            (_, true) => Allowed::OLD,
        };
        (mark.at, now)
    });
    steps.collect()
}

fn is_kill(event: &Event) -> bool {
    matches!(event, Event::FaultHit { name, .. } if name == "kill")
}

/// The value of a step function at an instant.
fn step(steps: &[(Instant, Vec<Ipv4Addr>)], at: Instant) -> Option<&[Ipv4Addr]> {
    let later = steps.partition_point(|(from, _)| *from <= at);
    later.checked_sub(1).map(|index| steps[index].1.as_slice())
}
