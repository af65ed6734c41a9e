//! Gaps: how long due requests of a kind waited for any good answer (Q1).
//!
//! The catalogue's gap is the longest interval without an OK. An interval in which nothing was due
//! says nothing about the system, and random arrivals have such intervals; so a gap here begins
//! with the first request due after the last OK and ends with the next OK. Under steady load the
//! two agree to within one arrival. Raw time stamps, never bins (H07).

use std::collections::BTreeMap;
use std::time::Duration;

use turquoise_emulator::Instant;
use turquoise_emulator::ledger::ConnectionClass;

use crate::ledger::Request;
use crate::oracles::Case;

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
}

/// Requests of one kind: when they were due, and when the good ones ended.
#[derive(Debug, Default)]
pub(crate) struct Series {
    due: Vec<Instant>,
    ok: Vec<Instant>,
    end: Instant,
}

impl Series {
    /// The short requests of a span, chosen by `keep`.
    pub(crate) fn collect(
        case: &Case<'_>,
        span: (Instant, Instant),
        keep: impl Fn(Request<'_>) -> bool,
    ) -> Self {
        let mut series = Self::default();
        let within = |request: &Request<'_>| {
            request.is_short() && (span.0..span.1).contains(&request.client().due)
        };
        for request in case
            .ledger
            .requests()
            .filter(within)
            .filter(|request| keep(*request))
        {
            series.add(request);
        }
        series.due.sort_unstable();
        series.ok.sort_unstable();
        series
    }

    /// How many requests it holds.
    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }

    /// The mean time between arrivals: the finest gap that this traffic can show is twice that.
    pub(crate) fn mean_gap(&self) -> Option<Duration> {
        let (first, last) = (self.due.first()?, self.due.last()?);
        let gaps = u32::try_from(self.due.len() - 1)
            .ok()
            .filter(|gaps| *gaps > 0)?;
        Some(last.since(*first) / gaps)
    }

    /// The longest gap.
    pub(crate) fn longest(&self) -> Gap {
        let ends = self.ok.iter().copied().chain([self.end]);
        let mut due = self.due.iter().copied().peekable();
        let mut previous = Instant::ZERO;
        let mut longest = Gap::default();
        for to in ends {
            while due.next_if(|due| *due < previous).is_some() {}
            if let Some(first) = due.peek().filter(|first| **first < to) {
                let gap = Gap { from: *first, to };
                longest = if gap.length() > longest.length() {
                    gap
                } else {
                    longest
                };
            }
            previous = to;
        }
        longest
    }

    fn add(&mut self, request: Request<'_>) {
        let client = request.client();
        self.due.push(client.due);
        self.end = self.end.max(client.ended);
        if request.class().is_ok() {
            self.ok.push(client.ended);
        }
    }
}

/// The longest gap from the swap's start on, per connection class, as felt.
pub(crate) fn by_connection(case: &Case<'_>) -> BTreeMap<ConnectionClass, Duration> {
    let window = case.observation.window;
    let classes = [ConnectionClass::New, ConnectionClass::Reused];
    let series = classes.map(|class| {
        let span = (window.swap_start, Instant::from_nanos(u64::MAX));
        (
            class,
            Series::collect(case, span, |request| request.client().connection == class),
        )
    });
    let present = series.into_iter().filter(|(_, series)| series.len() > 0);
    present
        .map(|(class, series)| (class, case.observation.felt(series.longest().length())))
        .collect()
}
