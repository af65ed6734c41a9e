//! The three ledgers joined on request id, each request in its outcome class.
//!
//! Classes and the conservation law are failure-catalogue.md D.1. A request has exactly one class;
//! losses win over violations, violations over lateness.

use std::fmt;
use std::ops::Range;

use serde::{Serialize, Serializer};
use turquoise_emulator::Instant;
use turquoise_emulator::ledger::{
    Attempt, Build, ClientEntry, ConnectionClass, GatewayEntry, InstanceEntry, RequestClass,
    RequestId, Seen,
};

use crate::observation::Observation;
use crate::timeline::Timeline;

/// How one request ended, over all three ledgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The expected status, whole, from an allowed side.
    Ok,
    /// As `Ok`, slower than the limit.
    Late,
    /// An error that the application made.
    AppError,
    /// An error that the gateway made.
    InfraError,
    /// The connection was refused.
    Refused,
    /// The connection ended before an answer.
    Reset,
    /// No answer in time.
    Timeout,
    /// An answer cut short.
    Truncated,
    /// A request that is not idempotent ran more than once.
    Duplicate,
    /// Answered by a side that the phase does not allow.
    WrongSide,
    /// Answered by a build nobody declared, or by another than ran it.
    WrongVersion,
    /// A stream that the gateway ended with its drain time-out: unavoidable after a write (F36),
    /// excused as far as it was declared beforehand, and itemised (Q7).
    StreamCut,
    /// Cancelled by the client for a reason of its own.
    ClientAbort,
}

impl Class {
    /// Every class, in the order reports list them.
    pub const ALL: [Self; 13] = [
        Self::Ok,
        Self::Late,
        Self::AppError,
        Self::InfraError,
        Self::Refused,
        Self::Reset,
        Self::Timeout,
        Self::Truncated,
        Self::Duplicate,
        Self::WrongSide,
        Self::WrongVersion,
        Self::StreamCut,
        Self::ClientAbort,
    ];

    /// The catalogue's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Late => "LATE",
            Self::AppError => "APP_ERR",
            Self::InfraError => "INFRA_5XX",
            Self::Refused => "REFUSED",
            Self::Reset => "RESET",
            Self::Timeout => "TIMEOUT",
            Self::Truncated => "TRUNCATED",
            Self::Duplicate => "DUPLICATE",
            Self::WrongSide => "WRONG_SIDE",
            Self::WrongVersion => "WRONG_VERSION",
            Self::StreamCut => "STREAM_CUT",
            Self::ClientAbort => "CLIENT_ABORT",
        }
    }

    /// Whether the client got no good answer and the infrastructure is why.
    #[must_use]
    pub const fn is_loss(self) -> bool {
        matches!(
            self,
            Self::InfraError | Self::Refused | Self::Reset | Self::Timeout | Self::Truncated
        )
    }

    /// Whether the answer came and broke a promise.
    #[must_use]
    pub const fn is_violation(self) -> bool {
        matches!(self, Self::Duplicate | Self::WrongSide | Self::WrongVersion)
    }

    /// Whether the client was served.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        matches!(self, Self::Ok | Self::Late)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The joined ledgers.
#[derive(Debug)]
pub(crate) struct Ledger<'a> {
    observation: &'a Observation,
    requests: Vec<Joined>,
    attempts: Vec<u32>,
    executions: Vec<u32>,
    contradictions: Vec<String>,
}

/// A run of places in an ordered index.
type Span = Range<usize>;

#[derive(Clone, Debug)]
struct Joined {
    client: u32,
    class: Class,
    attempts: Span,
    executions: Span,
}

/// One request in the joined ledgers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    ledger: &'a Ledger<'a>,
    joined: &'a Joined,
}

impl<'a> Ledger<'a> {
    /// Joins the ledgers of a run and classes every request.
    pub(crate) fn join(observation: &'a Observation, timeline: &Timeline) -> Self {
        let ledgers = &observation.ledgers;
        let clients = order(&ledgers.clients, |entry| entry.id);
        let mut ledger = Self {
            observation,
            requests: Vec::with_capacity(clients.len()),
            attempts: order(&ledgers.gateway, |entry| entry.id),
            executions: order(&ledgers.instances, |entry| entry.id),
            contradictions: Vec::new(),
        };
        ledger.claim(&clients);
        ledger.classify(timeline);
        ledger.count_sent();
        ledger
    }

    /// Every request that ended, by id.
    pub(crate) fn requests(&'a self) -> impl Iterator<Item = Request<'a>> {
        self.requests.iter().map(|joined| Request {
            ledger: self,
            joined,
        })
    }

    /// Where the ledgers contradict each other; empty when they obey the conservation law.
    pub(crate) fn contradictions(&self) -> &[String] {
        &self.contradictions
    }

    /// Requests that were sent and never ended.
    pub(crate) fn unresolved(&self) -> u64 {
        self.observation
            .sent
            .saturating_sub(self.requests.len() as u64)
    }

    /// Gives each client entry its attempts and executions; whatever nobody claims contradicts.
    fn claim(&mut self, clients: &[u32]) {
        let ledgers = &self.observation.ledgers;
        let mut attempts = Claims::new(&self.attempts, |index| ledgers.gateway[index].id);
        let mut executions = Claims::new(&self.executions, |index| ledgers.instances[index].id);
        let mut previous = None;
        for &client in clients {
            let id = ledgers.clients[client as usize].id;
            if previous.replace(id) == Some(id) {
                self.contradictions
                    .push(format!("request {id} ended twice at the client"));
            }
            self.requests.push(Joined {
                client,
                class: Class::Ok,
                attempts: attempts.claim(id),
                executions: executions.claim(id),
            });
        }
        let unclaimed = executions.finish();
        if let Some(id) = unclaimed.first {
            self.contradictions.push(format!(
                "{} executions belong to no request that ended, the first to request {id}",
                unclaimed.count
            ));
        }
    }

    fn classify(&mut self, timeline: &Timeline) {
        let classes: Vec<Class> = self
            .requests()
            .map(|request| request.classify(timeline))
            .collect();
        let unexecuted = self.requests().zip(&classes).find(|(request, class)| {
            class.is_ok() && request.executions().next().is_none() && request.is_success()
        });
        let unexecuted = unexecuted.map(|(request, _)| request.client().id);
        for (joined, class) in self.requests.iter_mut().zip(classes) {
            joined.class = class;
        }
        // Without any backend record (a real Azure) there is nothing to contradict.
        if let Some(id) = unexecuted.filter(|_| !self.executions.is_empty()) {
            self.contradictions
                .push(format!("request {id} was answered well but ran nowhere"));
        }
    }

    fn count_sent(&mut self) {
        let (sent, ended) = (self.observation.sent, self.requests.len() as u64);
        if sent != ended {
            self.contradictions
                .push(format!("{sent} requests were sent and {ended} ended"));
        }
    }
}

impl<'a> Request<'a> {
    /// The client's line.
    pub(crate) fn client(self) -> &'a ClientEntry {
        &self.ledger.observation.ledgers.clients[self.joined.client as usize]
    }

    /// The gateway's attempts, in order.
    pub(crate) fn attempts(self) -> impl DoubleEndedIterator<Item = &'a GatewayEntry> {
        let ledger = self.ledger;
        let gateway = &ledger.observation.ledgers.gateway;
        ledger.attempts[self.joined.attempts.clone()]
            .iter()
            .map(|index| &gateway[*index as usize])
    }

    /// Its executions by instances, in order.
    pub(crate) fn executions(self) -> impl DoubleEndedIterator<Item = &'a InstanceEntry> {
        let ledger = self.ledger;
        let instances = &ledger.observation.ledgers.instances;
        ledger.executions[self.joined.executions.clone()]
            .iter()
            .map(|index| &instances[*index as usize])
    }

    /// Its executions that may have had an effect. A queue offers a job again when the instance that
    /// had it died; what that one had not finished is undone.
    pub(crate) fn effects(self) -> impl DoubleEndedIterator<Item = &'a InstanceEntry> {
        let undone = self.client().class == RequestClass::Job;
        self.executions()
            .filter(move |execution| !undone || execution.status.is_some())
    }

    /// How it ended.
    pub(crate) fn class(self) -> Class {
        self.joined.class
    }

    /// Whether running it twice does harm.
    pub(crate) fn is_unrepeatable(self) -> bool {
        self.client().class.is_unrepeatable()
    }

    /// Whether its time is the system's and not its own: long requests and uploads take as long as
    /// they ask for.
    pub(crate) fn is_short(self) -> bool {
        self.client().class.is_short()
    }

    /// When it was last dispatched, else when it was due.
    pub(crate) fn dispatched(self) -> Instant {
        self.attempts()
            .next_back()
            .map_or_else(|| self.client().due, |attempt| attempt.dispatched)
    }

    /// The build that the answer named.
    pub(crate) fn build(self) -> Option<Build> {
        match self.client().seen {
            Seen::Answer { build, .. } => build,
            _ => None,
        }
    }

    fn is_success(self) -> bool {
        matches!(
            self.client().seen,
            Seen::Answer {
                status: 200..=299,
                ..
            }
        )
    }

    /// Whether the gateway ended it, as it does with streams that outlive a drain.
    fn is_cut_stream(self) -> bool {
        let last = self.attempts().next_back().map(|attempt| attempt.outcome);
        self.client().class.is_stream() && last == Some(Attempt::Cut)
    }

    fn classify(self, timeline: &Timeline) -> Class {
        match self.client().seen {
            _ if self.is_cut_stream() => Class::StreamCut,
            Seen::Aborted => Class::ClientAbort,
            Seen::Refused => Class::Refused,
            Seen::Reset => Class::Reset,
            Seen::TimedOut => Class::Timeout,
            Seen::Answer {
                complete: false, ..
            } => Class::Truncated,
            Seen::Answer { status, .. } if status >= 400 => self.whose_error(status),
            Seen::Answer { build, .. } => self.judge_answer(build, timeline),
        }
    }

    /// An error is the application's only where an instance recorded it and the gateway passed it
    /// on; everything else is the infrastructure's.
    fn whose_error(self, status: u16) -> Class {
        let recorded = self
            .executions()
            .any(|execution| execution.status == Some(status));
        let last = self.attempts().next_back().map(|attempt| attempt.outcome);
        let passed_on = last.is_none_or(|outcome| matches!(outcome, Attempt::Served { .. }));
        if recorded && passed_on {
            Class::AppError
        } else {
            Class::InfraError
        }
    }

    fn judge_answer(self, build: Option<Build>, timeline: &Timeline) -> Class {
        if self.is_unrepeatable() && self.effects().count() > 1 {
            return Class::Duplicate;
        }
        if let Some(build) = build {
            let executed = self.executions().map(|execution| execution.build);
            if self.executions().next().is_some() && !executed.into_iter().any(|ran| ran == build) {
                return Class::WrongVersion;
            }
            let declared = &self.ledger.observation.declared;
            let Some(role) = declared.role_of_build(build) else {
                return Class::WrongVersion;
            };
            let at = self.dispatched();
            let permits = |at| timeline.allowed_at(at).permits(role);
            let same_build = declared.old.build == declared.new.build;
            // Whoever bypasses the gateway was sent by nobody.
            let sent = self.client().connection != ConnectionClass::Direct;
            if sent && !same_build && !permits(at) && !permits(at - declared.policy.epsilon) {
                return Class::WrongSide;
            }
        }
        self.judge_age()
    }

    fn judge_age(self) -> Class {
        let observation = self.ledger.observation;
        let age = observation.felt(self.client().ended.since(self.client().due));
        match observation.declared.policy.late {
            Some(limit) if self.is_short() && age > limit => Class::Late,
            _ => Class::Ok,
        }
    }
}

/// Indices of entries with an id, by id; entries of one id stay in the order they were written.
fn order<T>(entries: &[T], id: impl Fn(&T) -> RequestId) -> Vec<u32> {
    let largest = entries.iter().map(&id).max().unwrap_or_default();
    match usize::try_from(largest) {
        Ok(largest) if largest / DENSITY <= entries.len() => by_counting(entries, id, largest),
        _ => by_sorting(entries, id),
    }
}

/// Ids up to this many times the number of entries are dense enough to be counted.
const DENSITY: usize = 4;

/// Generators number requests from 1, so that counting how many entries come before each id places
/// them all in two passes; a campaign joins ledgers without end.
fn by_counting<T>(entries: &[T], id: impl Fn(&T) -> RequestId, largest: usize) -> Vec<u32> {
    let place = |entry| usize::try_from(id(entry)).expect("because no id is above the largest");
    let mut next = vec![0_usize; largest + 2];
    for entry in entries {
        next[place(entry) + 1] += 1;
    }
    // Entries without an id (0) are left out.
    next[1] = 0;
    // Now `next[id + 1]` counts the entries of an id; summed up, `next[id]` is where they begin.
    for id in 1..next.len() {
        next[id] += next[id - 1];
    }
    let mut order = vec![0; next[largest + 1]];
    for (index, entry) in indices(entries).zip(entries) {
        let id = place(entry);
        if id != 0 {
            order[next[id]] = index;
            next[id] += 1;
        }
    }
    order
}

fn by_sorting<T>(entries: &[T], id: impl Fn(&T) -> RequestId) -> Vec<u32> {
    let mut order: Vec<u32> = indices(entries)
        .filter(|index| id(&entries[*index as usize]) != 0)
        .collect();
    // Ledgers are written nearly in order of id, which a stable merge sort takes in one pass.
    order.sort_by_key(|index| id(&entries[*index as usize]));
    order
}

fn indices<T>(entries: &[T]) -> Range<u32> {
    0..u32::try_from(entries.len()).expect("because a run has fewer than 2^32 entries")
}

/// Hands out runs of equal id from an ordered index, in order of id.
struct Claims<'a, F> {
    order: &'a [u32],
    id: F,
    next: usize,
    unclaimed: Unclaimed,
}

#[derive(Clone, Copy, Default)]
struct Unclaimed {
    count: u64,
    first: Option<RequestId>,
}

impl<'a, F: Fn(usize) -> RequestId> Claims<'a, F> {
    fn new(order: &'a [u32], id: F) -> Self {
        Self {
            order,
            id,
            next: 0,
            unclaimed: Unclaimed::default(),
        }
    }

    fn claim(&mut self, id: RequestId) -> Span {
        while self.peek().is_some_and(|next| next < id) {
            self.skip();
        }
        let start = self.next;
        while self.peek() == Some(id) {
            self.next += 1;
        }
        start..self.next
    }

    fn finish(mut self) -> Unclaimed {
        while self.peek().is_some() {
            self.skip();
        }
        self.unclaimed
    }

    fn peek(&self) -> Option<RequestId> {
        self.order
            .get(self.next)
            .map(|index| (self.id)(*index as usize))
    }

    fn skip(&mut self) {
        self.unclaimed.first = self.unclaimed.first.or_else(|| self.peek());
        self.unclaimed.count += 1;
        self.next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_and_sorting_place_entries_alike() {
        for ids in [
            &[][..],
            &[0],
            &[1],
            &[3, 1, 2, 1, 0, 3],
            &[5, 5, 5],
            &[0, 2, 0, 9, 4, 9],
        ] {
            let largest = ids.iter().copied().max().unwrap_or_default();
            let largest = usize::try_from(largest).expect("the ids are small");
            let counted = by_counting(ids, |id| *id, largest);
            assert_eq!(counted, by_sorting(ids, |id| *id), "{ids:?}");
        }
    }

    #[test]
    fn ids_far_apart_cost_no_more_than_their_entries() {
        let ids = [u64::MAX, 7, 1 << 40, 7];
        assert_eq!(order(&ids, |id| *id), [1, 3, 2, 0]);
    }
}
