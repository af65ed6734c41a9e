//! A run event by event, with the state of the world at each: what one steps through.
//!
//! The state is read from the observation alone, so that it is the same on every level of
//! simulation. Read [`Walk::steps`] first.

mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde::Serialize;
use turquoise_emulator::{Event, Instant};

use crate::observation::{LeasePut, Observation, PhaseMark, Process, Role};

/// A run as a list of steps.
#[derive(Clone, Debug)]
pub struct Walk {
    /// In order of time.
    pub steps: Vec<Step>,
    /// When the orchestrator started: times count from here.
    pub zero: Instant,
}

/// One thing that happened, and how the world was right after it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// What, in one line.
    pub what: String,
    /// Right after it.
    pub state: State,
}

/// How the world is at one instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct State {
    /// The last phase entered.
    pub phase: Option<PhaseMark>,
    /// Our pool's addresses in the control plane.
    pub pool: Vec<String>,
    /// Our pool's members that each gateway instance dispatches to.
    pub effective: BTreeMap<u16, Vec<Ipv4Addr>>,
    /// Members that a gateway instance holds for unhealthy.
    pub unhealthy: BTreeMap<u16, BTreeSet<Ipv4Addr>>,
    /// Instances that serve, by scale set.
    pub serving: BTreeMap<String, BTreeSet<Ipv4Addr>>,
    /// Requests that gateways have dispatched and not finished, by member.
    pub in_flight: BTreeMap<Ipv4Addr, u64>,
    /// The orchestrator's processes that run, each with how it began.
    pub processes: BTreeMap<u16, String>,
    /// Who holds the lease, and in which epoch; empty when nobody does.
    pub lease: String,
}

impl Walk {
    /// Walks through a run.
    #[must_use]
    pub fn new(observation: &Observation) -> Self {
        let mut walker = Walker {
            observation,
            flights: Flights::new(observation),
            state: State::default(),
        };
        Self {
            steps: moments(observation)
                .into_iter()
                .map(|(at, moment)| walker.step(at, &moment))
                .collect(),
            zero: observation.window.swap_start,
        }
    }

    /// Seconds from the orchestrator's start, negative before it.
    #[must_use]
    pub fn seconds(&self, at: Instant) -> f64 {
        if at >= self.zero {
            at.since(self.zero).as_secs_f64()
        } else {
            -self.zero.since(at).as_secs_f64()
        }
    }
}

/// What a step is made of.
enum Moment<'a> {
    Event(&'a Event),
    Phase(PhaseMark),
    Began(u16, &'a Process),
    Over(u16, &'a Process),
    Lease(&'a LeasePut),
    Happened(&'a str),
    Started,
    Ended,
}

/// Everything that happened, in order of time; what the orchestrator entered comes before what it
/// then did.
fn moments(observation: &Observation) -> Vec<(Instant, Moment<'_>)> {
    let record = &observation.record;
    let mut all = vec![(observation.window.swap_start, Moment::Started)];
    for (number, process) in (0..).zip(&record.processes) {
        all.push((process.started, Moment::Began(number, process)));
        all.extend(process.ended.map(|at| (at, Moment::Over(number, process))));
    }
    all.extend(record.leases.iter().map(|put| (put.at, Moment::Lease(put))));
    let happened = record.happened.iter();
    all.extend(happened.map(|(at, name)| (*at, Moment::Happened(name))));
    let phases = observation.phases.iter();
    all.extend(phases.map(|mark| (mark.at, Moment::Phase(*mark))));
    let events = observation.events.iter();
    all.extend(events.map(|timed| (timed.at, Moment::Event(&timed.event))));
    all.push((observation.window.swap_end, Moment::Ended));
    all.sort_by_key(|(at, _)| *at);
    all
}

struct Walker<'a> {
    observation: &'a Observation,
    flights: Flights,
    state: State,
}

impl Walker<'_> {
    fn step(&mut self, at: Instant, moment: &Moment<'_>) -> Step {
        let declared = &self.observation.declared;
        let what = match moment {
            Moment::Event(event) => {
                self.enter(event);
                words::event(declared, event)
            }
            Moment::Phase(mark) => {
                self.state.phase = Some(*mark);
                words::phase(*mark)
            }
            Moment::Began(number, process) => {
                let began = words::began(process);
                self.state.processes.insert(*number, began.clone());
                format!("process {number} starts: {began}")
            }
            Moment::Over(number, process) => {
                self.state.processes.remove(number);
                format!("process {number} is over: {}", words::ending(process))
            }
            Moment::Lease(put) => {
                if put.accepted && put.store == 0 {
                    self.state.lease = words::holder(put);
                }
                words::lease(put)
            }
            Moment::Happened(name) => format!("the scenario brings {name}"),
            Moment::Started => "the orchestrator starts".to_owned(),
            Moment::Ended => words::end(self.observation),
        };
        self.state.in_flight = self.flights.at(at);
        Step {
            at,
            what,
            state: self.state.clone(),
        }
    }

    fn enter(&mut self, event: &Event) {
        let declared = &self.observation.declared;
        let state = &mut self.state;
        match event {
            Event::GatewayWritten { gateway, pools, .. } if *gateway == declared.gateway => {
                let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
                state.pool = ours.map_or_else(Vec::new, |(_, addresses)| addresses.clone());
            }
            Event::GatewayApplied {
                gateway,
                instance,
                pools,
                ..
            } if *gateway == declared.gateway => {
                let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
                let members = ours.map_or_else(Vec::new, |(_, members)| members.clone());
                state.effective.insert(*instance, members);
            }
            Event::MemberHealth {
                instance,
                pool,
                address,
                healthy,
                ..
            } if *pool == declared.pool => {
                let unhealthy = state.unhealthy.entry(*instance).or_default();
                if *healthy {
                    unhealthy.remove(address);
                } else {
                    unhealthy.insert(*address);
                }
            }
            Event::InstanceServing {
                instance, address, ..
            } => {
                let name = instance.scale_set.name().to_owned();
                state.serving.entry(name).or_default().insert(*address);
            }
            Event::InstanceStopped {
                instance, address, ..
            } => {
                if let Some(serving) = state.serving.get_mut(instance.scale_set.name()) {
                    serving.remove(address);
                }
            }
            _ => {}
        }
    }
}

/// When requests were dispatched to each member of the two sides, and when those ended; sorted.
struct Flights(BTreeMap<Ipv4Addr, (Vec<Instant>, Vec<Instant>)>);

impl Flights {
    fn new(observation: &Observation) -> Self {
        let sides = [Role::Old, Role::New].map(|role| observation.declared.side(role).address);
        let mut flights: BTreeMap<_, (Vec<_>, Vec<_>)> = sides
            .into_iter()
            .map(|side| (side, Default::default()))
            .collect();
        for entry in &observation.ledgers.gateway {
            let Some(member) = entry.member else { continue };
            let (began, ended) = flights.entry(member).or_default();
            began.push(entry.dispatched);
            ended.push(entry.ended);
        }
        for (began, ended) in flights.values_mut() {
            began.sort_unstable();
            ended.sort_unstable();
        }
        Self(flights)
    }

    fn at(&self, at: Instant) -> BTreeMap<Ipv4Addr, u64> {
        let count = |times: &[Instant]| times.partition_point(|time| *time <= at) as u64;
        let flying = |(began, ended): &(Vec<_>, Vec<_>)| count(began).saturating_sub(count(ended));
        self.0
            .iter()
            .map(|(member, times)| (*member, flying(times)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;
    use crate::run::{Level, Runner};
    use crate::subject::Subject;

    fn walk(seed: u64) -> (Observation, Walk) {
        let scenario = generate::calm(seed);
        let ran = Runner::default().run(Level::Core, Subject::Turquoise, &scenario);
        let observation = ran.expect("it runs").observation;
        let walk = Walk::new(&observation);
        (observation, walk)
    }

    #[test]
    fn a_swap_walks_from_one_side_to_the_other() {
        let (observation, walk) = walk(1);
        let (old, new) = (&observation.declared.old, &observation.declared.new);
        let started = walk
            .steps
            .iter()
            .find(|step| step.what == "the orchestrator starts");
        let started = &started.expect("every run has a start").state;
        assert_eq!(started.pool, [old.address.to_string()]);
        assert!(started.in_flight.values().sum::<u64>() < 1000);
        let last = &walk.steps.last().expect("a run has steps").state;
        assert_eq!(last.pool, [new.address.to_string()]);
        for members in last.effective.values() {
            assert_eq!(*members, [new.address]);
        }
        assert_eq!(last.phase.map(|mark| mark.phase), Some(11));
        let both = |step: &Step| step.state.pool.len() == 2;
        assert!(walk.steps.iter().any(both));
    }

    #[test]
    fn steps_are_in_order_of_time_and_say_something() {
        let (_, walk) = walk(2);
        assert!(walk.steps.is_sorted_by_key(|step| step.at));
        for step in &walk.steps {
            assert!(
                !step.what.is_empty() && !step.what.contains('\n'),
                "{step:?}"
            );
        }
        assert!(walk.seconds(walk.steps[0].at) <= 0.0);
    }
}
