//! What one gateway instance has done since it began, for whoever measures: counters that only grow.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ledger::{Attempt, Fault};

/// Counters of one gateway instance; requests add to them without a lock.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Answers by the first digit of their status.
    answers: [AtomicU64; 6],
    /// Attempts that failed, by [`reason`].
    failed: [AtomicU64; REASONS.len()],
    retried: AtomicU64,
    cut: AtomicU64,
    client_gone: AtomicU64,
    connections: AtomicU64,
}

const REASONS: [&str; 5] = [
    "no_healthy_member",
    "connect_timeout",
    "refused",
    "reset",
    "request_timeout",
];

const fn reason(fault: Fault) -> usize {
    match fault {
        Fault::NoHealthyMember => 0,
        Fault::ConnectTimeout => 1,
        Fault::Refused => 2,
        Fault::Reset => 3,
        Fault::RequestTimeout => 4,
    }
}

/// A client connection that is open.
#[derive(Debug)]
pub(crate) struct Open<'a>(&'a Meter);

impl Meter {
    /// A client was answered.
    pub(crate) fn answered(&self, status: u16) {
        add(&self.answers[usize::from(status / 100).min(5)]);
    }

    /// An attempt has ended.
    pub(crate) fn attempted(&self, outcome: Attempt) {
        match outcome {
            Attempt::Served { .. } => {}
            Attempt::Retried(fault) => {
                add(&self.retried);
                add(&self.failed[reason(fault)]);
            }
            Attempt::Failed { fault, .. } => add(&self.failed[reason(fault)]),
            Attempt::Cut => add(&self.cut),
            Attempt::ClientGone => add(&self.client_gone),
        }
    }

    /// A client connects; it counts until what this returns is dropped.
    pub(crate) fn connected(&self) -> Open<'_> {
        add(&self.connections);
        Open(self)
    }

    /// Writes the counters in Prometheus' text form; `labels` names gateway and instance.
    pub(crate) fn write(&self, text: &mut Families, labels: &str) {
        for (hundreds, count) in self.answers.iter().enumerate().skip(1) {
            let labels = format!("{labels},http_status_group=\"{hundreds}xx\"");
            text.add("turquoise_gateway_requests_total", &labels, read(count));
        }
        for (reason, count) in REASONS.iter().zip(&self.failed) {
            let labels = format!("{labels},reason=\"{reason}\"");
            text.add(
                "turquoise_gateway_failed_attempts_total",
                &labels,
                read(count),
            );
        }
        for (name, count) in [
            ("turquoise_gateway_retries_total", &self.retried),
            ("turquoise_gateway_cut_total", &self.cut),
            ("turquoise_gateway_client_gone_total", &self.client_gone),
            ("turquoise_gateway_current_connections", &self.connections),
        ] {
            text.add(name, labels, read(count));
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Samples by metric: the text form wants those of one metric together.
#[derive(Debug, Default)]
pub(crate) struct Families(std::collections::BTreeMap<&'static str, String>);

impl Families {
    /// One sample.
    pub(crate) fn add(&mut self, name: &'static str, labels: &str, value: u64) {
        let samples = self.0.entry(name).or_default();
        // Writing to a string does not fail.
        let _written = writeln!(samples, "{name}{{{labels}}} {value}");
    }
}

impl fmt::Display for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, samples) in &self.0 {
            let kind = if name.ends_with("_total") {
                "counter"
            } else {
                "gauge"
            };
            write!(f, "# TYPE {name} {kind}\n{samples}")?;
        }
        Ok(())
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_written() {
        let meter = Meter::default();
        meter.answered(204);
        meter.answered(502);
        meter.attempted(Attempt::Retried(Fault::Refused));
        meter.attempted(Attempt::Served { status: 200 });
        let open = meter.connected();
        let mut text = Families::default();
        meter.write(&mut text, "gateway=\"gw\",instance=\"0\"");
        drop(open);
        let text = text.to_string();
        for line in [
            "# TYPE turquoise_gateway_requests_total counter",
            "turquoise_gateway_requests_total{gateway=\"gw\",instance=\"0\",http_status_group=\"2xx\"} 1",
            "turquoise_gateway_requests_total{gateway=\"gw\",instance=\"0\",http_status_group=\"5xx\"} 1",
            "turquoise_gateway_failed_attempts_total{gateway=\"gw\",instance=\"0\",reason=\"refused\"} 1",
            "turquoise_gateway_retries_total{gateway=\"gw\",instance=\"0\"} 1",
            "turquoise_gateway_current_connections{gateway=\"gw\",instance=\"0\"} 1",
        ] {
            assert!(
                text.lines().any(|written| written == line),
                "{line} in {text}"
            );
        }
    }
}
