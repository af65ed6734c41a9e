//! Scenarios from seeds, and as a proptest strategy.
//!
//! Every concern has a strategy of its own, drawn by its own node of the seed tree, so that a new
//! concern moves no other and [`scenario`] stays a function of its seed. Which kinds of trouble
//! exist at all is drawn first, per seed (`swarm`). What is generated is concrete: nothing throws
//! dice about whether to fail once a scenario runs. Tests that use `proptest!` take [`scenarios`],
//! which is made of the same strategies and shrinks.

mod actor;
mod builds;
mod draw;
mod fault;
mod heal;
mod process;
mod surroundings;
mod swarm;
mod topology;
mod traffic;
mod trouble;

use std::collections::BTreeMap;

use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use turquoise_emulator::Seed;
use turquoise_emulator::faults::Fault;

use crate::scenario::{
    Actor, Answers, Azure, Builds, Clocks, Crash, ForeignWrite, Identity, Latency, Order, Pause,
    Quirks, Scenario, Storage, Topology, Traffic, VERSION,
};
use draw::draw;
use fault::Drawn;

pub use swarm::FaultFamily;
pub use trouble::{Trouble, with_only};

/// A scenario and what its generation left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The scenario.
    pub scenario: Scenario,
    /// The kinds of fault this seed's swarm allowed.
    pub swarm: Vec<FaultFamily>,
    /// What was drawn and declined, because no orchestrator could survive it.
    pub declined: u32,
    /// The same, by reason.
    pub reasons: BTreeMap<&'static str, u32>,
}

/// What everything takes place in.
#[derive(Clone, Debug)]
struct Setting {
    seed: u64,
    topology: Topology,
    builds: Builds,
    traffic: Traffic,
    latency: Latency,
}

/// What goes wrong.
#[derive(Clone, Debug)]
struct Storm {
    faults: Vec<Vec<Drawn<Fault>>>,
    foreign: Vec<ForeignWrite>,
    actors: Vec<Actor>,
    orchestrators: Vec<Drawn<Actor>>,
    crashes: Vec<Crash>,
    pauses: Vec<Pause>,
    orders: Vec<Order>,
    storage: Storage,
    identity: Identity,
    clocks: Clocks,
    heal_ms: u64,
}

/// The scenario of a seed.
#[must_use]
pub fn scenario(seed: u64) -> Generated {
    let root = Seed::new(seed).child("scenario");
    let setting = setting(seed);
    let swarm = draw(root.child("swarm"), &swarm::swarms());
    let parts = Parts::of(&swarm, &setting.topology);
    let faults = parts.faults.iter().map(|(family, faults)| {
        let node = root.child("faults").child(family.name());
        draw(node, faults)
    });
    let storm = Storm {
        faults: faults.collect(),
        foreign: draw(root.child("foreign"), &parts.foreign),
        actors: draw(root.child("actors"), &parts.actors),
        orchestrators: draw(root.child("orchestrators"), &parts.orchestrators),
        crashes: draw(root.child("crashes"), &parts.crashes),
        pauses: draw(root.child("pauses"), &parts.pauses),
        orders: draw(root.child("orders"), &parts.orders),
        storage: draw(root.child("storage"), &parts.storage),
        identity: draw(root.child("identity"), &parts.identity),
        clocks: draw(root.child("clocks"), &parts.clocks),
        heal_ms: draw(root.child("heal"), &heals()),
    };
    assemble(setting, swarm, storm)
}

/// A scenario in which nothing goes wrong, of well-behaved builds: what mutants that need no fault
/// are judged on.
#[must_use]
pub fn calm(seed: u64) -> Scenario {
    let mut setting = setting(seed);
    setting.builds = Builds::default();
    assemble(setting, Vec::new(), Storm::none()).scenario
}

/// Scenarios for `proptest!`, of the same strategies; a failing one shrinks by them.
pub fn scenarios() -> impl Strategy<Value = Scenario> {
    (
        any::<u64>(),
        topology::topologies(),
        builds::builds(),
        traffic::latencies(),
        swarm::swarms(),
    )
        .prop_flat_map(|(seed, topology, builds, latency, swarm)| {
            let parts = Parts::of(&swarm, &topology);
            let traffic = traffic::traffic(&topology, &builds);
            let setting = traffic.prop_map(move |traffic| Setting {
                seed,
                topology: topology.clone(),
                builds: builds.clone(),
                traffic,
                latency,
            });
            (setting, Just(swarm), parts.storm())
        })
        .prop_map(|(setting, swarm, storm)| assemble(setting, swarm, storm).scenario)
}

fn setting(seed: u64) -> Setting {
    let root = Seed::new(seed).child("scenario");
    let topology = draw(root.child("topology"), &topology::topologies());
    let builds = draw(root.child("builds"), &builds::builds());
    let traffic = traffic::traffic(&topology, &builds);
    Setting {
        seed,
        traffic: draw(root.child("traffic"), &traffic),
        latency: draw(root.child("latency"), &traffic::latencies()),
        topology,
        builds,
    }
}

/// A storm lasts for five to thirty minutes.
fn heals() -> BoxedStrategy<u64> {
    (300_000..1_800_000_u64).boxed()
}

/// A strategy for each concern of a storm; one that the swarm leaves out yields nothing.
struct Parts {
    faults: Vec<(FaultFamily, BoxedStrategy<Vec<Drawn<Fault>>>)>,
    foreign: BoxedStrategy<Vec<ForeignWrite>>,
    actors: BoxedStrategy<Vec<Actor>>,
    orchestrators: BoxedStrategy<Vec<Drawn<Actor>>>,
    crashes: BoxedStrategy<Vec<Crash>>,
    pauses: BoxedStrategy<Vec<Pause>>,
    orders: BoxedStrategy<Vec<Order>>,
    storage: BoxedStrategy<Storage>,
    identity: BoxedStrategy<Identity>,
    clocks: BoxedStrategy<Clocks>,
}

impl Parts {
    fn of(swarm: &[FaultFamily], topology: &Topology) -> Self {
        let faults = swarm.iter().map(|f| (*f, fault::faults(*f, topology)));
        Self {
            faults: faults.collect(),
            foreign: when(swarm, FaultFamily::ForeignWriter, actor::foreign),
            actors: when(swarm, FaultFamily::Actors, || actor::actors(topology)),
            orchestrators: when(swarm, FaultFamily::Orchestrators, actor::orchestrators),
            crashes: when(swarm, FaultFamily::Crashes, process::crashes),
            pauses: when(swarm, FaultFamily::Pauses, process::pauses),
            orders: when(swarm, FaultFamily::Orders, process::orders),
            storage: when(swarm, FaultFamily::Storage, surroundings::storage),
            identity: when(swarm, FaultFamily::Identity, surroundings::identity),
            clocks: when(swarm, FaultFamily::Clocks, surroundings::clocks),
        }
    }

    /// All of them together.
    fn storm(self) -> impl Strategy<Value = Storm> {
        let faults: Vec<_> = self.faults.into_iter().map(|(_, faults)| faults).collect();
        let others = (self.foreign, self.actors, self.orchestrators);
        let processes = (self.crashes, self.pauses, self.orders);
        let surroundings = (self.storage, self.identity, self.clocks);
        (faults, others, processes, surroundings, heals()).prop_map(
            |(faults, others, processes, surroundings, heal_ms)| Storm {
                faults,
                foreign: others.0,
                actors: others.1,
                orchestrators: others.2,
                crashes: processes.0,
                pauses: processes.1,
                orders: processes.2,
                storage: surroundings.0,
                identity: surroundings.1,
                clocks: surroundings.2,
                heal_ms,
            },
        )
    }
}

/// A concern's strategy, where the swarm has it.
fn when<T: Clone + Default + std::fmt::Debug + 'static>(
    swarm: &[FaultFamily],
    family: FaultFamily,
    strategy: impl FnOnce() -> BoxedStrategy<T>,
) -> BoxedStrategy<T> {
    if swarm.contains(&family) {
        strategy()
    } else {
        Just(T::default()).boxed()
    }
}

impl Storm {
    fn none() -> Self {
        Self {
            faults: Vec::new(),
            foreign: Vec::new(),
            actors: Vec::new(),
            orchestrators: Vec::new(),
            crashes: Vec::new(),
            pauses: Vec::new(),
            orders: Vec::new(),
            storage: Storage::default(),
            identity: Identity::default(),
            clocks: Clocks::default(),
            heal_ms: 0,
        }
    }
}

fn assemble(setting: Setting, swarm: Vec<FaultFamily>, storm: Storm) -> Generated {
    let mut reasons = BTreeMap::new();
    let faults = storm.faults.into_iter().flatten();
    let faults = taken(faults, &mut reasons);
    let mut actors = storm.actors;
    actors.extend(taken(storm.orchestrators, &mut reasons));
    let mut scenario = Scenario {
        quirks: Quirks::default(),
        answers: Answers::default(),
        version: VERSION,
        seed: setting.seed,
        topology: setting.topology,
        traffic: setting.traffic,
        latency: setting.latency,
        azure: Azure::Pessimistic,
        faults,
        foreign: storm.foreign,
        builds: setting.builds,
        actors,
        crashes: storm.crashes,
        pauses: storm.pauses,
        orders: storm.orders,
        storage: storm.storage,
        identity: storm.identity,
        clocks: storm.clocks,
        heal_ms: if swarm.is_empty() { 0 } else { storm.heal_ms },
    };
    if scenario.heal_ms > 0 {
        heal::heal(&mut scenario);
    }
    Generated {
        scenario,
        swarm,
        declined: reasons.values().sum(),
        reasons,
    }
}

/// What was not declined; the rest is counted by its reason.
fn taken<T>(
    drawn: impl IntoIterator<Item = Drawn<T>>,
    reasons: &mut BTreeMap<&'static str, u32>,
) -> Vec<T> {
    let mut all = Vec::new();
    for one in drawn {
        match one {
            Ok(one) => all.push(one),
            Err(reason) => *reasons.entry(reason).or_default() += 1,
        }
    }
    all
}

#[cfg(test)]
mod tests;
