//! A campaign's report for people.

use std::fmt::Write as _;

use turquoise_scenarios::campaign::{
    CampaignReport, Failure as FailedSeed, Interval, Partial, Shard,
};

use super::{harness, kills};
use crate::display::thousands;
use crate::output::Paint;

/// Failing seeds named in the text; the JSON names all.
const NAMED: usize = 10;

/// The report for people, without a line feed at its end.
pub(super) fn report(report: &CampaignReport, paint: Paint) -> String {
    let headline = match report.failed {
        0 => paint.good("no scenario failed"),
        failed => paint.bad(&format!("{failed} scenarios failed")),
    };
    let mut text = format!("{} scenarios: {headline}", thousands(report.scenarios));
    for warning in warnings(report) {
        let _infallible = write!(text, "\n  {}", paint.bad(&warning));
    }
    let mut row = |name: &str, value: String| {
        let _infallible = write!(text, "\n  {}  {value}", paint.dim(&format!("{name:<9}")));
    };
    row(
        "requests",
        format!(
            "{} simulated, {:.1} million a second",
            thousands(report.requests),
            report.requests_per_s / 1e6
        ),
    );
    row(
        "speed",
        format!(
            "{:.0} scenarios a second, {:.1} s in all",
            report.scenarios_per_s, report.duration_s
        ),
    );
    if report.scenarios > 0 {
        row("failures", rate(report.failure_rate, "of scenarios"));
        row(
            "losses",
            rate(report.loss_rate, "of requests, in failed scenarios"),
        );
    }
    row("outcomes", outcomes(report));
    if report.mutants.total > 0 {
        row("mutants", mutants(report, paint));
    }
    if !report.harness.is_empty() {
        row("harness", harness(report, paint));
    }
    row("coverage", coverage(report, paint));
    row("digest", report.digest.to_string());
    if !report.mutants.table.is_empty() {
        let _infallible = write!(text, "\n\n{}", kills::text(&report.mutants));
    }
    if !report.harness.is_empty() {
        let _infallible = write!(text, "\n\n{}", harness::text(&report.harness));
    }
    for failure in report.failures.iter().take(NAMED) {
        text.push_str(&failed(failure, paint));
    }
    if report.failures.len() > NAMED {
        let _infallible = write!(text, "\n… and {} more", report.failures.len() - NAMED);
    }
    text
}

/// What a reader must know before the numbers.
fn warnings(report: &CampaignReport) -> Vec<String> {
    let mut all = Vec::new();
    if !report.evidence {
        all.push("no evidence: the nice profile leaves out what Azure may do (H09)".to_owned());
    }
    match report.partial {
        Some(Partial::Interrupted) => all.push("partial: interrupted before its end".to_owned()),
        Some(Partial::Time) => all.push("partial: its time was up before its end".to_owned()),
        None => {}
    }
    if report.plan.shard != Shard::ALL {
        all.push(format!(
            "share {} of a campaign: merge it with the others",
            report.plan.shard
        ));
    }
    all
}

fn rate(interval: Interval, of: &str) -> String {
    format!(
        "{:.1e} {of}, at most {:.1e} (95 %)",
        interval.rate, interval.upper
    )
}

fn outcomes(report: &CampaignReport) -> String {
    let each = |(name, count): (&String, &u64)| format!("{count} {}", name.replace('_', " "));
    let all: Vec<String> = report.outcomes.iter().map(each).collect();
    all.join(", ")
}

fn mutants(report: &CampaignReport, paint: Paint) -> String {
    let mutants = &report.mutants;
    let right = mutants.killed - mutants.by_another_oracle.len();
    let caught = format!(
        "{} of {} caught, {right} by an oracle that the catalogue names",
        mutants.killed, mutants.total
    );
    if mutants.survivors.is_empty() {
        paint.good(&caught)
    } else {
        paint.bad(&format!(
            "{caught}; survivors: {}",
            mutants.survivors.join(", ")
        ))
    }
}

fn harness(report: &CampaignReport, paint: Paint) -> String {
    let of = report.harness.len();
    let unnoticed: Vec<&str> = report.unnoticed().map(|run| run.name.as_str()).collect();
    let noticed = format!("{} of {of} wrong ones noticed", of - unnoticed.len());
    if unnoticed.is_empty() {
        paint.good(&noticed)
    } else {
        paint.bad(&format!("{noticed}; not: {}", unnoticed.join(", ")))
    }
}

fn coverage(report: &CampaignReport, paint: Paint) -> String {
    let coverage = &report.coverage;
    let reached = format!(
        "{} of {} interesting places visited",
        coverage.reached, coverage.expected
    );
    if coverage.missing.is_empty() {
        return reached;
    }
    let missing = format!("{reached}; not: {}", coverage.missing.join("; "));
    if coverage.holds() {
        missing
    } else {
        paint.bad(&missing)
    }
}

fn failed(failure: &FailedSeed, paint: Paint) -> String {
    let violated: Vec<String> = failure.violated.iter().map(ToString::to_string).collect();
    let folder = match &failure.folder {
        Some(folder) => format!("\n  evidence  {}", folder.display()),
        None => String::new(),
    };
    format!(
        "\n\n{} {}, {} lost: {}\n  replay    {}{folder}",
        paint.bad(&format!("seed {}:", failure.seed)),
        violated.join(" "),
        thousands(failure.lost),
        failure.why,
        failure.replay,
    )
}
