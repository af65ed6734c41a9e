//! A run judged while it goes on: requests in, counts out.
//!
//! Nearly every request is *ordinary*: one attempt, one execution, a good answer, from a side that
//! was allowed, by a configuration that was in use. No oracle has anything to say about such a one,
//! so it is counted, its latency and its part in gaps are noted, and it is forgotten. Every other
//! is kept, and judged at the end by the same oracles as a small run's
//! ([`judge_folded`](crate::verdict::judge_folded)).

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use turquoise_emulator::ledger::{
    Attempt, ClientEntry, ConnectionClass, Contract, Exchange, Finished, Ledgers, Seen,
};
use turquoise_emulator::{Event, Instant, Timed};

use super::gaps::Series;
use super::witness::{Reading, Witnesses};
use crate::gap::{Gaps, Kind};
use crate::latency::{Latencies, Percentiles};
use crate::observation::{Declared, Outcome, PhaseMark, Role};
use crate::timeline::Timeline;
use crate::trace::Digest;

/// Latencies above an hour count as an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// What is left of a run's requests.
#[derive(Debug)]
pub(crate) struct Folded {
    /// Requests that were counted and forgotten.
    pub(crate) ordinary: u64,
    /// All others, and some of the ordinary ones as witnesses.
    pub(crate) kept: Ledgers,
    /// The digest of every entry, kept or not.
    pub(crate) digest: Digest,
    /// The longest gaps over all requests.
    pub(crate) gaps: Gaps,
    /// Latencies over all requests.
    pub(crate) latencies: Latencies,
}

/// What the judge has heard of the run besides its requests.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    pub(super) events: Vec<Timed>,
    pub(super) phases: Vec<PhaseMark>,
    /// When the orchestrator ended, and how.
    pub(super) ended: Option<(Instant, Option<Outcome>)>,
}

impl News {
    /// What a data plane's own history says of the configurations in use.
    pub(super) fn of_events(events: &[Timed]) -> Self {
        let applied = |timed: &&Timed| matches!(timed.event, Event::GatewayApplied { .. });
        Self {
            events: events.iter().filter(applied).cloned().collect(),
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.phases.is_empty() && self.ended.is_none()
    }
}

/// A judgement under way.
#[derive(Debug)]
pub(super) struct Fold {
    seed: u64,
    declared: Declared,
    baseline_start: Instant,
    swap_start: Instant,
    /// No short request ends later than this after it was due.
    patience: Duration,
    heard: News,
    timeline: Timeline,
    /// Nothing that is known changed at or after this instant.
    settled: Instant,
    /// What gateway instances were found to do rightly since then, by instance and role.
    approved: Vec<[Option<u64>; 2]>,
    ordinary: u64,
    kept: Ledgers,
    digest: Digest,
    /// By window and connection class ([`kind_of`]): over all gateway instances, then over each.
    series: [Vec<Series>; KINDS],
    latencies: [Histogram<u64>; 2],
    witnesses: Witnesses,
    order: Vec<(Instant, usize)>,
}

impl Fold {
    /// A judgement of what was declared; the baseline begins and ends at these instants. No client
    /// waits longer than `patience` for a short request.
    pub(super) fn new(
        seed: u64,
        declared: Declared,
        window: (Instant, Instant),
        patience: Duration,
    ) -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, LONGEST_NS, 3)
                .expect("because an hour in nanoseconds and three digits are allowed")
        };
        Self {
            seed,
            timeline: Timeline::so_far(&declared, &[], &[]),
            declared,
            baseline_start: window.0,
            swap_start: window.1,
            patience,
            heard: News::default(),
            settled: Instant::ZERO,
            approved: Vec::new(),
            ordinary: 0,
            kept: Ledgers::default(),
            digest: Digest::default(),
            series: Default::default(),
            latencies: [histogram(), histogram()],
            witnesses: Witnesses::default(),
            order: Vec::new(),
        }
    }

    /// Hears of what happened before the requests told next came to their ends.
    pub(super) fn hear(&mut self, news: News) {
        if news.is_empty() {
            return;
        }
        let events = news.events.iter().map(|timed| timed.at);
        let phases = news.phases.iter().map(|mark| mark.at);
        let ended = news.ended.iter().map(|(at, _)| *at);
        let last = events.chain(phases).chain(ended).max();
        self.settled = self.settled.max(last.unwrap_or_default());
        self.heard.events.extend(news.events);
        self.heard.phases.extend(news.phases);
        self.heard.ended = self.heard.ended.or(news.ended);
        let (phases, events) = (&self.heard.phases, &self.heard.events);
        self.timeline = Timeline::so_far(&self.declared, phases, events);
        self.approved.clear();
    }

    /// Reads what came to its end.
    pub(super) fn read(&mut self, finished: &Finished) {
        let Finished {
            exchanges, others, ..
        } = finished;
        let mut reading = Reading::default();
        for exchange in exchanges {
            self.digest = self.digest.add(Digest::of_exchange(self.seed, exchange));
            self.sort(&mut reading, exchange);
        }
        self.witnesses.finish(reading);
        self.digest = self.digest.add(Digest::of_ledgers(self.seed, others));
        self.time(exchanges, others);
        self.kept.clients.extend(&others.clients);
        self.kept.gateway.extend(&others.gateway);
        self.kept.instances.extend(&others.instances);
    }

    /// What is left, once everything has been read.
    pub(super) fn finish(self) -> Folded {
        let (witnesses, count) = self.witnesses.into_ledgers();
        let mut kept = self.kept;
        kept.clients.extend(witnesses.clients);
        kept.gateway.extend(witnesses.gateway);
        kept.instances.extend(witnesses.instances);
        kept.clients.sort_by_key(|entry| (entry.ended, entry.id));
        kept.gateway.sort_by_key(|entry| (entry.ended, entry.id));
        kept.instances.sort_by_key(|entry| (entry.ended, entry.id));
        Folded {
            ordinary: self.ordinary - count,
            kept,
            digest: self.digest,
            gaps: gaps(self.series),
            latencies: Latencies {
                baseline: percentiles(&self.latencies[0]),
                swap: percentiles(&self.latencies[1]),
            },
        }
    }

    /// Counts an ordinary request and keeps any other.
    fn sort<'e>(&mut self, reading: &mut Reading<'e>, exchange: &'e Exchange) {
        match self.ordinary_role(exchange) {
            Some(role) => {
                self.ordinary += 1;
                self.witnesses.see(reading, role, exchange);
            }
            None => self.kept.add(exchange),
        }
    }

    /// The side of an ordinary request.
    fn ordinary_role(&mut self, exchange: &Exchange) -> Option<Role> {
        let Exchange {
            client,
            gateway,
            instance,
        } = exchange;
        let Seen::Answer {
            status: status @ 200..=299,
            build: Some(build),
            complete: true,
        } = client.seen
        else {
            return None;
        };
        let agree = client.contract == Contract::Kept
            && gateway.outcome == Attempt::Served { status }
            && instance.status == Some(status)
            && instance.build == build;
        let role = self.declared.role_of(gateway.member?)?;
        let ordinary =
            agree && self.declared.side(role).build == build && self.is_allowed(role, exchange);
        ordinary.then_some(role)
    }

    /// Whether the side was allowed and the configuration in use when the request was dispatched.
    /// What was allowed once since the last news stays so until the next.
    fn is_allowed(&mut self, role: Role, exchange: &Exchange) -> bool {
        let gateway = &exchange.gateway;
        let place = usize::from(gateway.instance);
        let settled = gateway.dispatched >= self.settled;
        if settled
            && let Some(approved) = self.approved.get(place)
            && approved[role as usize] == Some(gateway.generation)
        {
            return true;
        }
        let Some(lasts) = self.allows(role, exchange) else {
            return false;
        };
        if settled && lasts {
            if place >= self.approved.len() {
                self.approved.resize(place + 1, [None; 2]);
            }
            self.approved[place][role as usize] = Some(gateway.generation);
        }
        true
    }

    /// Whether a dispatch is right beyond any slack; and whether that lasts as long as there is no
    /// news.
    fn allows(&self, role: Role, exchange: &Exchange) -> Option<bool> {
        let (gateway, timeline) = (&exchange.gateway, &self.timeline);
        let at = gateway.dispatched;
        let (members, replaced) = timeline.generation(gateway.instance, gateway.generation)?;
        let member = members.contains(&gateway.member?);
        let in_use = replaced.is_none_or(|replaced| at <= replaced);
        let after = match self.heard.ended {
            Some((ended, outcome)) if at > ended => {
                serving(outcome).is_none_or(|serving| serving == role)
            }
            _ => true,
        };
        let right = member && in_use && after && timeline.allowed_at(at).permits(role);
        right.then_some(replaced.is_none())
    }

    /// Notes latencies and gaps of the short requests among them, in order of their ends.
    fn time(&mut self, exchanges: &[Exchange], others: &Ledgers) {
        let mut order = std::mem::take(&mut self.order);
        let all = exchanges.iter().map(|it| &it.client).chain(&others.clients);
        let short = all.enumerate().filter(|(_, it)| it.class.is_short());
        order.clear();
        order.extend(short.map(|(place, it)| (it.ended, place)));
        order.sort_unstable();
        let last: BTreeMap<u64, u16> = others
            .gateway
            .iter()
            .map(|attempt| (attempt.id, attempt.instance))
            .collect();
        for &(_, place) in &order {
            match exchanges.get(place) {
                Some(it) => self.note(&it.client, Some(it.gateway.instance)),
                None => {
                    let client = &others.clients[place - exchanges.len()];
                    self.note(client, last.get(&client.id).copied());
                }
            }
        }
        self.order = order;
    }

    fn note(&mut self, client: &ClientEntry, instance: Option<u16>) {
        let during = client.due >= self.swap_start;
        if client.due < self.baseline_start {
            return;
        }
        let ok = matches!(
            client.seen,
            Seen::Answer {
                status: 0..=399,
                complete: true,
                ..
            }
        );
        let after = matches!(self.heard.ended, Some((ended, _)) if client.due >= ended);
        if ok && !after {
            let took = client
                .ended
                .as_nanos()
                .saturating_sub(client.due.as_nanos());
            self.latencies[usize::from(during)].saturating_record(took.max(1));
        }
        let series = &mut self.series[kind_of(during, client.connection)];
        for place in [Some(0), instance.map(|it| usize::from(it) + 1)]
            .into_iter()
            .flatten()
        {
            if place >= series.len() {
                series.resize_with(place + 1, || Series::new(self.patience));
            }
            series[place].ended(client.due, client.ended, ok);
        }
    }
}

/// The side that serves alone after this outcome, where it says.
fn serving(outcome: Option<Outcome>) -> Option<Role> {
    match outcome? {
        Outcome::Completed => Some(Role::New),
        Outcome::RolledBack => Some(Role::Old),
        _ => None,
    }
}

/// Every connection class.
const CONNECTIONS: [ConnectionClass; 4] = [
    ConnectionClass::New,
    ConnectionClass::Reused,
    ConnectionClass::Multiplexed,
    ConnectionClass::Direct,
];
/// Every class before the swap, and every class from its start on.
const KINDS: usize = 2 * CONNECTIONS.len();

/// The place of a window and a class among all.
const fn kind_of(during: bool, connection: ConnectionClass) -> usize {
    during as usize * CONNECTIONS.len() + connection as usize
}

fn gaps(mut series: [Vec<Series>; KINDS]) -> Gaps {
    let [before, during] = [false, true].map(|during| {
        let mut longest = BTreeMap::new();
        for connection in CONNECTIONS {
            let of_class = std::mem::take(&mut series[kind_of(during, connection)]);
            for (place, series) in of_class.into_iter().enumerate() {
                let instance = place
                    .checked_sub(1)
                    .map(|it| u16::try_from(it).unwrap_or(u16::MAX));
                let kind: Kind = (connection, instance);
                if let Some(gap) = series.told() {
                    longest.insert(kind, gap);
                }
            }
        }
        longest
    });
    Gaps::new(before, during)
}

fn percentiles(of: &Histogram<u64>) -> Percentiles {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a latency in nanoseconds is far below 2^53"
    )]
    let at = |quantile| of.value_at_quantile(quantile) as f64 / 1e6;
    let at = |quantile| if of.is_empty() { 0.0 } else { at(quantile) };
    Percentiles {
        samples: of.len(),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
    }
}
