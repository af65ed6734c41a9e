//! Gaps: how long due requests of a kind waited for any answer of the application's (Q1).
//!
//! The catalogue's gap is the longest interval without an OK. An interval in which nothing was due
//! says nothing about the system, and random arrivals have such intervals; so a gap here begins
//! with the first request due after the last OK and ends with the next OK. Under steady load the
//! two agree to within one arrival. Raw time stamps, never bins (H07).

mod in_time;

use std::collections::BTreeMap;
use std::time::Duration;

use turquoise_emulator::Instant;
use turquoise_emulator::ledger::ConnectionClass;

use crate::ledger::{Ledger, Request};
use crate::observation::Observation;

/// One interval without a good answer while one was due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gap {
    /// When the first unanswered request was due, or the last OK before it if later.
    pub(crate) from: Instant,
    /// When the next OK came.
    pub(crate) to: Instant,
}

impl Gap {
    /// Its length in cloud time.
    pub(crate) fn length(self) -> Duration {
        self.to.since(self.from)
    }

    pub(crate) fn max_by_length(self, other: Self) -> Self {
        if other.length() > self.length() {
            other
        } else {
            self
        }
    }
}

/// What a series is about: a connection class, over all gateway instances or over one.
pub(crate) type Kind = (ConnectionClass, Option<u16>);

/// The longest gaps of every kind of request, before the swap and from its start on.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    before: BTreeMap<Kind, Longest>,
    during: BTreeMap<Kind, Longest>,
}

/// The longest gap of a series, and how dense the series was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Longest {
    /// The gap.
    pub(crate) gap: Gap,
    /// The longest gap in which several requests fell due and no instance took up or answered one
    /// well. A single one that waits is slow or lost, and one that is served for long is slow,
    /// which other invariants judge; where nobody is served, the service has a gap.
    pub(crate) shared: Gap,
    /// The mean time between arrivals; `None` for a single one. No gap finer than two of these
    /// can be seen (H08).
    pub(crate) mean_arrival: Option<Duration>,
}

impl Gaps {
    /// Measures the short requests of a run, in one pass.
    pub(crate) fn measure(observation: &Observation, ledger: &Ledger<'_>) -> Self {
        let window = observation.window;
        let (mut before, mut during) = (BTreeMap::new(), BTreeMap::new());
        for request in ledger.requests().filter(|request| request.is_short()) {
            let due = request.client().due;
            if due >= window.swap_start {
                add(&mut during, request);
            } else if due >= window.baseline_start {
                add(&mut before, request);
            }
        }
        Self {
            before: longest(before),
            during: longest(during),
        }
    }

    /// Gaps measured elsewhere.
    pub(crate) const fn new(
        before: BTreeMap<Kind, Longest>,
        during: BTreeMap<Kind, Longest>,
    ) -> Self {
        Self { before, during }
    }

    /// From the swap's start on.
    pub(crate) fn during(&self) -> impl Iterator<Item = (Kind, Longest)> {
        self.during.iter().map(|(kind, longest)| (*kind, *longest))
    }

    /// In the baseline, for the same kind.
    pub(crate) fn before(&self, kind: Kind) -> Longest {
        self.before.get(&kind).copied().unwrap_or_default()
    }

    /// The longest gap from the swap's start on, per connection class, as felt.
    pub(crate) fn by_connection(
        &self,
        observation: &Observation,
    ) -> BTreeMap<ConnectionClass, Duration> {
        let whole = self
            .during()
            .filter(|((_, instance), _)| instance.is_none());
        whole
            .map(|((connection, _), longest)| (connection, observation.felt(longest.gap.length())))
            .collect()
    }
}

/// The longest gaps of one series: when each request was due, ended, and whether well.
#[cfg(test)]
pub(crate) fn longest_of(requests: &[(Instant, Instant, bool)]) -> Longest {
    let ok = requests.iter().filter(|(_, _, ok)| *ok);
    let ok: Vec<Instant> = ok.map(|(_, ended, _)| *ended).collect();
    let series = Series {
        due: requests.iter().map(|(due, _, _)| *due).collect(),
        taken_up: ok.clone(),
        ok,
        end: requests
            .iter()
            .map(|(_, ended, _)| *ended)
            .max()
            .unwrap_or_default(),
    };
    series.longest()
}

/// Requests of one kind: when they were due, and when the good ones were taken up and ended.
#[derive(Debug, Default)]
struct Series {
    due: Vec<Instant>,
    taken_up: Vec<Instant>,
    ok: Vec<Instant>,
    end: Instant,
}

fn add(series: &mut BTreeMap<Kind, Series>, request: Request<'_>) {
    let connection = request.client().connection;
    series.entry((connection, None)).or_default().add(request);
    if let Some(last) = request.attempts().next_back() {
        series
            .entry((connection, Some(last.instance)))
            .or_default()
            .add(request);
    }
}

fn longest(series: BTreeMap<Kind, Series>) -> BTreeMap<Kind, Longest> {
    series
        .into_iter()
        .map(|(kind, series)| (kind, series.longest()))
        .collect()
}

impl Series {
    fn add(&mut self, request: Request<'_>) {
        let client = request.client();
        self.due.push(client.due);
        self.end = self.end.max(client.ended);
        // An answer that broke a promise is one: whoever judges the promise names it.
        if request.class().is_ok() || request.class().is_violation() {
            let served = request.executions().next_back();
            self.taken_up
                .push(served.map_or(client.ended, |served| served.started));
            self.ok.push(client.ended);
        }
    }

    fn longest(mut self) -> Longest {
        in_time::sort(&mut self.due);
        in_time::sort(&mut self.ok);
        // One taken up before they were due and answered meanwhile serves as well.
        self.taken_up.extend_from_slice(&self.ok);
        in_time::sort(&mut self.taken_up);
        let unserved = self.gaps(&self.taken_up).filter(|(_, several)| *several);
        Longest {
            gap: longest_gap(self.gaps(&self.ok)),
            shared: longest_gap(unserved),
            mean_arrival: self.mean_arrival(),
        }
    }

    /// What lies between those instants, from the first request due on; and whether several were.
    fn gaps(&self, instants: &[Instant]) -> impl Iterator<Item = (Gap, bool)> {
        let mut due = self.due.iter().copied().peekable();
        let mut previous = Instant::ZERO;
        let ends = instants.iter().copied().chain([self.end]);
        ends.filter_map(move |to| {
            while due.next_if(|due| *due < previous).is_some() {}
            previous = to;
            let from = due.next_if(|first| *first < to)?;
            let several = due.peek().is_some_and(|second| *second < to);
            Some((Gap { from, to }, several))
        })
    }

    fn mean_arrival(&self) -> Option<Duration> {
        let (first, last) = (self.due.first()?, self.due.last()?);
        let gaps = u32::try_from(self.due.len() - 1)
            .ok()
            .filter(|gaps| *gaps > 0)?;
        Some(last.since(*first) / gaps)
    }
}

fn longest_gap(gaps: impl Iterator<Item = (Gap, bool)>) -> Gap {
    let gaps = gaps.map(|(gap, _)| gap);
    gaps.fold(Gap::default(), Gap::max_by_length)
}
