//! Two or more orchestrators over the same scenario, one row each.

use serde::Serialize;

use super::table::columns;
use crate::invariant::Invariant;
use crate::verdict::Verdict;

/// What one orchestrator achieved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name, such as `reference` or `published`.
    pub orchestrator: String,
    /// Requests sent.
    pub sent: u64,
    /// Requests served well.
    pub ok: u64,
    /// Requests lost.
    pub lost: u64,
    /// Requests answered in breach of a promise.
    pub violations: u64,
    /// The longest gap, in milliseconds.
    pub max_gap_ms: f64,
    /// The 99th percentile during the swap, in milliseconds.
    pub p99_ms: f64,
    /// Gateway writes.
    pub gateway_puts: u64,
    /// How long the swap took, in seconds.
    pub duration_s: f64,
    /// The invariants it violated.
    pub violated: Vec<Invariant>,
}

impl Row {
    /// The row of a verdict.
    #[must_use]
    pub fn of(orchestrator: &str, verdict: &Verdict) -> Self {
        Self {
            orchestrator: orchestrator.to_owned(),
            sent: verdict.requests.sent,
            ok: verdict.requests.ok(),
            lost: verdict.requests.lost(),
            violations: verdict.requests.violations(),
            max_gap_ms: verdict.max_gap_ms(),
            p99_ms: verdict.latency.swap.p99_ms,
            gateway_puts: verdict.gateway_puts,
            duration_s: verdict.duration.as_secs_f64(),
            violated: verdict.violated.keys().copied().collect(),
        }
    }

    /// The row's cells as text, in the order of [`HEADINGS`].
    #[must_use]
    pub fn cells(&self) -> [String; 8] {
        let violated: Vec<String> = self.violated.iter().map(Invariant::to_string).collect();
        [
            self.orchestrator.clone(),
            self.sent.to_string(),
            self.lost.to_string(),
            format!("{:.0} ms", self.max_gap_ms),
            format!("{:.1} ms", self.p99_ms),
            self.gateway_puts.to_string(),
            format!("{:.1} s", self.duration_s),
            if violated.is_empty() {
                "none".to_owned()
            } else {
                violated.join(" ")
            },
        ]
    }
}

/// What the cells of a [`Row`] mean.
pub const HEADINGS: [&str; 8] = [
    "orchestrator",
    "sent",
    "lost",
    "longest gap",
    "p99 in swap",
    "gateway writes",
    "swap",
    "broken invariants",
];

/// The rows as a plain text table with a heading, each line ending in a line feed.
#[must_use]
pub fn text(rows: &[Row]) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    columns(&lines)
}

#[cfg(test)]
mod tests {
    use turquoise_emulator::ledger::Fault;

    use super::*;
    use crate::sample::{at, clean, fail, secs};

    #[test]
    fn rows_line_up_and_name_what_was_broken() {
        let mut broken = clean();
        let index = at(&broken, secs(150));
        fail(&mut broken, index, Fault::Refused);
        let rows = [
            Row::of("reference", &crate::judge(&clean())),
            Row::of("published", &crate::judge(&broken)),
        ];
        insta::assert_snapshot!(text(&rows));
    }
}
