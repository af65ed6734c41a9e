//! Simulated traffic: requests from clients through gateways and load balancers to instances.
//!
//! Traffic is advanced lazily, up to each instant at which a table or an instance changes, in one
//! pass per request: with requests taken in order of time, everything that decides one is known
//! when it is dispatched, so its end is computed then ([`WorkQueue`]). An end beyond the horizon
//! is provisional ([`Flight`]): a kill, a drain cut or a stopped gateway may still change it. There
//! is no timer and no task per request. Its tests hold this against an event heap, request by
//! request, and against queueing theory.
//!
//! Results do not depend on how often traffic is advanced: arrivals due at an instant come after
//! everything else that happens then, and the ledgers are given out in order of end.
//!
//! [`WorkQueue`]: super::work_queue::WorkQueue
//! [`Flight`]: flight::Flight

mod arrival;
mod attempt;
mod backend_pool;
mod books;
mod calendar;
mod clients;
mod direct;
mod dispatch;
mod ending;
mod flight;
#[cfg(test)]
pub(crate) mod reference;
mod single;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub use arrival::{Arrival, Arrivals, CloneArrivals};
pub(crate) use clients::Memory;
pub(crate) use ending::Cut;
pub use ending::CutScope;
pub use single::{Through, ThroughAnswer};

use super::network::Network;
use crate::ledger::{Contract, Finished, Ledgers, RequestId, Seen};
use crate::seed::Seed;
use crate::time::Instant;
use backend_pool::BackendPool;
use books::Books;
use calendar::Calendar;
use clients::Clients;
use flight::{Flight, PendingSet, Run};

/// All traffic of a data plane.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    seeds: Seeds,
    sources: Vec<Source>,
    /// What gateway instances keep between requests, by slot and instance.
    lanes: Vec<Vec<LaneState>>,
    /// Requests whose answer is foreseen and from which nothing follows.
    answers: Calendar,
    /// All others: what follows from their ends follows in order.
    flights: PendingSet<Flight>,
    /// Executions whose gateway attempt has ended already.
    runs: PendingSet<Run>,
    books: Books,
    /// Nothing changes before this instant: what ends until then is final.
    horizon: Instant,
    singles: u64,
    /// What clients and queues do later because of what happened, by when and request.
    later: BTreeMap<(Instant, RequestId), Pending>,
}

/// Something that is due because of an earlier request.
#[derive(Clone, Copy, Debug)]
enum Pending {
    /// A source's client sends another request.
    Follows(usize, Arrival),
    /// A job waits in its queue.
    Job(usize, Arrival),
}

/// One child of the seed tree per kind of draw.
#[derive(Clone, Copy, Debug)]
struct Seeds {
    service: Seed,
    instance: Seed,
    client: Seed,
    port: Seed,
}

impl Seeds {
    /// An ephemeral port for a new flow, drawn for the request and attempt that open it.
    fn source_port(&self, (id, attempt): (RequestId, u8)) -> u16 {
        let draw = self.port.at(id).at(u64::from(attempt));
        1_024 + u16::try_from(draw.below(64_512)).unwrap_or_default()
    }
}

/// Clients that call one frontend.
#[derive(Clone, Debug)]
struct Source {
    frontend: (Ipv4Addr, u16),
    host: String,
    arrivals: Box<dyn Arrivals>,
    next: Option<Arrival>,
    clients: Clients,
    /// The gateway that has the frontend, once found.
    gateway: Option<usize>,
    /// Where the frontend's requests go, by gateway instance, and the table that said so.
    routes: Vec<(u64, dispatch::Hit)>,
}

/// What a gateway instance keeps between requests.
#[derive(Clone, Debug, Default)]
struct LaneState {
    /// Requests dispatched so far: whose turn it is.
    counter: u64,
    pool: BackendPool,
}

impl Traffic {
    /// No traffic yet.
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            seeds: Seeds {
                service: seed.child("service time"),
                instance: seed.child("gateway instance"),
                client: seed.child("client"),
                port: seed.child("source port"),
            },
            sources: Vec::new(),
            lanes: Vec::new(),
            answers: Calendar::default(),
            flights: PendingSet::default(),
            runs: PendingSet::default(),
            books: Books::default(),
            horizon: Instant::ZERO,
            singles: 0,
            later: BTreeMap::new(),
        }
    }

    /// Adds clients that call a frontend.
    pub(crate) fn add_source(
        &mut self,
        frontend: (Ipv4Addr, u16),
        host: &str,
        mut arrivals: Box<dyn Arrivals>,
    ) {
        self.sources.push(Source {
            frontend,
            host: host.to_owned(),
            next: arrivals.next(),
            arrivals,
            clients: Clients::default(),
            gateway: None,
            routes: Vec::new(),
        });
    }

    /// Lets everything happen that is due up to `until`; arrivals due at `until` itself wait.
    pub(crate) fn advance(&mut self, network: &mut Network, until: Instant) {
        self.horizon = until;
        loop {
            let arrival = self.next_arrival().filter(|(due, _)| *due < until);
            let limit = arrival.map_or(until, |(due, _)| due);
            if let Some(flight) = self.flights.pop_due(limit) {
                self.end(network, flight);
            } else if let Some((now, source)) = arrival {
                match source {
                    Some(source) => self.arrive(network, source),
                    None => self.follow(network, now),
                }
            } else {
                break;
            }
        }
        while let Some(run) = self.runs.pop_due(until) {
            self.finish(&run);
        }
        let books = &mut self.books;
        self.answers.give_out(until, |flight| books.served(flight));
    }

    /// Whether every source is exhausted and every request has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.sources.iter().all(|source| source.next.is_none())
            && self.later.is_empty()
            && self.flights.is_empty()
            && self.runs.is_empty()
            && self
                .answers
                .iter()
                .all(|flight| flight.ends <= self.horizon)
    }

    /// Requests that an instance works on.
    pub(crate) fn in_flight(&self, slot: usize) -> u64 {
        let at_slot = |run: &Run| run.slot == slot;
        let under_way = self.answers.iter().filter(|it| it.ends > self.horizon);
        let flights = under_way.chain(self.flights.iter());
        let answering = flights.filter(|it| it.run.as_ref().is_some_and(at_slot));
        let outlived = self.runs.iter().filter(|run| at_slot(run));
        (answering.count() + outlived.count()) as u64
    }

    /// Takes the ledger entries of what ended before `now`.
    pub(crate) fn drain_ledgers(&mut self, now: Instant) -> Ledgers {
        for flight in self.answers.take_ended(now) {
            self.books.served(&flight);
        }
        self.books.drain_before(now)
    }

    /// Up to when everything has happened.
    pub(crate) fn horizon(&self) -> Instant {
        self.horizon
    }

    /// How many requests came to a good end and were not taken.
    pub(crate) fn finished(&self) -> usize {
        self.books.finished()
    }

    /// Takes what ended before the instant up to which answers have been given out.
    pub(crate) fn drain_finished(&mut self, finished: &mut Finished) {
        finished.until = self.answers.given_out();
        self.books.finished_before(finished);
    }

    /// Takes out attempts under way that meet a condition, in an order that is the same in every
    /// run.
    fn take_flights(&mut self, now: Instant, wanted: impl Fn(&Flight) -> bool) -> Vec<Flight> {
        let mut taken = self.answers.take_if(now, &wanted);
        taken.extend(self.flights.take_if(&wanted));
        taken.sort_by_key(|flight| (flight.arrival.id, flight.attempt, flight.ends));
        taken
    }

    /// When the next request is due, and from which source; from none when it follows an earlier
    /// one.
    fn next_arrival(&self) -> Option<(Instant, Option<usize>)> {
        let later = self.later.first_key_value().map(|((at, _), _)| (*at, None));
        self.sources
            .iter()
            .enumerate()
            .filter_map(|(index, source)| Some((source.next?.due, Some(index))))
            .chain(later)
            .min()
    }

    /// What is due because of an earlier request happens.
    fn follow(&mut self, network: &mut Network, now: Instant) {
        match self.later.pop_first() {
            Some((_, Pending::Follows(source, arrival))) => self.send(network, source, arrival),
            Some((_, Pending::Job(source, job))) => self.bypass(network, source, job, now),
            None => {}
        }
    }

    /// A client knows how its request ended, and may send another because of it.
    fn tell(
        &mut self,
        source: usize,
        arrival: &Arrival,
        ended: Instant,
        seen: Seen,
        contract: Contract,
    ) {
        self.books.client(arrival, ended, seen, contract);
        self.follow_up(source, arrival, ended, seen);
    }

    /// What a client does because a request of its ended so.
    fn follow_up(&mut self, source: usize, arrival: &Arrival, ended: Instant, seen: Seen) {
        if arrival.follows == 0 {
            return;
        }
        let arrivals = &mut self.sources[source].arrivals;
        if let Some(next) = arrivals.after(arrival, ended, seen) {
            let due = next.due.max(ended);
            let follows = Pending::Follows(source, Arrival { due, ..next });
            self.later.insert((due, next.id), follows);
        }
    }

    fn lane(&mut self, gateway: usize, instance: usize) -> &mut LaneState {
        if gateway >= self.lanes.len() {
            self.lanes.resize_with(gateway + 1, Vec::new);
        }
        let instances = &mut self.lanes[gateway];
        if instance >= instances.len() {
            instances.resize_with(instance + 1, LaneState::default);
        }
        &mut instances[instance]
    }
}
