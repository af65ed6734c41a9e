//! How requests end: as foreseen, by a retry, a cut, or the death of their instance.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::Traffic;
use super::dispatch::answered;
use super::flight::{Fate, Flight, Run};
use crate::data_plane::gateway::TargetId;
use crate::data_plane::gateway::retry::{Verdict, may_repeat, retry_rule};
use crate::data_plane::network::Network;
use crate::ledger::{Attempt, Contract, Fault, RequestClass, Seen};
use crate::time::Instant;

/// Which requests of a gateway instance are cut.
#[derive(Clone, Debug)]
pub(crate) struct Cut<'a> {
    /// The gateway's slot.
    pub(crate) gateway: usize,
    /// Its instance.
    pub(crate) instance: usize,
    /// Only those to this pool and settings; all when `None`.
    pub(crate) target: Option<TargetId>,
    /// Only those dispatched so.
    pub(crate) scope: CutScope,
    /// Only those to these members; all when `None`.
    pub(crate) members: Option<&'a [Ipv4Addr]>,
}

/// Which dispatches a cut means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutScope {
    /// By this configuration generation or an earlier one.
    UpToGeneration(u64),
    /// Before this instant.
    DispatchedBefore(Instant),
}

impl CutScope {
    /// Whether a dispatch by a generation at an instant is meant.
    #[must_use]
    pub fn means(self, generation: u64, dispatched: Instant) -> bool {
        match self {
            Self::UpToGeneration(last) => generation <= last,
            Self::DispatchedBefore(at) => dispatched < at,
        }
    }
}

impl Cut<'_> {
    fn means(&self, flight: &Flight) -> bool {
        (flight.lane.gateway, flight.lane.instance) == (self.gateway, self.instance)
            && self.target.is_none_or(|target| target == flight.target)
            && self.scope.means(flight.generation, flight.dispatched)
            && self
                .members
                .is_none_or(|members| members.contains(&flight.member.0))
    }
}

impl Traffic {
    /// A flight ends as foreseen, and something follows from it.
    pub(super) fn end(&mut self, network: &mut Network, flight: Flight) {
        let now = flight.ends;
        match flight.fate {
            Fate::Served(status) => {
                self.served(&flight, status);
                return;
            }
            Fate::ClientGone => {
                self.close_client(&flight);
                self.books.gateway(&flight, now, Attempt::ClientGone);
                let source = flight.lane.source;
                self.tell(source, &flight.arrival, now, Seen::TimedOut, Contract::Kept);
            }
            Fate::Failed(fault) => self.fail(network, &flight, fault, now),
        }
        self.outlive(&flight, now);
    }

    /// Cuts what a gateway instance no longer serves; how many by member.
    pub(crate) fn cut(&mut self, now: Instant, cut: &Cut<'_>) -> BTreeMap<Ipv4Addr, u64> {
        let mut counts = BTreeMap::new();
        for flight in self.take_flights(now, |flight| cut.means(flight)) {
            *counts.entry(flight.member.0).or_default() += 1;
            self.books.gateway(&flight, now, Attempt::Cut);
            let (source, seen) = (flight.lane.source, broken_off(&flight, now));
            self.tell(source, &flight.arrival, now, seen, Contract::Kept);
            self.close_client(&flight);
            self.lane(flight.lane.gateway, flight.lane.instance)
                .pool
                .close(flight.member, flight.connection);
            self.outlive(&flight, now);
        }
        counts
    }

    /// Breaks every flow to an instance. If the instance died, its executions die with it.
    pub(crate) fn break_flows(
        &mut self,
        network: &mut Network,
        now: Instant,
        slot: usize,
        died: bool,
    ) {
        let at_slot = |run: &Run| run.slot == slot;
        let flights = self.take_flights(now, |flight| flight.run.as_ref().is_some_and(at_slot));
        if died {
            for run in self.runs.take_if(at_slot) {
                self.books.instance(&run, now, None);
            }
        }
        for flight in flights {
            match flight.run {
                Some(run) if died => self.books.instance(&run, now, None),
                _ => self.outlive(&flight, now),
            }
            self.fail(network, &flight, Fault::Reset, now);
        }
    }

    /// An execution that outlived its gateway attempt finishes.
    pub(super) fn finish(&mut self, run: &Run) {
        if let Some((ended, status)) = run.finishes {
            self.books.instance(run, ended, Some(status));
        }
    }

    /// An answer has been passed on whole, and something may follow from it.
    fn served(&mut self, flight: &Flight, status: u16) {
        self.books.served(flight);
        let Some(run) = &flight.run else { return };
        let source = flight.lane.source;
        if flight.arrival.class == RequestClass::Session {
            let client = self.sources[source].clients.get(flight.arrival.client);
            client.memory.learn(status, run.build);
        }
        self.follow_up(source, &flight.arrival, flight.ends, run.answer(status));
    }

    /// A member failed: another is tried, or the gateway answers for it.
    fn fail(&mut self, network: &mut Network, flight: &Flight, fault: Fault, now: Instant) {
        let answering = flight.run.is_some() && flight.first_byte < now;
        if flight.lane.is_direct() {
            self.fail_directly(flight, now, broken_off(flight, now));
            return;
        }
        let verdict = retry_rule(flight.attempt, fault, &network.knobs);
        let status = match verdict {
            Verdict::Retry { otherwise } => {
                let repeats = may_repeat(flight.arrival.class, fault, &network.knobs);
                let order = (!answering && repeats)
                    .then(|| self.reorder(network, flight))
                    .flatten();
                if let Some(order) = order {
                    self.books.gateway(flight, now, Attempt::Retried(fault));
                    let attempt = flight.attempt + 1;
                    self.fly(network, flight.lane, flight.arrival, attempt, order, now);
                    return;
                }
                otherwise
            }
            Verdict::Answer(status) => status,
        };
        self.books
            .gateway(flight, now, Attempt::Failed { fault, status });
        let seen = if answering {
            broken_off(flight, now)
        } else {
            answered(status)
        };
        let source = flight.lane.source;
        self.tell(source, &flight.arrival, now, seen, Contract::Kept);
    }

    /// The gateway is done with an execution that may still go on; one that writes its answer
    /// notices that nobody reads.
    fn outlive(&mut self, flight: &Flight, now: Instant) {
        let Some(run) = flight.run else { return };
        let writes = !flight.arrival.transfer.is_zero() && flight.first_byte <= now;
        match run.finishes.filter(|(finish, _)| !writes || *finish <= now) {
            Some((finish, _)) if finish > now => self.runs.add(run),
            Some(_) => self.finish(&run),
            None => self.books.instance(&run, now, None),
        }
    }

    fn close_client(&mut self, flight: &Flight) {
        if flight.arrival.is_kept() {
            let clients = &mut self.sources[flight.lane.source].clients;
            clients.get(flight.arrival.client).opened = None;
        }
    }
}

/// What a client sees when its connection ends at `now`: half an answer, or none.
fn broken_off(flight: &Flight, now: Instant) -> Seen {
    match flight.run {
        Some(Run {
            reports,
            finishes: Some((_, status)),
            ..
        }) if flight.first_byte < now => Seen::Answer {
            status,
            build: Some(reports),
            complete: false,
        },
        _ => Seen::Reset,
    }
}
