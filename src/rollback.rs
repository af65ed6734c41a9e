//! `turquoise rollback`: the side that served before serves again.

use turquoise_orchestrator::{Ask, Asked, Start, ask, rollback};

use crate::control::heard;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, settings, store_failure};
use crate::target::Target;

/// Brings the old side back, gated like the way forward.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise rollback          ends an unfinished swap backwards, or swaps a finished one back\n  turquoise rollback --endpoint https://management.azure.com\n\nA run that another process drives is asked, as by `turquoise abort`: 10.\nWhere no run tells which side served before, nothing is done: 3; `turquoise swap --to SIDE` names one."
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Why, for the journal and for whoever drives the run.
    #[arg(long, default_value = "")]
    reason: String,
}

/// Runs the rollback and prints its report.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let settings = settings(Start::ResumeLast, None, false);
    Session::run(&args.target, output, async |session| {
        let asked = ask(&session.as_run(&settings), Ask::Abort, &args.reason).await;
        if let Asked::Heard(lease) = asked.map_err(|error| store_failure(&error))? {
            return Ok(heard(output, &lease.owner, &lease.run, "goes back"));
        }
        let report = rollback(&session.as_run(&settings)).await;
        Ok(session.end(output, &report).await)
    })
}
