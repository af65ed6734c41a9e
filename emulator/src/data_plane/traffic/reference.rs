//! The event-heap model that the one-pass traffic is held against, request by request.
//!
//! It shares nothing with the fast path but the pure draws and choices: queues, workers, idle
//! connections, time-outs and deaths are events and explicit lists here. What probes and
//! configurations decide is taken from the fast run's events.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::Ipv4Addr;
use std::time::Duration;

use super::dispatch::answered;
use super::{Arrival, Seeds, Traffic};
use crate::data_plane::gateway::retry::{Verdict, retry_rule};
use crate::data_plane::gateway::routing_table::Target;
use crate::data_plane::instance_view::InstanceView;
use crate::data_plane::knobs::Knobs;
use crate::data_plane::load_balancer::table::{BalancerTable, FiveTuple};
use crate::event::{Event, Timed};
use crate::ledger::{
    Attempt, ConnectionClass, Contract, Fault, GatewayEntry, InstanceEntry, Ledgers, RequestId,
    Seen,
};
use crate::time::Instant;

/// What the model is told.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) knobs: Knobs,
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) sources: Vec<Ipv4Addr>,
    pub(crate) balancers: Vec<BalancerTable>,
    pub(crate) instances: Vec<InstanceView>,
    pub(crate) events: Vec<Timed>,
    pub(crate) request_timeout: Duration,
    pub(crate) drain_timeout: Duration,
}

/// What happens at one instant happens in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// A worker finishes a run.
    Finish(usize),
    /// A gateway's attempt ends without the member.
    GiveUp(usize),
    /// A client's patience ends.
    Leave(usize),
    /// The members an instance of the gateway removed are cut.
    Cut(usize, Vec<Ipv4Addr>),
    /// The index of a control event of the fast run.
    Control(usize),
    /// A request arrives.
    Arrive(usize),
}

/// When, the rank among what happens then, the request and its attempt, and what.
type Planned = (Instant, u8, RequestId, u8, Happening);

#[derive(Clone, Debug)]
struct Try {
    arrival: Arrival,
    lane: usize,
    generation: u64,
    attempt: u8,
    member: Ipv4Addr,
    dispatched: Instant,
    connection: Option<Idle>,
    fault: Fault,
    over: bool,
}

#[derive(Clone, Debug)]
struct Job {
    owner: usize,
    machine: usize,
    started: Instant,
    service: Duration,
    status: u16,
    over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Idle {
    since: Instant,
    opened_by: (RequestId, u8),
    machine: usize,
}

#[derive(Debug, Default)]
struct Machine {
    busy: usize,
    queue: VecDeque<usize>,
    dead: bool,
}

#[derive(Debug, Default)]
struct Lane {
    generation: u64,
    members: Vec<Ipv4Addr>,
    down: Vec<Ipv4Addr>,
    turn: u64,
    idle: BTreeMap<Ipv4Addr, Vec<Idle>>,
}

#[derive(Debug)]
pub(crate) struct Model {
    seeds: Seeds,
    given: Given,
    now: Instant,
    heap: BinaryHeap<Reverse<Planned>>,
    lanes: Vec<Lane>,
    machines: Vec<Machine>,
    tries: Vec<Try>,
    jobs: Vec<Job>,
    ledgers: Ledgers,
}

impl Model {
    /// What the three ledgers should hold, in no order.
    pub(crate) fn run(traffic: &Traffic, given: Given) -> Ledgers {
        let mut model = Self {
            seeds: traffic.seeds,
            now: Instant::ZERO,
            heap: BinaryHeap::new(),
            lanes: given.sources.iter().map(|_| Lane::default()).collect(),
            machines: given.instances.iter().map(|_| Machine::default()).collect(),
            tries: Vec::new(),
            jobs: Vec::new(),
            ledgers: Ledgers::default(),
            given,
        };
        for index in 0..model.given.events.len() {
            let at = model.given.events[index].at;
            model.add(at, Happening::Control(index));
        }
        for index in 0..model.given.arrivals.len() {
            let at = model.given.arrivals[index].due;
            model.add(at, Happening::Arrive(index));
        }
        while let Some(Reverse((at, _, _, _, happening))) = model.heap.pop() {
            model.now = at;
            model.happen(happening);
        }
        model.ledgers
    }

    fn add(&mut self, at: Instant, happening: Happening) {
        let (rank, id, attempt) = match &happening {
            Happening::Finish(job) => (0, *job as u64, 0),
            Happening::GiveUp(index) => {
                (1, self.tries[*index].arrival.id, self.tries[*index].attempt)
            }
            Happening::Leave(index) => (2, *index as u64, 0),
            Happening::Cut(..) => (3, 0, 0),
            Happening::Control(index) => (4, *index as u64, 0),
            Happening::Arrive(index) => (5, *index as u64, 0),
        };
        self.heap.push(Reverse((at, rank, id, attempt, happening)));
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Finish(job) => self.finish(job),
            Happening::GiveUp(index) => {
                let fault = self.tries[index].fault;
                self.fail(index, fault);
            }
            Happening::Leave(index) => self.leave(index),
            Happening::Cut(lane, members) => self.cut(lane, &members),
            Happening::Control(index) => self.control(index),
            Happening::Arrive(index) => self.arrive(index),
        }
    }

    fn arrive(&mut self, index: usize) {
        let arrival = self.given.arrivals[index];
        let seed = match arrival.connection {
            ConnectionClass::New | ConnectionClass::Direct => self.seeds.instance.at(arrival.id),
            ConnectionClass::Reused | ConnectionClass::Multiplexed => {
                self.seeds.client.at(u64::from(arrival.client))
            }
        };
        let lane = usize::try_from(seed.below(self.lanes.len() as u64)).expect("a few lanes");
        match self.pick(lane, None) {
            Some(member) => self.dispatch(arrival, lane, member, 0),
            None => {
                self.ledgers.gateway.push(GatewayEntry {
                    id: arrival.id,
                    instance: u16::try_from(lane).expect("a few lanes"),
                    generation: self.lanes[lane].generation,
                    member: None,
                    attempt: 0,
                    dispatched: self.now,
                    ended: self.now,
                    outcome: Attempt::Failed {
                        fault: Fault::NoHealthyMember,
                        status: 502,
                    },
                });
                self.tell(&arrival, answered(502));
            }
        }
    }

    fn pick(&mut self, lane: usize, failed: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        let lane = &mut self.lanes[lane];
        let target = Target {
            id: 0,
            pool: 0,
            settings: 0,
            eligible: lane
                .members
                .iter()
                .copied()
                .filter(|member| !lane.down.contains(member))
                .collect(),
            draining: Vec::new(),
        };
        lane.turn += 1;
        target.pick(lane.turn - 1, None, failed)
    }

    fn dispatch(&mut self, arrival: Arrival, lane: usize, member: Ipv4Addr, attempt: u8) {
        let index = self.tries.len();
        self.tries.push(Try {
            arrival,
            lane,
            generation: self.lanes[lane].generation,
            attempt,
            member,
            dispatched: self.now,
            connection: None,
            fault: Fault::RequestTimeout,
            over: false,
        });
        let patience_ends = arrival.due + arrival.patience;
        self.add(patience_ends, Happening::Leave(index));
        let Some(connection) = self.connect(index) else {
            let tried = &mut self.tries[index];
            tried.fault = Fault::ConnectTimeout;
            let at = self.now + self.given.knobs.connect_timeout;
            self.add(at, Happening::GiveUp(index));
            return;
        };
        self.tries[index].connection = Some(connection);
        let deadline = self.now + arrival.upload + self.given.request_timeout;
        self.add(deadline, Happening::GiveUp(index));
        self.submit(index, connection.machine);
    }

    fn connect(&mut self, index: usize) -> Option<Idle> {
        let tried = &self.tries[index];
        let (lane, member) = (tried.lane, tried.member);
        let opened_by = (tried.arrival.id, tried.attempt);
        let (now, limit) = (self.now, self.given.knobs.backend_idle);
        let machines = &self.machines;
        let idle = self.lanes[lane].idle.entry(member).or_default();
        idle.retain(|idle| !machines[idle.machine].dead && now.since(idle.since) < limit);
        idle.sort_unstable();
        if !idle.is_empty() {
            return Some(idle.remove(0));
        }
        let flow = FiveTuple {
            source: (self.given.sources[lane], self.seeds.source_port(opened_by)),
            destination: (member, 80),
        };
        let balancer = self
            .given
            .balancers
            .iter()
            .find(|table| table.has_frontend(member))?;
        let (address, _) = balancer.pick(flow)?;
        let machine = self.machine(address);
        (!self.machines[machine].dead).then_some(Idle {
            since: now,
            opened_by,
            machine,
        })
    }

    fn submit(&mut self, owner: usize, machine: usize) {
        let arrival = self.tries[owner].arrival;
        let view = &self.given.instances[machine];
        let draw = self.seeds.service.at(arrival.id);
        let response = view.respond(draw, arrival.class, arrival.work);
        let job = self.jobs.len();
        self.jobs.push(Job {
            owner,
            machine,
            started: self.now,
            service: arrival.upload + response.service,
            status: response.status,
            over: false,
        });
        let workers = view.application.workers as usize;
        let limit = view.application.queue as usize;
        let state = &mut self.machines[machine];
        if state.busy < workers {
            state.busy += 1;
            let at = self.now + self.jobs[job].service;
            self.add(at, Happening::Finish(job));
        } else if state.queue.len() < limit {
            state.queue.push_back(job);
        } else {
            self.jobs[job].status = 503;
            self.complete(job);
        }
    }

    fn finish(&mut self, job: usize) {
        if self.jobs[job].over {
            return;
        }
        let machine = self.jobs[job].machine;
        match self.machines[machine].queue.pop_front() {
            Some(next) => {
                let at = self.now + self.jobs[next].service;
                self.add(at, Happening::Finish(next));
            }
            None => self.machines[machine].busy -= 1,
        }
        self.complete(job);
    }

    fn complete(&mut self, job: usize) {
        let Job { owner, status, .. } = self.jobs[job];
        self.executed(job, Some(status));
        if self.tries[owner].over {
            return;
        }
        let build = Some(self.given.instances[self.jobs[job].machine].build);
        self.close(owner, Attempt::Served { status });
        let arrival = self.tries[owner].arrival;
        self.tell(
            &arrival,
            Seen::Answer {
                status,
                build,
                complete: true,
            },
        );
        let tried = &self.tries[owner];
        let mut idle = tried.connection.expect("a served try has a connection");
        idle.since = self.now;
        let (lane, member) = (tried.lane, tried.member);
        self.lanes[lane].idle.entry(member).or_default().push(idle);
    }

    fn executed(&mut self, job: usize, status: Option<u16>) {
        let record = &mut self.jobs[job];
        record.over = true;
        let view = &self.given.instances[record.machine];
        self.ledgers.instances.push(InstanceEntry {
            id: self.tries[record.owner].arrival.id,
            address: view.address,
            build: view.build,
            started: record.started,
            ended: self.now,
            status,
        });
    }

    fn fail(&mut self, index: usize, fault: Fault) {
        if self.tries[index].over {
            return;
        }
        let Try {
            arrival,
            lane,
            attempt,
            member,
            ..
        } = self.tries[index];
        let status = match retry_rule(attempt, fault, &self.given.knobs) {
            Verdict::Answer(status) => status,
            Verdict::Retry { otherwise } => match self.pick(lane, Some(member)) {
                Some(other) => {
                    self.close(index, Attempt::Retried(fault));
                    self.dispatch(arrival, lane, other, attempt + 1);
                    return;
                }
                None => otherwise,
            },
        };
        self.close(index, Attempt::Failed { fault, status });
        self.tell(&arrival, answered(status));
    }

    fn leave(&mut self, index: usize) {
        if !self.tries[index].over {
            self.close(index, Attempt::ClientGone);
            let arrival = self.tries[index].arrival;
            self.tell(&arrival, Seen::TimedOut);
        }
    }

    fn cut(&mut self, lane: usize, members: &[Ipv4Addr]) {
        for index in 0..self.tries.len() {
            let tried = &self.tries[index];
            if !tried.over && tried.lane == lane && members.contains(&tried.member) {
                let arrival = tried.arrival;
                self.close(index, Attempt::Cut);
                self.tell(&arrival, Seen::Reset);
            }
        }
    }

    fn control(&mut self, index: usize) {
        match self.given.events[index].event.clone() {
            Event::GatewayApplied {
                instance,
                generation,
                pools,
                ..
            } => {
                let members = pools[0].1.clone();
                let lane = &mut self.lanes[usize::from(instance)];
                lane.generation = generation;
                let before = std::mem::replace(&mut lane.members, members.clone());
                let removed: Vec<_> = before
                    .into_iter()
                    .filter(|member| !members.contains(member))
                    .collect();
                let at = self.now + self.given.drain_timeout;
                self.add(at, Happening::Cut(usize::from(instance), removed));
            }
            Event::MemberHealth {
                instance,
                address,
                healthy,
                ..
            } => {
                let down = &mut self.lanes[usize::from(instance)].down;
                down.retain(|member| *member != address || !healthy);
                if !healthy {
                    down.push(address);
                }
            }
            Event::BackendHealth {
                load_balancer,
                address,
                healthy,
                ..
            } => {
                let mut tables = self.given.balancers.iter_mut();
                let table = tables
                    .find(|table| table.load_balancer == load_balancer)
                    .expect("it is known");
                let own = &mut table.rules[0].healthy;
                own.retain(|member| *member != address);
                if healthy {
                    own.push(address);
                    own.sort_unstable();
                }
            }
            Event::InstanceStopped { address, .. } => self.kill(self.machine(address)),
            _ => {}
        }
    }

    fn kill(&mut self, machine: usize) {
        self.machines[machine].dead = true;
        let mut hit: Vec<usize> = (0..self.jobs.len())
            .filter(|job| !self.jobs[*job].over && self.jobs[*job].machine == machine)
            .collect();
        for job in &hit {
            self.executed(*job, None);
        }
        hit.sort_by_key(|job| {
            let tried = &self.tries[self.jobs[*job].owner];
            (tried.arrival.id, tried.attempt)
        });
        for job in hit {
            self.fail(self.jobs[job].owner, Fault::Reset);
        }
    }

    fn close(&mut self, index: usize, outcome: Attempt) {
        let tried = &mut self.tries[index];
        tried.over = true;
        self.ledgers.gateway.push(GatewayEntry {
            id: tried.arrival.id,
            instance: u16::try_from(tried.lane).expect("a few lanes"),
            generation: tried.generation,
            member: Some(tried.member),
            attempt: tried.attempt,
            dispatched: tried.dispatched,
            ended: self.now,
            outcome,
        });
    }

    fn tell(&mut self, arrival: &Arrival, seen: Seen) {
        self.ledgers.clients.push(crate::ledger::ClientEntry {
            id: arrival.id,
            class: arrival.class,
            connection: arrival.connection,
            user: arrival.client,
            contract: Contract::Kept,
            due: arrival.due,
            ended: self.now,
            seen,
        });
    }

    fn machine(&self, address: Ipv4Addr) -> usize {
        let mut views = self.given.instances.iter();
        views
            .position(|view| view.address == address)
            .expect("it is known")
    }
}
