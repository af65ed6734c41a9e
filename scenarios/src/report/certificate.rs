//! The certificate of a campaign: one page, and the same as data.
//!
//! It says what was shown, with which build, and how strong that is; and it says what was not
//! shown. Whoever reads it decides from the page alone whether to believe the orchestrator.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::html::{STYLE, escape, plural, thousands};
use crate::campaign::{CampaignReport, Interval, Kill, SOMETIMES_AFTER};
use crate::harness::HarnessRun;
use crate::invariant::Invariant;
use crate::oracles;

/// The version of the data's form.
const VERSION: u32 = 1;

/// What a campaign of simulated scenarios never shows, however many seeds it has.
const NOT_COVERED: [&str; 5] = [
    "Azure itself: the emulator is a model of it, and emulator/FIDELITY.md lists where evidence ends.",
    "The orchestrator's sockets, TLS and file system: rehearsals over real sockets cover them.",
    "Faults that the catalogue does not name, and combinations that no seed of these drew.",
    "More than one region, quotas of a real subscription, and what people do between two runs.",
    "Application defects that need more than the modelled request classes to show.",
];

/// The certificate as data: the report as `result`, and what a reader needs beside it.
#[must_use]
pub fn document(report: &CampaignReport) -> Value {
    json!({
        "certificate": VERSION,
        "holds": report.holds(),
        "evidence": report.evidence,
        "partial": report.partial,
        "build": report.build,
        "profile": report.plan.profile,
        "seeds": report.seeds,
        "digest": report.digest,
        "requests": report.requests,
        "failure_rate": report.failure_rate,
        "loss_rate": report.loss_rate,
        "invariants_judged": judged(),
        "invariants_not_judged": unjudged(),
        "not_covered": not_covered(report),
        "result": report,
    })
}

/// The certificate as a page without script or external request.
#[must_use]
pub fn page(report: &CampaignReport) -> String {
    let title = "Campaign certificate";
    let mut page = String::new();
    let _infallible = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    page.push_str(&judgement(report));
    page.push_str(&tiles(report));
    page.push_str(&table(
        "Rates, with their 95 % Wilson bounds",
        &RATES,
        &rates(report),
    ));
    page.push_str(&table("Failures", &FAILURES, &failures(report)));
    page.push_str(&table("Wrong orchestrators", &KILLS, &kills(report)));
    page.push_str(&table(
        "Wrong harnesses, and the check that noticed",
        &HARNESS,
        &harness(report),
    ));
    page.push_str(&table(
        "Catalogue entries not seeded",
        &REASONS,
        &reasons(report),
    ));
    page.push_str(&table("Interesting places", &PLACES, &places(report)));
    page.push_str(&table("Build and plan", &["", ""], &facts(report)));
    page.push_str(&list("What this does not cover", &not_covered(report)));
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

const RATES: [&str; 4] = ["of", "found", "not below", "not above"];
const FAILURES: [&str; 4] = ["seed", "broken", "why", "replay"];
const KILLS: [&str; 8] = [
    "entry",
    "wave",
    "mutant",
    "caught by",
    "the catalogue names",
    "right oracle",
    "median scenarios",
    "tried",
];
const HARNESS: [&str; 4] = ["entry", "defect", "check", "what it measured"];
const REASONS: [&str; 2] = ["entry", "why"];
const PLACES: [&str; 2] = ["place", "scenarios that visited it"];

fn judgement(report: &CampaignReport) -> String {
    let (class, text) = if !report.evidence {
        (
            "bad",
            "No evidence: the nice profile leaves out what Azure may do (H09)",
        )
    } else if !report.holds() {
        (
            "bad",
            "✗ A scenario failed, a wrong orchestrator or harness went unnoticed, or a place was never visited",
        )
    } else if report.partial.is_some() {
        ("bad", "Nothing failed so far, but the campaign is partial")
    } else {
        (
            "good",
            "✓ Every scenario held every invariant, and every wrong orchestrator was caught",
        )
    };
    format!("<p><span class=\"verdict {class}\">{text}</span></p>\n")
}

fn tiles(report: &CampaignReport) -> String {
    let mutants = &report.mutants;
    let coverage = &report.coverage;
    let tiles = [
        ("Scenarios", thousands(report.scenarios)),
        ("Failed", thousands(report.failed)),
        ("Requests", thousands(report.requests)),
        ("Lost in failed scenarios", thousands(report.lost_in_failed)),
        (
            "Wrong orchestrators caught",
            format!("{} of {}", mutants.killed, mutants.total),
        ),
        (
            "Places visited",
            format!("{} of {}", coverage.reached, coverage.expected),
        ),
        ("Digest", report.digest.to_string()),
    ];
    let mut text = "<dl class=\"tiles\">\n".to_owned();
    for (name, value) in tiles {
        let _infallible = writeln!(text, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    text + "</dl>\n"
}

fn rates(report: &CampaignReport) -> Vec<Vec<String>> {
    let row = |name: &str, interval: Interval| {
        let number = |rate: f64| format!("{rate:.3e}");
        vec![
            name.to_owned(),
            number(interval.rate),
            number(interval.lower),
            number(interval.upper),
        ]
    };
    vec![
        row("scenarios that fail", report.failure_rate),
        row("requests lost in failing scenarios", report.loss_rate),
    ]
}

fn failures(report: &CampaignReport) -> Vec<Vec<String>> {
    let row = |failure: &crate::campaign::Failure| {
        vec![
            failure.seed.to_string(),
            names(&failure.violated),
            failure.why.clone(),
            failure.replay.clone(),
        ]
    };
    report.failures.iter().map(row).collect()
}

fn kills(report: &CampaignReport) -> Vec<Vec<String>> {
    let row = |kill: &Kill| {
        let by = match (kill.killed, kill.is_by_another()) {
            (true, _) => names(&kill.by),
            (_, true) => format!("NOT caught; noticed by {}", names(&kill.violated)),
            _ => "NOT caught".to_owned(),
        };
        vec![
            kill.catalogue.clone(),
            kill.wave.name().to_owned(),
            kill.mutant.clone(),
            by,
            names(&kill.named),
            if kill.right { "yes" } else { "no" }.to_owned(),
            kill.median
                .map_or_else(String::new, |median| median.to_string()),
            kill.tried.to_string(),
        ]
    };
    report.mutants.table.iter().map(row).collect()
}

fn harness(report: &CampaignReport) -> Vec<Vec<String>> {
    let row = |run: &HarnessRun| {
        let measured = if run.caught {
            run.by.clone()
        } else {
            format!("NOT noticed: {}", run.by)
        };
        vec![
            run.id.clone(),
            format!("{}: {}", run.name, run.hides),
            run.meta_test.clone(),
            measured,
        ]
    };
    report.harness.iter().map(row).collect()
}

fn reasons(report: &CampaignReport) -> Vec<Vec<String>> {
    let rows = report.mutants.not_seeded.iter();
    rows.map(|row| vec![row.catalogue.clone(), row.reason.clone()])
        .collect()
}

fn places(report: &CampaignReport) -> Vec<Vec<String>> {
    let rows = report.coverage.places.iter();
    rows.map(|(name, visits)| vec![name.clone(), thousands(*visits)])
        .collect()
}

fn facts(report: &CampaignReport) -> Vec<Vec<String>> {
    let build = &report.build;
    let seeds: Vec<String> = report
        .seeds
        .iter()
        .map(|span| format!("{}..{}", span.first, span.end.unwrap_or(span.first)))
        .collect();
    let facts = [
        ("sources", build.source.clone()),
        (
            "commit",
            build.commit.clone().unwrap_or_else(|| "unknown".to_owned()),
        ),
        ("compiler", build.rustc.clone()),
        (
            "compiled as",
            format!("{}, {}", build.profile, build.target),
        ),
        ("profile of Azure", report.plan.profile.name().to_owned()),
        ("seeds", seeds.join(", ")),
        ("share of the campaign", report.plan.shard.to_string()),
        (
            "each wrong orchestrator hunted through",
            format!(
                "{} of {}",
                plural(report.plan.mutant_ranges, "range"),
                plural(report.plan.mutant_seeds, "seed")
            ),
        ),
        ("wall-clock time", format!("{:.1} s", report.duration_s)),
    ];
    let row = |(name, value): (&str, String)| vec![name.to_owned(), value];
    facts.into_iter().map(row).collect()
}

/// What a reader must not take for shown.
fn not_covered(report: &CampaignReport) -> Vec<String> {
    let mut all = Vec::new();
    if !report.evidence {
        all.push("Anything: a run with the nice profile is no evidence (H09).".to_owned());
    }
    if let Some(partial) = report.partial {
        all.push(format!(
            "The rest of the plan: it ended early ({}).",
            partial.name()
        ));
    }
    if !report.coverage.missing.is_empty() {
        let judged = if report.coverage.judged {
            String::new()
        } else {
            format!(" (they fail a campaign of {SOMETIMES_AFTER} scenarios and more)")
        };
        all.push(format!(
            "Places never visited{judged}: {}.",
            report.coverage.missing.join("; ")
        ));
    }
    if !unjudged().is_empty() {
        all.push(format!(
            "Invariants without an oracle: {}.",
            names(&unjudged())
        ));
    }
    if !report.mutants.unaccounted.is_empty() {
        all.push(format!(
            "Catalogue entries that no wrong orchestrator stands for: {}.",
            report.mutants.unaccounted.join(" ")
        ));
    }
    if report.plan.mutants.is_empty() {
        all.push("Whether the oracles are awake: no wrong orchestrator was hunted.".to_owned());
    } else if !report.mutants.unproven.is_empty() {
        all.push(format!(
            "Invariants whose oracle caught none of the wrong orchestrators: {}.",
            names(&report.mutants.unproven)
        ));
    }
    if !report.plan.harness {
        all.push("Whether the harness would notice: no wrong harness was tried.".to_owned());
    }
    all.extend(NOT_COVERED.map(str::to_owned));
    all
}

fn judged() -> Vec<Invariant> {
    let mut all: Vec<Invariant> = oracles::judged().collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn unjudged() -> Vec<Invariant> {
    let judged = judged();
    Invariant::all()
        .filter(|invariant| !judged.contains(invariant))
        .collect()
}

fn names(invariants: &[Invariant]) -> String {
    let names: Vec<String> = invariants.iter().map(ToString::to_string).collect();
    names.join(" ")
}

fn table(heading: &str, columns: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text =
        format!("<h2>{heading}</h2>\n<div class=\"scroll\"><table class=\"wide\">\n<thead><tr>");
    for column in columns {
        let _infallible = write!(text, "<th scope=\"col\">{column}</th>");
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        text.push_str("<tr>");
        for cell in row {
            let _infallible = write!(text, "<td>{}</td>", escape(cell));
        }
        text.push_str("</tr>\n");
    }
    text + "</tbody>\n</table></div>\n"
}

fn list(heading: &str, items: &[String]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| format!("<li>{}</li>\n", escape(item)))
        .collect();
    format!("<h2>{heading}</h2>\n<ul>\n{}</ul>\n", items.concat())
}
