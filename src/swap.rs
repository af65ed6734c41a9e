//! `turquoise swap`: the idle side takes over, without losing a request.

use turquoise_orchestrator::{Approved, RunId, Start, swap};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, settings};
use crate::target::Target;

/// Swaps to the idle side, or goes on with an unfinished swap.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise swap                      to whichever side is idle\n  turquoise swap --approve-with HASH  only as planned; 9 when the world has moved\n  turquoise swap --to blue            to blue; done at once when blue serves already\n  turquoise swap --resume             go on after Ctrl-C or a crash, from any machine with the journal\n  turquoise swap --endpoint https://management.azure.com\n\nCtrl-C stops at the next safe point: the journal is written and --resume goes on."
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The side that is to serve; without it, the idle one.
    #[arg(long, value_name = "SIDE")]
    to: Option<String>,
    /// Go on with an unfinished run: the last one, or the one with this id.
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "")]
    resume: Option<String>,
    /// Swap although the last swap still keeps its old side, which gives up the way back.
    #[arg(long)]
    forfeit_rollback: bool,
    /// Swap only if the plan is the one with this hash, as `turquoise plan` printed it.
    #[arg(long, value_name = "HASH", conflicts_with = "resume")]
    approve_with: Option<String>,
}

/// Runs the swap and prints its report.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let start = start(args.resume.as_deref())?;
    let mut settings = settings(start, args.to.as_deref(), args.forfeit_rollback);
    settings.approved = args
        .approve_with
        .clone()
        .map(|hash| Approved { hash, plan: None });
    Session::run(&args.target, output, async |session| {
        let report = swap(&session.as_run(&settings)).await;
        Ok(session.end(output, &report).await)
    })
}

fn start(resume: Option<&str>) -> Result<Start, Failure> {
    match resume {
        None => Ok(Start::New),
        Some("") => Ok(Start::ResumeLast),
        Some(id) => RunId::parse(id).map(Start::Resume).map_err(|error| {
            Failure::usage(format!("cannot go on with run `{id}`"))
                .because(&error)
                .next("`turquoise status` names the last run")
        }),
    }
}
