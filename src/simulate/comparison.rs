//! The published script beside the reference, under each fault: as text.

use turquoise_scenarios::campaign::{Compared, Comparison};
use turquoise_scenarios::report::table::columns;

use crate::display::thousands;

const HEADINGS: [&str; 8] = [
    "fault",
    "orchestrator",
    "met it",
    "failed",
    "lost requests",
    "gateway writes",
    "ended",
    "broken in scenarios",
];

/// The comparison for people, without a line feed at its end.
pub(super) fn text(comparison: &Comparison) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    let mut named = "";
    for row in &comparison.rows {
        let repeated = std::mem::replace(&mut named, row.fault) == row.fault;
        lines.push(cells(row, repeated));
    }
    format!(
        "{} scenarios under each fault, the same for both; failed: a request was lost or a promise broken\n\n{}",
        comparison.seeds,
        columns(&lines).trim_end()
    )
}

fn cells(row: &Compared, repeated: bool) -> [String; 8] {
    let fault = if repeated { "" } else { row.fault };
    let share = |count: u64| format!("{count} of {}", row.scenarios);
    [
        fault.replace('_', " "),
        row.orchestrator.clone(),
        share(row.hit),
        share(row.failed),
        thousands(row.lost),
        thousands(row.gateway_puts),
        listed(&row.outcomes, |name, count| {
            format!("{count} {}", name.replace('_', " "))
        }),
        listed(&row.violated, |invariant, count| {
            format!("{invariant} {count}")
        }),
    ]
}

fn listed<K: ToString>(
    counts: &std::collections::BTreeMap<K, u64>,
    word: impl Fn(String, u64) -> String,
) -> String {
    let words: Vec<String> = counts
        .iter()
        .map(|(key, count)| word(key.to_string(), *count))
        .collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}
