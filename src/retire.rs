//! `turquoise retire`: the idle side gives its machines back.

use turquoise_orchestrator::{Start, retire};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, settings};
use crate::target::Target;

/// Takes the idle side's instances away, once nothing can need them any more.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise retire            refuses while the idle side still serves, drains or is retained\n  turquoise retire --forfeit-rollback"
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Retire although the last swap still keeps its old side, which gives up the way back.
    #[arg(long)]
    forfeit_rollback: bool,
}

/// Retires and prints the report.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let settings = settings(Start::New, None, args.forfeit_rollback);
    Session::run(&args.target, output, async |session| {
        let report = retire(&session.as_run(&settings)).await;
        Ok(session.end(output, &report).await)
    })
}
