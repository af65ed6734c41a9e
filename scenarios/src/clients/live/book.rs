//! What the generator has sent and seen: the clients' ledger and the counters of a progress display.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant as Wall;
use turquoise_emulator::ledger::{Build, ClientEntry, Seen};

use super::Recorded;

/// Latencies older than one to two of these are no longer recent.
const RECENT: Duration = Duration::from_secs(1);

/// How it goes, at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Requests that left the generator.
    pub sent: u64,
    /// Requests answered whole, with a status below 400.
    pub ok: u64,
    /// Requests answered whole, with a status of 400 or more.
    pub errors: u64,
    /// Requests without a whole answer.
    pub lost: u64,
    /// Requests that were due while too many were in flight, and not sent.
    pub aborted: u64,
    /// Sent and not ended.
    pub in_flight: u64,
    /// Median latency of short requests over the last second or two, in milliseconds as felt.
    pub recent_p50_ms: f64,
    /// Their 99th percentile.
    pub recent_p99_ms: f64,
    /// Answers per build since the beginning.
    pub per_build: BTreeMap<String, u64>,
}

/// The generator's memory. One lock, held for a push.
#[derive(Debug)]
pub(super) struct Book(Mutex<Pages>);

#[derive(Debug)]
struct Pages {
    recorded: Recorded,
    ok: u64,
    errors: u64,
    lost: u64,
    aborted: u64,
    per_build: BTreeMap<Build, u64>,
    current: Histogram<u64>,
    previous: Histogram<u64>,
    turned: Wall,
}

impl Book {
    pub(super) fn new(builds: Vec<String>) -> Self {
        Self(Mutex::new(Pages {
            recorded: Recorded {
                builds,
                ..Recorded::default()
            },
            ok: 0,
            errors: 0,
            lost: 0,
            aborted: 0,
            per_build: BTreeMap::new(),
            current: histogram(),
            previous: histogram(),
            turned: Wall::now(),
        }))
    }

    /// A request is about to leave.
    pub(super) fn sent(&self) {
        self.pages().recorded.sent += 1;
    }

    /// A request has ended, `felt` after it was due.
    pub(super) fn ended(&self, mut entry: ClientEntry, build: Option<String>, felt: Duration) {
        let mut pages = self.pages();
        if let (Seen::Answer { build: number, .. }, Some(name)) = (&mut entry.seen, build) {
            *number = Some(book_build(&mut pages, &name));
        }
        pages.count(&entry, felt);
        pages.recorded.clients.push(entry);
    }

    pub(super) fn stats(&self) -> Stats {
        let mut pages = self.pages();
        pages.turn();
        let mut recent = pages.previous.clone();
        recent += &pages.current;
        let quantile = |q| Duration::from_micros(recent.value_at_quantile(q)).as_secs_f64() * 1e3;
        let builds = &pages.recorded.builds;
        let named = pages.per_build.iter();
        Stats {
            sent: pages.recorded.sent,
            ok: pages.ok,
            errors: pages.errors,
            lost: pages.lost,
            aborted: pages.aborted,
            in_flight: pages.recorded.sent - pages.recorded.clients.len() as u64,
            recent_p50_ms: quantile(0.5),
            recent_p99_ms: quantile(0.99),
            per_build: named
                .map(|(build, count)| (builds[usize::from(*build)].clone(), *count))
                .collect(),
        }
    }

    pub(super) fn take(&self) -> Recorded {
        std::mem::take(&mut self.pages().recorded)
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0
            .lock()
            .expect("because nothing panics while it holds the book")
    }
}

impl Pages {
    fn count(&mut self, entry: &ClientEntry, felt: Duration) {
        match entry.seen {
            Seen::Answer {
                status: ..400,
                complete: true,
                ..
            } => self.ok += 1,
            Seen::Answer { complete: true, .. } => self.errors += 1,
            Seen::Aborted => self.aborted += 1,
            _ => self.lost += 1,
        }
        if entry.class.is_short() {
            self.turn();
            let micros = u64::try_from(felt.as_micros()).unwrap_or(u64::MAX);
            self.current.saturating_record(micros);
        }
    }

    /// Forgets the page before last once the current one is full of time.
    fn turn(&mut self) {
        if self.turned.elapsed() >= RECENT {
            std::mem::swap(&mut self.current, &mut self.previous);
            self.current.reset();
            self.turned = Wall::now();
        }
    }
}

fn book_build(pages: &mut Pages, name: &str) -> Build {
    let build = number(&mut pages.recorded.builds, name);
    *pages.per_build.entry(build).or_insert(0) += 1;
    build
}

/// The number of a build in a table of names, appended when it is new.
pub(super) fn number(names: &mut Vec<String>, name: &str) -> Build {
    let known = names.iter().position(|known| known == name);
    let index = known.unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    Build::try_from(index).expect("because a run has fewer than 65536 builds")
}

fn histogram() -> Histogram<u64> {
    // One microsecond to two minutes: nobody waits longer.
    Histogram::new_with_bounds(1, 120_000_000, 2).expect("because the bounds are in order")
}
