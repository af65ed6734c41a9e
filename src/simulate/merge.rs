//! `turquoise simulate merge`: the results of all shards as the result of the whole campaign.

use turquoise_scenarios::campaign;

use super::outputs::Outputs;
use super::{document, exit, results, text};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, Paint};

/// Joins the results of all shards of a campaign into one.
///
/// Refuses what does not belong together: a seed that is missing or was run twice, results of
/// different campaigns or builds. The digest is that of the same campaign on one machine.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise simulate merge shard-*.json --certificate certificate\n  turquoise simulate merge file:///mnt/results/run-7 --junit campaign.xml\n\nEnds as `simulate` does: with 0 when all shards held, with 13 otherwise; with 9 when they do not belong together."
)]
pub(crate) struct Args {
    /// Result files, folders of them, or URLs of object stores.
    #[arg(required = true, value_name = "FILE|FOLDER|URL")]
    places: Vec<String>,
    #[command(flatten)]
    outputs: Outputs,
}

/// Merges and prints the report.
pub(super) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    args.outputs.check()?;
    let reports = results::read(&args.places)?;
    let merged = campaign::merge(&reports).map_err(|error| {
        Failure::new(
            Exit::Stale,
            "the results are not all the shards of one campaign",
        )
        .because(&error)
        .next("name the result of every shard once, all run by one build with the same options")
    })?;
    args.outputs.write(&merged)?;
    let exit = exit(&merged, None);
    output.text(&format!(
        "{} shards merged\n{}",
        reports.len(),
        text::report(&merged, Paint::stdout())
    ));
    output.document(&document(&merged, None, exit));
    Ok(exit)
}
