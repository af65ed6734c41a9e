//! The kill table: every wrong orchestrator, and who caught it.

use turquoise_scenarios::Invariant;
use turquoise_scenarios::campaign::{Kill, MutantReport, NotSeeded};
use turquoise_scenarios::report::table::columns;

const HEADINGS: [&str; 8] = [
    "entry",
    "wave",
    "wrong orchestrator",
    "caught by",
    "the catalogue names",
    "right",
    "on seed",
    "scenarios",
];

/// The table for people, without a line feed at its end.
pub(super) fn text(report: &MutantReport) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(report.table.iter().map(row));
    let mut text = columns(&lines);
    if !report.unproven.is_empty() {
        text.push_str(&format!(
            "oracles that caught none of these: {}\n",
            names(&report.unproven)
        ));
    }
    text.extend(report.not_seeded.iter().map(not_seeded));
    if !report.unaccounted.is_empty() {
        text.push_str(&format!(
            "catalogue entries without a wrong orchestrator or a reason: {}\n",
            report.unaccounted.join(" ")
        ));
    }
    text.truncate(text.trim_end().len());
    text
}

fn row(kill: &Kill) -> [String; 8] {
    let by = match (kill.killed, kill.is_by_another()) {
        (true, _) => names(&kill.by),
        (_, true) => format!("NOBODY it belongs to, only {}", names(&kill.violated)),
        _ => "NOBODY".to_owned(),
    };
    [
        kill.catalogue.clone(),
        kill.wave.name().to_owned(),
        // A dagger: its fault is of a world that it alone meets.
        format!("{}{}", kill.mutant, if kill.own_world { " †" } else { "" }),
        by,
        names(&kill.named),
        if kill.right { "yes" } else { "no" }.to_owned(),
        kill.seed.map_or_else(String::new, |seed| seed.to_string()),
        scenarios(kill),
    ]
}

/// How many scenarios it took: in one range, or the median over several.
fn scenarios(kill: &Kill) -> String {
    match kill.median {
        Some(median) if kill.ranges > 1 => {
            format!("{median}, the median of {} ranges", kill.ranges)
        }
        Some(median) => median.to_string(),
        None if kill.first_kills.is_empty() => kill.tried.to_string(),
        None => format!(
            "{}, caught in {} of {} ranges",
            kill.tried,
            kill.first_kills.len(),
            kill.ranges
        ),
    }
}

fn not_seeded(row: &NotSeeded) -> String {
    format!("{} is not seeded: {}\n", row.catalogue, row.reason)
}

fn names(invariants: &[Invariant]) -> String {
    let names: Vec<String> = invariants.iter().map(ToString::to_string).collect();
    names.join(" ")
}
