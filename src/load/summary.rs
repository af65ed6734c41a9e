//! What became of a load: counts, latency as felt, the longest gap.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use turquoise_emulator::ledger::{ClientEntry, Seen};
use turquoise_scenarios::clients::live::Recorded;

use crate::display::thousands;
use crate::exit::Exit;

/// Counts and latencies of all requests, or of one kind.
#[derive(Debug)]
struct Tally {
    sent: u64,
    ok: u64,
    errors: u64,
    lost: u64,
    aborted: u64,
    /// Of answered requests, from when they were due, in microseconds.
    latency: Histogram<u64>,
}

/// What became of a load.
#[derive(Debug)]
pub(super) struct Summary {
    all: Tally,
    kinds: BTreeMap<String, Tally>,
    builds: BTreeMap<String, u64>,
    max_gap: Duration,
    lasted: Duration,
}

/// Whatever took longer counts as this long: an hour, in microseconds.
const LONGEST_US: u64 = 3_600_000_000;

const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p999", 0.999),
    ("max", 1.0),
];

impl Tally {
    fn new() -> Self {
        Self {
            sent: 0,
            ok: 0,
            errors: 0,
            lost: 0,
            aborted: 0,
            latency: Histogram::new_with_bounds(1, LONGEST_US, 3)
                .expect("because these bounds and 3 significant digits are allowed"),
        }
    }

    fn count(&mut self, entry: &ClientEntry) {
        self.sent += 1;
        match entry.seen {
            Seen::Answer {
                complete: true,
                status,
                ..
            } => {
                if status < 400 {
                    self.ok += 1;
                } else {
                    self.errors += 1;
                }
                self.felt(entry.ended.since(entry.due));
            }
            Seen::Aborted => self.aborted += 1,
            _ => self.lost += 1,
        }
    }

    fn felt(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US);
        self.latency.saturating_record(micros);
    }

    fn at(&self, quantile: f64) -> f64 {
        Duration::from_micros(self.latency.value_at_quantile(quantile)).as_secs_f64() * 1e3
    }

    fn latency(&self) -> Value {
        let pairs = QUANTILES
            .iter()
            .map(|(name, q)| ((*name).to_owned(), json!(self.at(*q))));
        Value::Object(pairs.collect())
    }

    fn requests(&self) -> Value {
        json!({
            "sent": self.sent,
            "ok": self.ok,
            "errors": self.errors,
            "lost": self.lost,
            "aborted": self.aborted,
        })
    }
}

impl Summary {
    pub(super) fn of(recorded: &Recorded) -> Self {
        let mut summary = Self {
            all: Tally::new(),
            kinds: BTreeMap::new(),
            builds: BTreeMap::new(),
            max_gap: Duration::ZERO,
            lasted: Duration::ZERO,
        };
        for entry in &recorded.clients {
            summary.all.count(entry);
            let kind = format!("{:?}/{:?}", entry.class, entry.connection).to_lowercase();
            summary
                .kinds
                .entry(kind)
                .or_insert_with(Tally::new)
                .count(entry);
            if let Some(build) = build_of(entry, &recorded.builds) {
                *summary.builds.entry(build.to_owned()).or_default() += 1;
            }
        }
        summary.look_at_times(&recorded.clients);
        summary
    }

    /// The longest time without a good answer, and how long it all took.
    fn look_at_times(&mut self, entries: &[ClientEntry]) {
        let first = entries.iter().map(|entry| entry.due).min();
        let last = entries.iter().map(|entry| entry.ended).max();
        let (Some(first), Some(last)) = (first, last) else {
            return;
        };
        self.lasted = last.since(first);
        let good = |entry: &&ClientEntry| {
            matches!(
                entry.seen,
                Seen::Answer {
                    status: ..400,
                    complete: true,
                    ..
                }
            )
        };
        let mut ends: Vec<_> = entries
            .iter()
            .filter(good)
            .map(|entry| entry.ended)
            .collect();
        ends.sort_unstable();
        let gaps = ends.windows(2).map(|pair| pair[1].since(pair[0]));
        self.max_gap = gaps.max().unwrap_or(self.lasted);
    }

    /// 0 when every request was answered well.
    pub(super) fn exit(&self) -> Exit {
        if self.all.ok == self.all.sent && self.all.sent > 0 {
            Exit::Completed
        } else {
            Exit::BudgetViolated
        }
    }

    fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for display")]
        let sent = self.all.sent as f64;
        sent / self.lasted.as_secs_f64().max(1e-3)
    }

    pub(super) fn document(&self) -> Value {
        let kinds = self.kinds.iter().map(|(kind, tally)| {
            let row = json!({"requests": tally.requests(), "latency_ms": tally.latency()});
            (kind.clone(), row)
        });
        let outcome = match self.exit() {
            Exit::Completed => "completed",
            _ => "violated",
        };
        json!({
            "event": "result",
            "outcome": outcome,
            "requests": self.all.requests(),
            "requests_per_s": self.rate(),
            "latency_ms": self.all.latency(),
            "max_gap_ms": self.max_gap.as_secs_f64() * 1e3,
            "kinds": Value::Object(kinds.collect()),
            "builds": self.builds,
            "duration_s": self.lasted.as_secs_f64(),
        })
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} requests in {:.1} s ({:.0}/s): {} ok, {} errors, {} lost, {} not sent; longest gap {:.0} ms\n",
            thousands(self.all.sent),
            self.lasted.as_secs_f64(),
            self.rate(),
            thousands(self.all.ok),
            thousands(self.all.errors),
            thousands(self.all.lost),
            thousands(self.all.aborted),
            self.max_gap.as_secs_f64() * 1e3
        );
        // Writing to a string does not fail.
        let _written = write!(
            text,
            "{:<24}{:>10}{:>10}",
            "latency in ms", "requests", "ok"
        );
        for (name, _) in QUANTILES {
            let _written = write!(text, "{name:>10}");
        }
        let rows = self
            .kinds
            .iter()
            .map(|(kind, tally)| (kind.as_str(), tally));
        for (kind, tally) in rows.chain([("all", &self.all)]) {
            let _written = write!(text, "\n{kind:<24}{:>10}{:>10}", tally.sent, tally.ok);
            for (_, quantile) in QUANTILES {
                let _written = write!(text, "{:>10.2}", tally.at(quantile));
            }
        }
        for (build, count) in &self.builds {
            let _written = write!(text, "\nanswered by {build}: {}", thousands(*count));
        }
        text
    }
}

/// The name of the build that answered.
pub(super) fn build_of<'a>(entry: &ClientEntry, builds: &'a [String]) -> Option<&'a str> {
    match entry.seen {
        Seen::Answer {
            build: Some(build), ..
        } => builds.get(usize::from(build)).map(String::as_str),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_told_whole_from_a_tenth_of_a_millisecond_to_minutes() {
        for micros in [100, 2_500, 542_000, 90_000_000] {
            let mut tally = Tally::new();
            tally.felt(Duration::from_micros(micros));
            let told_us = tally.at(1.0) * 1e3;
            let off = (told_us / Duration::from_micros(micros).as_secs_f64() / 1e6 - 1.0).abs();
            assert!(off < 0.001, "{micros} us are told as {told_us} us");
        }
    }
}
