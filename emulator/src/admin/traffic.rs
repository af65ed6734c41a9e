//! Requests through the gateways, counted by second of wall clock and by member.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};

use super::chronicle::why_lost;
use crate::ledger::{Attempt, GatewayEntry};

/// Seconds kept.
const SECONDS: usize = 120;
/// Latencies are told apart by an eighth of an octave, 9 %: enough for a chart, and small.
const PER_OCTAVE: f64 = 8.0;
/// From a microsecond to more than an hour.
const STEPS: usize = 256;

/// Traffic by second.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    seconds: VecDeque<Second>,
    totals: Members,
}

/// `None` for requests that found no member.
type Members = BTreeMap<Option<Ipv4Addr>, Tally>;

#[derive(Debug)]
struct Second {
    /// Since the drive began, on the wall clock.
    uptime_s: u64,
    members: Members,
}

/// What became of the requests with one member.
#[derive(Debug)]
struct Tally {
    requests: u64,
    lost: u64,
    retried: u64,
    latencies: Vec<u32>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            requests: 0,
            lost: 0,
            retried: 0,
            latencies: vec![0; STEPS],
        }
    }
}

impl Traffic {
    pub(super) fn on_attempts(&mut self, uptime_s: u64, speed: f64, attempts: &[GatewayEntry]) {
        if attempts.is_empty() {
            return;
        }
        if self
            .seconds
            .back()
            .is_none_or(|last| last.uptime_s < uptime_s)
        {
            self.seconds.push_back(Second {
                uptime_s,
                members: Members::new(),
            });
        }
        if self.seconds.len() > SECONDS {
            self.seconds.pop_front();
        }
        let Some(second) = self.seconds.back_mut() else {
            return;
        };
        for attempt in attempts {
            second
                .members
                .entry(attempt.member)
                .or_default()
                .add(attempt, speed);
            self.totals
                .entry(attempt.member)
                .or_default()
                .add(attempt, speed);
        }
    }

    /// Seconds from `from` to before `until`, oldest first; those without requests are left out.
    pub(crate) fn between(&self, from: u64, until: u64) -> Vec<Value> {
        let seconds = self.seconds.iter();
        let seconds = seconds.filter(|second| (from..until).contains(&second.uptime_s));
        seconds
            .map(|second| json!({"uptime_s": second.uptime_s, "members": rows(&second.members)}))
            .collect()
    }

    /// Since the drive began.
    pub(crate) fn totals(&self) -> Value {
        rows(&self.totals)
    }
}

impl Tally {
    fn add(&mut self, attempt: &GatewayEntry, speed: f64) {
        if matches!(attempt.outcome, Attempt::Retried(_)) {
            self.retried += 1;
            return;
        }
        self.requests += 1;
        self.lost += u64::from(why_lost(&attempt.outcome).is_some());
        let latency = attempt.ended.since(attempt.dispatched).div_f64(speed);
        self.latencies[step(latency)] += 1;
    }

    /// The latency that this share of the requests did not exceed, in milliseconds.
    fn quantile_ms(&self, share: f64) -> Option<f64> {
        let all: u64 = self.latencies.iter().map(|count| u64::from(*count)).sum();
        let mut seen = 0;
        self.latencies.iter().enumerate().find_map(|(step, count)| {
            seen += u64::from(*count);
            #[expect(clippy::cast_precision_loss, reason = "counts of a chart")]
            let reached = all > 0 && seen as f64 >= share * all as f64;
            reached.then(|| upper_ms(step))
        })
    }
}

fn rows(members: &Members) -> Value {
    let rows = members.iter().map(|(member, tally)| {
        json!({
            "member": member,
            "requests": tally.requests,
            "lost": tally.lost,
            "retried": tally.retried,
            "p50_ms": tally.quantile_ms(0.5),
            "p99_ms": tally.quantile_ms(0.99),
        })
    });
    rows.collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a non-negative position in a table, held below its length"
)]
fn step(latency: Duration) -> usize {
    let micros = latency.as_micros().max(1) as f64;
    ((micros.log2() * PER_OCTAVE) as usize).min(STEPS - 1)
}

/// The upper end of a step, in milliseconds, to a hundredth.
#[expect(clippy::cast_precision_loss, reason = "a small position in a table")]
fn upper_ms(step: usize) -> f64 {
    let micros = ((step + 1) as f64 / PER_OCTAVE).exp2();
    (micros / 10.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Fault;
    use crate::time::Instant;

    #[test]
    fn requests_are_counted_by_second_and_member_in_wall_clock() {
        let mut traffic = Traffic::default();
        let attempt = |ms: u64, outcome| GatewayEntry {
            id: 1,
            instance: 0,
            generation: 1,
            member: Some(Ipv4Addr::new(10, 0, 1, 4)),
            attempt: 0,
            dispatched: Instant::ZERO,
            ended: Instant::from_millis(ms),
            outcome,
        };
        let good = Attempt::Served { status: 200 };
        traffic.on_attempts(3, 10.0, &[attempt(100, good), attempt(100, good)]);
        traffic.on_attempts(3, 10.0, &[attempt(100, Attempt::Retried(Fault::Refused))]);
        traffic.on_attempts(5, 10.0, &[attempt(100, Attempt::Cut)]);
        let third = &traffic.between(0, 5)[0];
        assert_eq!(third["uptime_s"], 3);
        let row = &third["members"][0];
        assert_eq!(row["member"], "10.0.1.4");
        assert_eq!((&row["requests"], &row["retried"]), (&json!(2), &json!(1)));
        let p50 = row["p50_ms"].as_f64().expect("two requests ended");
        assert!((10.0..11.0).contains(&p50), "{p50}");
        assert_eq!(traffic.totals()[0]["lost"], 1);
        assert_eq!(traffic.between(4, 5).len(), 0);
    }
}
