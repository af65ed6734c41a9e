//! `turquoise rollback`: the side that served before serves again.

use turquoise_orchestrator::{Start, rollback};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, settings};
use crate::target::Target;

/// Brings the old side back, gated like the way forward.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise rollback          ends an unfinished swap backwards, or swaps a finished one back\n  turquoise rollback --endpoint https://management.azure.com"
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

/// Runs the rollback and prints its report.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let settings = settings(Start::ResumeLast, None, false);
    Session::run(&args.target, output, async |session| {
        let report = rollback(&session.as_run(&settings)).await;
        Ok(session.end(output, &report))
    })
}
