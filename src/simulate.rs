//! `turquoise simulate`: seeded scenarios in virtual time, and wrong orchestrators to be caught.

use std::fmt::Write as _;
use std::num::NonZero;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use turquoise_scenarios::Invariant;
use turquoise_scenarios::campaign::{
    CampaignError, CampaignReport, Comparison, Failure as FailedSeed, Kill, Options, Progress,
    compare, simulate,
};
use turquoise_scenarios::mutants::{MUTANTS, Mutant};

use crate::display::thousands;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, Paint, note};
use crate::session::runtime;

mod comparison;
mod progress;

use progress::Meter;

/// Failing seeds named in the text; the JSON names all.
const NAMED: usize = 10;

/// Runs the reference orchestrator in seeded scenarios with faults, and hunts wrong ones.
///
/// Every scenario is a whole swap in virtual time under traffic, judged by every oracle. A seed
/// reproduces its scenario to the byte, on any machine and with any number of threads.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise simulate                       a thousand seeds and every mutant\n  turquoise simulate --seeds 41..42 --no-mutants\n  turquoise simulate --seeds 200 --failures failures\n  turquoise simulate --seeds 50 --digest-only\n  turquoise simulate --seeds 100 --no-mutants --compare\n  turquoise simulate --mutant kill-inflight,F58\n\nEnds with 0 when nothing failed and every mutant was caught, with 13 otherwise."
)]
pub(crate) struct Args {
    /// How many seeds from 0, or a range `a..b` without its end; 1000 unless told otherwise.
    #[arg(long, value_parser = seeds, value_name = "N|A..B")]
    seeds: Option<Range<u64>>,
    /// Hunt the wrong orchestrators too; the default.
    #[arg(long, overrides_with = "no_mutants")]
    mutants: bool,
    /// Only the reference orchestrator.
    #[arg(long)]
    no_mutants: bool,
    /// Only these wrong orchestrators, by their names or catalogue entries; without `--seeds`
    /// nothing else is run.
    #[arg(
        long,
        value_parser = mutant,
        value_delimiter = ',',
        value_name = "ID",
        conflicts_with_all = ["no_mutants", "digest_only"]
    )]
    mutant: Vec<&'static Mutant>,
    /// Scenarios tried per wrong orchestrator before it counts as a survivor.
    #[arg(long, default_value_t = 40, value_name = "N")]
    mutant_seeds: u64,
    /// Also set the published script beside the reference, under each fault alone, in this many
    /// scenarios each or in those of a range of seeds (`turquoise explain comparison`).
    #[arg(
        long,
        value_parser = seeds,
        value_name = "N|A..B",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "20",
        conflicts_with = "digest_only"
    )]
    compare: Option<Range<u64>>,
    /// Print only the digest of all traces: equal for equal seeds, in any process.
    #[arg(long, conflicts_with = "mutants")]
    digest_only: bool,
    /// Threads; one per core when absent.
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Begin no new seed after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    time_limit: Option<u64>,
    /// A folder in which each failing seed leaves its scenario, shrunk scenario, trace and verdict.
    #[arg(long, value_name = "FOLDER")]
    failures: Option<PathBuf>,
}

impl Args {
    fn reference_seeds(&self) -> Range<u64> {
        let all = if self.mutant.is_empty() {
            0..1000
        } else {
            0..0
        };
        self.seeds.clone().unwrap_or(all)
    }

    fn hunted(&self) -> Vec<&'static Mutant> {
        if self.no_mutants || self.digest_only {
            Vec::new()
        } else if self.mutant.is_empty() {
            MUTANTS.iter().collect()
        } else {
            self.mutant.clone()
        }
    }

    fn options(&self) -> Options {
        Options {
            seeds: self.reference_seeds(),
            mutants: self.hunted(),
            mutant_seeds: self.mutant_seeds,
            threads: self.threads,
            time_limit: self.time_limit.map(Duration::from_secs),
            failures: self.failures.clone(),
        }
    }
}

/// Runs the campaign and prints its report.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    stop_on_signals()?;
    let meter = Meter::new(output, args.digest_only);
    let report = simulate(&args.options(), &|progress: &Progress| meter.tell(progress));
    meter.finish();
    let report = report.map_err(|error| unfinished(&error))?;
    if args.digest_only {
        output.text(&report.digest.to_string());
        output.document(&json!({"event": "result", "digest": report.digest}));
        return Ok(Exit::Completed);
    }
    let compared = compared(args)?;
    let exit = exit(&report, compared.as_ref());
    output.text(&text(&report, Paint::stdout()));
    if let Some(compared) = &compared {
        output.text(&format!("\n{}", comparison::text(compared)));
    }
    output.document(&document(&report, compared.as_ref(), exit));
    Ok(exit)
}

/// The published script beside ours, where that was asked for.
fn compared(args: &Args) -> Result<Option<Comparison>, Failure> {
    let Some(seeds) = &args.compare else {
        return Ok(None);
    };
    note("comparing with the published script, under each fault");
    let compared = compare(seeds, args.threads);
    compared.map(Some).map_err(|error| unfinished(&error))
}

fn unfinished(error: &CampaignError) -> Failure {
    Failure::new(Exit::Internal, "the campaign could not be run to its end")
        .because(error)
        .next("report it with the seed named above; another --seeds range may still run")
}

/// A campaign has no state to save: Ctrl-C ends it at once, with the documented code.
fn stop_on_signals() -> Result<(), Failure> {
    let runtime = runtime()?;
    std::thread::spawn(move || {
        let exit = runtime.block_on(async {
            match crate::interrupt::Interrupt::listen("ended at once") {
                Ok(interrupt) => interrupt.wait().await,
                Err(_) => std::future::pending().await,
            }
        });
        std::process::exit(exit.code().into());
    });
    Ok(())
}

fn exit(report: &CampaignReport, compared: Option<&Comparison>) -> Exit {
    if report.holds() && compared.is_none_or(Comparison::holds) {
        Exit::Completed
    } else {
        Exit::BudgetViolated
    }
}

/// The last line of `--output json` (design.md, "JSON that other programs rely on").
fn document(
    report: &CampaignReport,
    compared: Option<&Comparison>,
    exit: Exit,
) -> serde_json::Value {
    let mut document = serde_json::to_value(report).unwrap_or_else(|_| json!({}));
    if let Some(members) = document.as_object_mut() {
        members.insert("exit_code".to_owned(), json!(exit.code()));
        if let Some(compared) = compared {
            members.insert("comparison".to_owned(), json!(compared));
        }
    }
    document
}

fn text(report: &CampaignReport, paint: Paint) -> String {
    let headline = match report.failed {
        0 => paint.good("no scenario failed"),
        failed => paint.bad(&format!("{failed} scenarios failed")),
    };
    let mut text = format!("{} scenarios: {headline}", thousands(report.scenarios));
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
    row("outcomes", outcomes(report));
    if report.mutants.total > 0 {
        row("mutants", mutants(report, paint));
    }
    row("coverage", coverage(report));
    row("digest", report.digest.to_string());
    for kill in &report.mutants.table {
        let _infallible = write!(text, "\n  {}", killed(kill));
    }
    for failure in report.failures.iter().take(NAMED) {
        text.push_str(&failed(failure, paint));
    }
    if report.failures.len() > NAMED {
        let _infallible = write!(text, "\n… and {} more", report.failures.len() - NAMED);
    }
    text
}

fn outcomes(report: &CampaignReport) -> String {
    let each = |(name, count): (&&str, &u64)| format!("{count} {}", name.replace('_', " "));
    let all: Vec<String> = report.outcomes.iter().map(each).collect();
    all.join(", ")
}

fn mutants(report: &CampaignReport, paint: Paint) -> String {
    let mutants = &report.mutants;
    let caught = format!("{} of {} caught", mutants.killed, mutants.total);
    if mutants.survivors.is_empty() {
        paint.good(&caught)
    } else {
        paint.bad(&format!(
            "{caught}; survivors: {}",
            mutants.survivors.join(", ")
        ))
    }
}

fn coverage(report: &CampaignReport) -> String {
    let coverage = &report.coverage;
    let reached = format!(
        "{} of {} interesting places visited",
        coverage.reached, coverage.expected
    );
    if coverage.missing.is_empty() {
        reached
    } else {
        format!("{reached}; not: {}", coverage.missing.join("; "))
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

fn killed(kill: &Kill) -> String {
    let list = |invariants: &[Invariant]| {
        let names: Vec<String> = invariants.iter().map(ToString::to_string).collect();
        names.join(" ")
    };
    let name = format!("{:<4} {:<20}", kill.catalogue, kill.mutant);
    match kill.seed {
        Some(seed) if kill.killed => {
            format!(
                "{name} caught by {} on seed {seed}, scenario {}",
                list(&kill.violated),
                kill.tried
            )
        }
        _ if kill.is_by_another() => format!(
            "{name} NOT caught by {}, only by {}, in {} scenarios",
            list(&kill.belongs_to),
            list(&kill.violated),
            kill.tried
        ),
        _ => format!(
            "{name} NOT caught by {} in {} scenarios",
            list(&kill.belongs_to),
            kill.tried
        ),
    }
}

/// A mutant by its name, or by its catalogue entry where it is the only one of it.
fn mutant(text: &str) -> Result<&'static Mutant, String> {
    let unknown = || {
        let names: Vec<&str> = MUTANTS.iter().map(|mutant| mutant.id).collect();
        format!(
            "no wrong orchestrator is called that; there are {}",
            names.join(", ")
        )
    };
    let mut listed = MUTANTS
        .iter()
        .filter(|mutant| mutant.catalogue.eq_ignore_ascii_case(text));
    let only = listed.next().filter(|_| listed.next().is_none());
    Mutant::by_id(text).or(only).ok_or_else(unknown)
}

/// `N`, or `A..B` without its end; never empty.
fn seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match text.split_once("..") {
        None => number(text).map(|count| 0..count),
        Some((first, end)) => number(first)
            .zip(number(end))
            .map(|(first, end)| first..end),
    };
    range
        .filter(|range| !range.is_empty())
        .ok_or_else(|| "write how many, such as 1000, or a range, such as 41..42".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_found_by_its_name_and_by_its_entry() {
        for mutant_of in MUTANTS {
            assert_eq!(mutant(mutant_of.id).map(|m| m.id), Ok(mutant_of.id));
        }
        assert_eq!(mutant("f37").map(|m| m.id), Ok("kill-inflight"));
        assert!(mutant("nobody").is_err_and(|text| text.contains("kill-inflight")));
    }

    #[test]
    fn seeds_are_a_count_or_a_range() {
        assert_eq!(seeds("1000"), Ok(0..1000));
        assert_eq!(seeds("41..42"), Ok(41..42));
        for text in ["0", "5..5", "9..3", "many", "-1", "1..", "..3"] {
            assert!(seeds(text).is_err(), "{text}");
        }
    }
}
