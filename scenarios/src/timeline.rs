//! What held when: phases, the pool as ARM had it, and the members each gateway instance used.
//!
//! Built once per judgement from the events; every oracle asks it the same questions, so that two
//! oracles cannot disagree about what was effective at an instant.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use turquoise_emulator::{Event, Instant};

use crate::observation::{Declared, Observation, PhaseMark, Role};

/// The run as a set of step functions of time.
#[derive(Debug)]
pub(crate) struct Timeline {
    phases: Vec<PhaseMark>,
    arm: Vec<(Instant, Vec<Ipv4Addr>)>,
    effective: BTreeMap<u16, Vec<(Instant, Vec<Ipv4Addr>)>>,
    stops: BTreeMap<Ipv4Addr, Vec<(Instant, u64)>>,
    last_fault: Option<Instant>,
}

/// Which sides may be dispatched to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    old: bool,
    new: bool,
}

impl Allowed {
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
        let mut timeline = Self {
            phases: observation.phases.clone(),
            arm: Vec::new(),
            effective: BTreeMap::new(),
            stops: BTreeMap::new(),
            last_fault: None,
        };
        for timed in &observation.events {
            timeline.read(&observation.declared, timed.at, &timed.event);
        }
        timeline
    }

    /// The sides that the journal's phase allows at an instant (S4): P0–P3 the old one, P4–P8
    /// both, from P9 the new one; on the way back the same, mirrored, once it has reached P4.
    pub(crate) fn allowed_at(&self, at: Instant) -> Allowed {
        let reached = self.phases.iter().take_while(|mark| mark.at <= at);
        reached.fold(
            Allowed {
                old: true,
                new: false,
            },
            |allowed, mark| match (mark.phase, mark.reverse) {
                (0..=3, _) => allowed,
                (4..=8, _) => Allowed {
                    old: true,
                    new: true,
                },
                (_, false) => Allowed {
                    old: false,
                    new: true,
                },
                (_, true) => Allowed {
                    old: true,
                    new: false,
                },
            },
        )
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

    /// Every change of a gateway instance's members, in order of time.
    pub(crate) fn effective_steps(&self, instance: u16) -> &[(Instant, Vec<Ipv4Addr>)] {
        self.effective.get(&instance).map_or(&[], Vec::as_slice)
    }

    /// When the machine at an address stopped within a span, and what it was serving.
    pub(crate) fn stop_between(
        &self,
        address: Ipv4Addr,
        from: Instant,
        to: Instant,
    ) -> Option<(Instant, u64)> {
        let stops = self.stops.get(&address)?;
        stops
            .iter()
            .copied()
            .find(|(at, _)| (from..=to).contains(at))
    }

    /// When the last injected fault took effect.
    pub(crate) fn last_fault(&self) -> Option<Instant> {
        self.last_fault
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
                pools,
                ..
            } if *gateway == declared.gateway => {
                let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
                let members = ours.map_or_else(Vec::new, |(_, members)| members.clone());
                self.effective
                    .entry(*instance)
                    .or_default()
                    .push((at, members));
            }
            Event::InstanceStopped {
                address, in_flight, ..
            } => {
                self.stops
                    .entry(*address)
                    .or_default()
                    .push((at, *in_flight));
            }
            Event::FaultHit { .. } => self.last_fault = Some(at),
            _ => {}
        }
    }
}

/// The value of a step function at an instant.
fn step(steps: &[(Instant, Vec<Ipv4Addr>)], at: Instant) -> Option<&[Ipv4Addr]> {
    let later = steps.partition_point(|(from, _)| *from <= at);
    later.checked_sub(1).map(|index| steps[index].1.as_slice())
}
