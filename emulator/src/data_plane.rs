//! The data plane: gateways, load balancers, instances and the traffic through them.
//!
//! Start with [`DataPlane`]: it takes in what the control plane wants
//! ([`desired`](crate::desired)), each gateway instance in its own time, and reports what it really
//! does ([`reported`](crate::reported)). Both drives use one core. The simulation moves traffic
//! through it ([`DataPlane::set_traffic`]); the live drive serves sockets by the same immutable
//! snapshots ([`RoutingTable`], [`BalancerTable`], [`InstanceView`]), performs the probes and cuts
//! the core asks for, and reports how they went.

mod application;
mod builds;
mod busy_meter;
mod config;
mod draining;
mod faulting;
mod flaws;
pub mod gateway;
mod instance;
mod instance_view;
mod knobs;
mod live;
pub mod load_balancer;
mod membership;
mod network;
mod probe;
mod probing;
mod provision;
mod reader;
mod report;
mod rollout;
#[cfg(test)]
mod tests;
mod timers;
mod traffic;
mod work_queue;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use turquoise_arm::ResourceId;

use crate::desired::{Desired, InstanceKey, LoadBalancer};
use crate::event::{Event, Timed};
use crate::faults::{Fault, Faults};
use crate::ledger::Ledgers;
use crate::seed::Seed;
use crate::time::Instant;

pub use application::{Application, ServiceTime, Shape};
pub use builds::Builds;
pub use config::{DataPlaneConfig, ProbeMode};
pub use flaws::{Flaws, Mixture};
pub use gateway::retry::{Verdict, retry_rule};
pub use gateway::rewrite::{Changes, RewriteAnswer, RewriteRequest};
pub use gateway::routing_table::{Older, Routed, RoutingTable, Target, affinity_value};
pub use instance_view::{InstanceState, InstanceView, Response};
pub use knobs::{
    ClientConnections, DrainOn, Goaway, InitialHealth, Knobs, ProbeConnection, ProbeStateOnConfig,
};
pub use live::DueCut;
pub use load_balancer::table::{BalancerTable, FiveTuple, RuleTable};
pub use probe::{DueProbe, ProbeId, ProbeOutcome, Prober};
pub use reader::Reader;
pub use traffic::{Arrival, Arrivals, CloneArrivals, CutScope, Through, ThroughAnswer};

use draining::DrainEnd;
use faulting::ArmedFault;
use network::Network;
use probe::Streams;
use reader::Reading;
use timers::Timers;
use traffic::Traffic;

/// The data plane.
#[derive(Clone, Debug)]
pub struct DataPlane {
    now: Instant,
    config: DataPlaneConfig,
    seed: Seed,
    builds: Builds,
    network: Network,
    streams: Streams,
    timers: Timers<Timer>,
    faults: Vec<ArmedFault>,
    traffic: Traffic,
    reading: Reading,
    events: Vec<Timed>,
    due_probes: Vec<DueProbe>,
    due_cuts: Vec<DueCut>,
    revision: u64,
}

/// What comes due inside the data plane.
#[derive(Clone, Debug)]
enum Timer {
    /// A gateway instance takes a configuration into use.
    Rollout {
        gateway: usize,
        instance: usize,
        generation: u64,
    },
    /// A drain time-out passes.
    DrainEnd(Box<DrainEnd>),
    /// A stream sends its next probe.
    Probe(ProbeId),
    /// A modelled probe that started then ends so.
    ProbeEnd(ProbeId, Instant, ProbeOutcome),
    /// A load balancer takes a configuration into use.
    Balancer(Arc<LoadBalancer>),
    /// A load balancer stops.
    BalancerGone(ResourceId),
    /// A machine of that incarnation reaches its next stage.
    Machine { slot: usize, incarnation: u32 },
    /// A machine is switched on or off.
    Power { slot: usize, running: bool },
    /// A machine is removed.
    MachineGone { slot: usize },
    /// A fault begins or ends.
    Fault(usize),
}

impl DataPlane {
    pub(crate) fn new(config: DataPlaneConfig, seed: Seed, faults: &[(usize, Fault)]) -> Self {
        let mut plane = Self {
            now: Instant::ZERO,
            network: Network {
                knobs: config.knobs.clone(),
                ..Network::default()
            },
            config,
            seed,
            builds: Builds::default(),
            streams: Streams::default(),
            timers: Timers::default(),
            faults: Vec::new(),
            traffic: Traffic::new(seed.child("traffic")),
            reading: Reading::default(),
            events: Vec::new(),
            due_probes: Vec::new(),
            due_cuts: Vec::new(),
            revision: 0,
        };
        plane.arm_faults(faults);
        plane
    }

    /// Names of the builds in the ledgers.
    #[must_use]
    pub fn builds(&self) -> &Builds {
        &self.builds
    }

    /// The knobs in use.
    #[must_use]
    pub fn knobs(&self) -> &Knobs {
        &self.network.knobs
    }

    /// Requests that an instance has accepted and not finished, while it exists.
    #[must_use]
    pub fn in_flight(&self, key: &InstanceKey) -> Option<u64> {
        let slot = self.slot_of(key)?;
        Some(self.network.machines[slot].in_flight + self.traffic.in_flight(slot))
    }

    /// Behaves otherwise from now on, where the evidence leaves it open.
    pub fn change_knobs(&mut self, change: impl FnOnce(&mut Knobs)) {
        change(&mut self.network.knobs);
    }

    /// Whether every source of traffic is exhausted and every request has ended.
    #[must_use]
    pub fn traffic_is_over(&self) -> bool {
        self.traffic.is_over()
    }

    /// Sends simulated clients to a frontend, with this `Host`. Client numbers are the source's
    /// own, small and dense. No arrival may be due before now.
    pub fn set_traffic(
        &mut self,
        frontend: (Ipv4Addr, u16),
        host: &str,
        arrivals: Box<dyn Arrivals>,
    ) {
        self.traffic.add_source(frontend, host, arrivals);
    }

    /// Takes the ledger entries of what ended before now, ordered by end and id: what is given
    /// out over a run does not depend on when it was asked for.
    pub fn drain_ledgers(&mut self) -> Ledgers {
        self.traffic.drain_ledgers(self.now)
    }

    /// Sends one request of the orchestrator's own through the simulated gateway, at `now`, over
    /// new connections.
    pub fn probe_through(
        &mut self,
        now: Instant,
        frontend: (Ipv4Addr, u16),
        host: &str,
        path: &str,
    ) -> Through {
        self.advance_to(now);
        self.traffic
            .send_single(&self.network, now, frontend, host, path)
    }

    pub(crate) fn set_knobs(&mut self, knobs: Knobs) {
        self.network.knobs = knobs;
    }

    /// Arms one more fault; a fault of the control plane is none here.
    pub(crate) fn arm_fault(&mut self, index: usize, fault: &Fault) {
        let mine = Faults::data_plane(std::slice::from_ref(fault));
        let mine: Vec<_> = mine.into_iter().map(|(_, fault)| (index, fault)).collect();
        self.arm_faults(&mine);
    }

    /// Goes on with other randomness, more faults and no traffic; what runs keeps running.
    pub(crate) fn rearm(&mut self, seed: Seed, faults: &[(usize, Fault)]) {
        self.seed = seed;
        self.traffic = Traffic::new(seed.child("traffic"));
        for machine in &mut self.network.machines {
            machine.in_flight = 0;
        }
        self.arm_faults(faults);
    }

    pub(crate) fn apply(&mut self, now: Instant, desired: Desired) {
        self.advance_to(now);
        match desired {
            Desired::Gateway(rollout) => self.begin_rollout(rollout),
            Desired::GatewayGone(id) => self.remove_gateway(&id),
            Desired::LoadBalancer { at, config } => self.timers.add(at, Timer::Balancer(config)),
            Desired::LoadBalancerGone { at, id } => self.timers.add(at, Timer::BalancerGone(id)),
            Desired::Instance(spec) => self.provide_instance(spec),
            Desired::InstancePools { key, pools } => self.move_instance(&key, pools),
            Desired::InstancePower { at, key, running } => self.power_instance(at, &key, running),
            Desired::InstanceGone { at, key } => self.remove_instance(at, &key),
        }
        self.advance_to(now);
    }

    pub(crate) fn advance_to(&mut self, now: Instant) {
        while let Some((at, timer)) = self.timers.pop_due(now) {
            self.now = self.now.max(at);
            self.advance_traffic(self.now);
            self.fire(timer);
        }
        self.now = self.now.max(now);
        self.advance_traffic(self.now);
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(crate) fn drain_events(&mut self) -> Vec<Timed> {
        std::mem::take(&mut self.events)
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Rollout {
                gateway,
                instance,
                generation,
            } => self.take_into_use(gateway, instance, generation),
            Timer::DrainEnd(drain) => self.end_drain(&drain),
            Timer::Probe(id) => self.send_probe(id),
            Timer::ProbeEnd(id, started, outcome) => self.end_probe(id, started, outcome),
            Timer::Balancer(config) => self.configure_balancer(config),
            Timer::BalancerGone(id) => self.remove_balancer(&id),
            Timer::Machine { slot, incarnation } => self.step_machine(slot, incarnation),
            Timer::Power { slot, running } => self.switch_machine(slot, running),
            Timer::MachineGone { slot } => self.drop_machine(slot),
            Timer::Fault(index) => self.turn_fault(index),
        }
    }

    fn emit(&mut self, event: Event) {
        let timed = Timed {
            at: self.now,
            event,
        };
        self.reading.on_event(&timed);
        self.events.push(timed);
    }

    /// A snapshot changed: drives fetch them anew.
    fn touch(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }
}

/// Counts by member, as cuts report them.
type Counts = BTreeMap<Ipv4Addr, u64>;
