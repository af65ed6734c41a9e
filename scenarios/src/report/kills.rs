//! The kill table as Markdown, for documents: who caught which mutant, and after how many seeds.

use std::fmt::Write as _;

use crate::campaign::{CampaignReport, Kill, Wave};
use crate::invariant::Invariant;

/// The table of a campaign, with the command that made it.
#[must_use]
pub fn markdown(report: &CampaignReport) -> String {
    let mutants = &report.mutants;
    let right = mutants.table.iter().filter(|kill| kill.right).count();
    let mut text = format!(
        "# Who catches whom\n\nWritten by `{}`.\n\n\
         {} of {} wrong orchestrators were caught, {right} of them by an oracle that the failure\n\
         catalogue names for them. A kill counts only on a seed that the right orchestrator passes.\n",
        command(report),
        mutants.killed,
        mutants.total,
    );
    for (wave, heading) in [(Wave::First, "First wave"), (Wave::Later, "Later")] {
        let kills = mutants.table.iter().filter(|kill| kill.wave == wave);
        text.push_str(&section(heading, kills));
    }
    text.push_str(&unproven(&mutants.unproven));
    text.push_str(&harness(report));
    text.push_str(&reasons(report));
    text
}

/// What repeats it.
fn command(report: &CampaignReport) -> String {
    let plan = &report.plan;
    format!(
        "turquoise simulate --mutant-seeds {} --mutant-ranges {} --kills KILLS.md",
        plan.mutant_seeds, plan.mutant_ranges
    )
}

fn section<'k>(heading: &str, kills: impl Iterator<Item = &'k Kill>) -> String {
    let rows: Vec<String> = kills.map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "\n## {heading}\n\n\
         | entry | wrong orchestrator | what it does | caught by | named | right | seeds to first kill |\n\
         |---|---|---|---|---|---|---|\n{}",
        rows.concat()
    )
}

fn row(kill: &Kill) -> String {
    let by = match (kill.killed, kill.is_by_another()) {
        (true, _) => names(&kill.by),
        (_, true) => format!("**nobody it belongs to**; {}", names(&kill.violated)),
        _ => "**nobody**".to_owned(),
    };
    let world = if kill.own_world { " †" } else { "" };
    let wrong = crate::mutants::Mutant::by_id(&kill.mutant).map_or("", |mutant| mutant.wrong);
    format!(
        "| {} | {}{world} | {wrong} | {by} | {} | {} | {} |\n",
        kill.catalogue,
        kill.mutant,
        names(&kill.named),
        if kill.right { "yes" } else { "no" },
        seeds(kill),
    )
}

/// The median over the ranges, and the most it took.
fn seeds(kill: &Kill) -> String {
    let most = kill.first_kills.iter().max().copied().unwrap_or_default();
    match kill.median {
        Some(median) if kill.ranges > 1 => format!("{median}, at most {most}"),
        Some(median) => median.to_string(),
        None => format!("not in {}", kill.tried),
    }
}

fn unproven(invariants: &[Invariant]) -> String {
    let mut text = "\n† its fault is of a world that it alone meets.\n".to_owned();
    if !invariants.is_empty() {
        let _infallible = write!(
            text,
            "\nOracles that caught none of them: {}.\n",
            names(invariants)
        );
    }
    text
}

fn harness(report: &CampaignReport) -> String {
    if report.harness.is_empty() {
        return String::new();
    }
    let mut text = "\n## Wrong harnesses\n\n\
         | entry | defect | check | what it measured |\n|---|---|---|---|\n"
        .to_owned();
    for run in &report.harness {
        let not = if run.caught { "" } else { "**not noticed**: " };
        let _infallible = writeln!(
            text,
            "| {} | {}: {} | {} | {not}{} |",
            run.id, run.name, run.hides, run.meta_test, run.by
        );
    }
    text
}

fn reasons(report: &CampaignReport) -> String {
    if report.mutants.not_seeded.is_empty() {
        return String::new();
    }
    let mut text = "\n## Entries without a wrong orchestrator\n\n".to_owned();
    for row in &report.mutants.not_seeded {
        let _infallible = writeln!(text, "* {}: {}", row.catalogue, row.reason);
    }
    text
}

fn names(invariants: &[Invariant]) -> String {
    let names: Vec<String> = invariants.iter().map(ToString::to_string).collect();
    names.join(" ")
}
