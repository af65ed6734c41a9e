//! The second table: every wrong harness, and the check that noticed it.

use turquoise_scenarios::harness::HarnessRun;
use turquoise_scenarios::report::table::columns;

const HEADINGS: [&str; 4] = [
    "entry",
    "wrong harness",
    "noticed",
    "what the check measured",
];

/// The table for people, without a line feed at its end.
pub(super) fn text(runs: &[HarnessRun]) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(runs.iter().map(row));
    let mut text = columns(&lines);
    text.truncate(text.trim_end().len());
    text
}

fn row(run: &HarnessRun) -> [String; 4] {
    [
        run.id.clone(),
        format!("{}: {}", run.name, run.hides),
        if run.caught { "yes" } else { "NO" }.to_owned(),
        run.by.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_harness_that_nobody_noticed_stands_out() {
        let run = |caught| HarnessRun {
            id: "H04".to_owned(),
            name: "status-only".to_owned(),
            hides: "only status codes are checked".to_owned(),
            meta_test: "cut answers show".to_owned(),
            caught,
            by: "stays green".to_owned(),
        };
        let shown = text(&[run(true), run(false)]);
        let rows: Vec<&str> = shown.lines().collect();
        assert!(rows[1].contains("  yes  "), "{shown}");
        assert!(rows[2].contains("  NO   "), "{shown}");
    }
}
