//! `turquoise simulate levels`: the same seeds on every level of simulation, to one digest.

use std::fmt::Write as _;
use std::num::NonZero;
use std::ops::Range;

use serde_json::json;
use turquoise_scenarios::campaign::{Difference, LevelOptions, LevelReport, Stop, agree};

use super::progress::Meter;
use super::{Signals, unfinished};
use crate::display::thousands;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, Paint};

/// Runs the same seeds on every level of simulation and compares their digests.
///
/// L0 calls the core of the cloud, L1 its real router under a paused clock, L2 the whole HTTP stack
/// of client and server over byte streams in memory. A campaign runs on L0 and speaks for the
/// others only where all three give one digest. Any number of threads gives the same one, and the
/// digests of parts add up to that of the whole.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise simulate levels --seeds 10000\n  turquoise simulate levels --seeds 200 --faults --output json\n\nEnds with 0 when all levels gave one digest on every seed, with 13 otherwise."
)]
pub(super) struct Args {
    /// How many seeds from 0, or a range `a..b` without its end.
    #[arg(long, value_parser = super::seeds, default_value = "1000", value_name = "N|A..B")]
    seeds: Range<u64>,
    /// Leave the seeds' faults in; without this nothing goes wrong in them.
    #[arg(long)]
    faults: bool,
    /// Threads; one per core when absent.
    #[arg(long)]
    threads: Option<NonZero<usize>>,
}

/// Compares and prints the report.
pub(super) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let stop = Stop::default();
    let signals = Signals::listen(&stop)?;
    let options = LevelOptions {
        seeds: args.seeds.clone(),
        faults: args.faults,
        threads: args.threads,
        stop,
    };
    let meter = Meter::new(output, false, None);
    let report = agree(&options, &|progress| meter.tell(progress));
    meter.finish();
    let report = report.map_err(|error| unfinished(&error))?;
    let exit = signals.asked().unwrap_or_else(|| exit(&report));
    output.text(&text(&report, Paint::stdout()));
    let mut document = json!(report);
    document["exit_code"] = json!(exit.code());
    output.document(&document);
    Ok(exit)
}

fn exit(report: &LevelReport) -> Exit {
    if report.agree {
        Exit::Completed
    } else {
        Exit::BudgetViolated
    }
}

/// The report for people, without a line feed at its end.
fn text(report: &LevelReport, paint: Paint) -> String {
    let headline = if report.agree {
        paint.good("every level gave the same")
    } else {
        paint.bad(&format!("on {} the levels differ", report.differed))
    };
    let kind = if report.faults { "" } else { " without faults" };
    let mut text = format!(
        "{} scenarios{kind}: {headline}",
        thousands(report.scenarios)
    );
    if report.partial {
        let _infallible = write!(text, "\n  {}", paint.bad("partial: ended early"));
    }
    for (level, digest) in &report.digests {
        let _infallible = write!(text, "\n  {}  {digest}", paint.dim(level));
    }
    for difference in &report.differing {
        text.push_str(&differs(difference));
    }
    let _infallible = write!(text, "\n  {:.1} s", report.duration_s);
    text
}

fn differs(difference: &Difference) -> String {
    let each = difference.digests.iter();
    let each: Vec<String> = each
        .map(|(level, digest)| format!("{level} {digest}"))
        .collect();
    format!("\n  seed {}: {}", difference.seed, each.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use turquoise_scenarios::trace::Digest;

    #[test]
    fn levels_that_differ_are_named_and_end_with_the_code_of_a_caught_defect() {
        let digests = |other: u64| [("L0", Digest(7)), ("L2", Digest(other))].into();
        let report = |other: u64| LevelReport {
            scenarios: 1200,
            faults: false,
            agree: other == 7,
            digests: digests(other),
            differed: u64::from(other != 7),
            differing: Vec::from_iter((other != 7).then(|| Difference {
                seed: 41,
                digests: digests(other),
            })),
            partial: false,
            duration_s: 1.0,
        };
        assert_eq!(exit(&report(7)), Exit::Completed);
        assert_eq!(exit(&report(8)), Exit::BudgetViolated);
        let shown = text(&report(8), Paint::plain());
        for expected in ["on 1 the levels differ", "seed 41: L0 0000000000000007, L2"] {
            assert!(shown.contains(expected), "{shown}");
        }
        assert!(!text(&report(7), Paint::plain()).contains("differ"));
    }
}
