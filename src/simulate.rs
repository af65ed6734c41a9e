//! `turquoise simulate`: seeded scenarios in virtual time, and wrong orchestrators to be caught.

use std::num::NonZero;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use turquoise_orchestrator::config::Span;
use turquoise_scenarios::campaign::{
    CampaignError, CampaignReport, Comparison, Options, Progress, Shard, Stop, compare, simulate,
};
use turquoise_scenarios::mutants::{MUTANTS, Mutant};
use turquoise_scenarios::scenario::Azure;

use crate::build::build;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Output, Paint, note};
use crate::session::runtime;

mod comparison;
mod harness;
mod kills;
mod levels;
mod merge;
mod outputs;
mod progress;
mod results;
mod shard;
mod text;

use outputs::Outputs;
use progress::Meter;
use shard::Choice;

/// Runs the reference orchestrator in seeded scenarios with faults, and hunts wrong ones.
///
/// Every scenario is a whole swap in virtual time under traffic, judged by every oracle. A seed
/// reproduces its scenario to the byte, on any machine and with any number of threads.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  turquoise simulate                       a thousand seeds and every mutant\n  turquoise simulate --seeds 41..42 --no-mutants\n  turquoise simulate --time 10m --no-mutants --certificate certificate\n  turquoise simulate --seeds 200 --failures failures\n  turquoise simulate --seeds 50 --digest-only\n  turquoise simulate --seeds 100 --no-mutants --compare\n  turquoise simulate --mutant kill-inflight,F58\n  turquoise simulate --seeds 100000 --shard auto --results file:///mnt/results\n  turquoise simulate merge file:///mnt/results --certificate certificate\n  turquoise simulate levels --seeds 10000\n  turquoise simulate --mutant-ranges 5 --kills KILLS.md\n\nEnds with 0 when nothing failed and every mutant and wrong harness was caught, with 13 otherwise (`turquoise explain campaign`)."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    campaign: Campaign,
}

/// What else there is to do with campaigns.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Join the results of all shards into one.
    Merge(merge::Args),
    /// Run the same seeds on every level of simulation and compare their digests.
    Levels(levels::Args),
}

/// What a campaign runs.
#[derive(Debug, clap::Args)]
struct Campaign {
    /// How many seeds from 0, or a range `a..b` without its end; 1000 unless told otherwise, and
    /// with `--time` as many as it gives.
    #[arg(long, value_parser = seeds, value_name = "N|A..B")]
    seeds: Option<Range<u64>>,
    /// Begin no new seed after this long, such as `90s`, `10m` or `8h`.
    #[arg(long, alias = "time-limit", value_parser = span, value_name = "SPAN")]
    time: Option<Duration>,
    /// How Azure behaves where evidence leaves it open. What `nice` shows is no evidence.
    #[arg(
        long,
        value_parser = profile,
        default_value = "pessimistic",
        value_name = "pessimistic|calibrated|nice"
    )]
    profile: Azure,
    /// Hunt the wrong orchestrators too, and try the wrong harnesses (H01 to H15); the default.
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
    #[arg(long, default_value_t = 1000, value_name = "N")]
    mutant_seeds: u64,
    /// Disjoint ranges of seeds to hunt each through, for the median of the first kills.
    #[arg(long, default_value_t = 1, value_name = "K", value_parser = clap::value_parser!(u64).range(1..))]
    mutant_ranges: u64,
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
    /// Run only this share of the campaign: `2/3`, or `auto` for what the scheduler's index
    /// variables say (`turquoise explain campaign`).
    #[arg(long, value_parser = shard::choice, value_name = "I/N|auto")]
    shard: Option<Choice>,
    /// A folder in which each failing seed leaves its scenario, shrunk scenario, trace, verdict and
    /// timeline, for `turquoise replay`.
    #[arg(long, value_name = "FOLDER", help_heading = "Results")]
    failures: Option<PathBuf>,
    #[command(flatten)]
    outputs: Outputs,
}

impl Campaign {
    fn options(&self, stop: &Stop) -> Result<Options, Failure> {
        let seeds = self.reference_seeds();
        let shard = self.share()?;
        if shard != Shard::ALL && seeds.end == u64::MAX {
            return Err(Failure::usage("a share of a campaign without an end")
                .next("say with --seeds which seeds the shares are of"));
        }
        Ok(Options {
            seeds,
            mutants: self.hunted(),
            mutant_seeds: self.mutant_seeds,
            mutant_ranges: self.mutant_ranges,
            harness: self.mutates_harness(),
            profile: self.profile,
            shard,
            threads: self.threads,
            time_limit: self.time,
            failures: self.failures.clone(),
            build: build(),
            stop: stop.clone(),
        })
    }

    fn reference_seeds(&self) -> Range<u64> {
        let all = match (&self.mutant[..], self.time) {
            ([_, ..], _) => 0..0,
            ([], Some(_)) => 0..u64::MAX,
            ([], None) => 0..1000,
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

    /// Only who hunts every mutant asks of the harness too: for a single one it would take longer
    /// than the hunt.
    fn mutates_harness(&self) -> bool {
        !self.no_mutants && !self.digest_only && self.mutant.is_empty()
    }

    fn share(&self) -> Result<Shard, Failure> {
        match self.shard {
            None => Ok(Shard::ALL),
            Some(Choice::Of(shard)) => Ok(shard),
            Some(Choice::Auto) => {
                let found = shard::detect(|name| std::env::var(name).ok());
                found.map_err(|why| {
                    Failure::usage(format!("cannot tell this job's share: {why}"))
                        .next("say it with --shard i/n, from 1")
                })
            }
        }
    }
}

/// Runs the campaign, or what else is to be done, and prints the report.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    match &args.action {
        Some(Action::Merge(args)) => merge::run(args, output),
        Some(Action::Levels(args)) => levels::run(args, output),
        None => args.campaign.run(output),
    }
}

impl Campaign {
    fn run(&self, output: &Output) -> Result<Exit, Failure> {
        self.outputs.check()?;
        let stop = Stop::default();
        let options = self.options(&stop)?;
        let signals = Signals::listen(&stop)?;
        output.event(&json!({"event": "started", "shard": options.shard}));
        let meter = Meter::new(output, self.digest_only, self.time);
        let report = simulate(&options, &|progress: &Progress| meter.tell(progress));
        meter.finish();
        let report = report.map_err(|error| unfinished(&error))?;
        if self.digest_only && report.partial.is_none() {
            output.text(&report.digest.to_string());
            output.document(&json!({"event": "result", "digest": report.digest}));
            return Ok(Exit::Completed);
        }
        let asked = signals.asked();
        let compared = match asked {
            None => self.compared()?,
            Some(_) => None,
        };
        let exit = asked.unwrap_or_else(|| exit(&report, compared.as_ref()));
        self.outputs.write(&report)?;
        output.text(&text::report(&report, Paint::stdout()));
        if let Some(compared) = &compared {
            output.text(&format!("\n{}", comparison::text(compared)));
        }
        output.document(&document(&report, compared.as_ref(), exit));
        Ok(exit)
    }

    /// The published script beside ours, where that was asked for.
    fn compared(&self) -> Result<Option<Comparison>, Failure> {
        let Some(seeds) = &self.compare else {
            return Ok(None);
        };
        note("comparing with the published script, under each fault");
        let compared = compare(seeds, self.threads);
        compared.map(Some).map_err(|error| unfinished(&error))
    }
}

fn unfinished(error: &CampaignError) -> Failure {
    Failure::new(Exit::Internal, "the campaign could not be run to its end")
        .because(error)
        .next("report it with the seed named above; another --seeds range may still run")
}

/// Ctrl-C and SIGTERM: the first ends the campaign with a partial report, the second at once.
struct Signals {
    interrupt: Interrupt,
    /// Carries the listening tasks.
    _runtime: tokio::runtime::Runtime,
}

impl Signals {
    fn listen(stop: &Stop) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let listening = runtime.block_on(async { Interrupt::listen("ended at once") });
        let interrupt = listening.map_err(|error| {
            Failure::new(Exit::Internal, "cannot listen for Ctrl-C").because(&error)
        })?;
        let (heard, stop) = (interrupt.clone(), stop.clone());
        runtime.spawn(async move {
            heard.wait().await;
            stop.ask();
        });
        Ok(Self {
            interrupt,
            _runtime: runtime,
        })
    }

    fn asked(&self) -> Option<Exit> {
        self.interrupt.asked()
    }
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

/// A span of time, in whole seconds where it has no unit.
fn span(text: &str) -> Result<Duration, String> {
    let plain = text.parse().map(Duration::from_secs);
    plain.or_else(|_| {
        let span = Span::try_from(text.to_owned());
        span.map(|span| span.0).map_err(|error| error.to_string())
    })
}

fn profile(text: &str) -> Result<Azure, String> {
    let all = [Azure::Pessimistic, Azure::Calibrated, Azure::Nice];
    all.into_iter()
        .find(|known| known.name() == text)
        .ok_or_else(|| "write pessimistic, calibrated or nice".to_owned())
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
    fn a_span_has_a_unit_or_is_in_seconds() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200)] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "soon", "-5", "1.5h", "10 minutes"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

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
