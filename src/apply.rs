//! `turquoise apply`: does what an approved plan says, or refuses.

use std::path::{Path, PathBuf};

use turquoise_orchestrator::{Approved, Environment, PlanRefusal, Start, SwapPlan, swap};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, settings};
use crate::target::Target;

/// Applies a plan file, if the world still is the one it was made for.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise plan --out swap.plan && turquoise apply swap.plan\n\nEnds with 9 and changes nothing when the plan expired, was edited, or the world has moved."
)]
pub(crate) struct Args {
    /// The file that `turquoise plan --out` wrote.
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    #[command(flatten)]
    target: Target,
    /// Swap although the last swap still keeps its old side, which gives up the way back.
    #[arg(long)]
    forfeit_rollback: bool,
}

/// Reads the plan, then swaps under it.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let text = std::fs::read_to_string(&args.plan).map_err(|error| {
        Failure::usage(format!("cannot read the plan `{}`", args.plan.display()))
            .because(&error)
            .next("`turquoise plan --out FILE` writes one")
    })?;
    Session::run(&args.target, output, async |session| {
        let now = session.environment.unix_millis();
        let plan = SwapPlan::open(&text, now).map_err(|refusal| refused(&args.plan, &refusal))?;
        let new = plan.content.new.name.clone();
        let mut settings = settings(Start::New, Some(&new), args.forfeit_rollback);
        settings.approved = Some(Approved {
            hash: plan.hash.clone(),
            plan: Some(Box::new(plan)),
        });
        let report = swap(&session.as_run(&settings)).await;
        Ok(session.end(output, &report).await)
    })
}

fn refused(file: &Path, refusal: &PlanRefusal) -> Failure {
    let exit = Exit::from_code(refusal.exit_code());
    Failure::new(exit, format!("cannot apply `{}`", file.display()))
        .because(refusal)
        .next("make a new plan with `turquoise plan --out FILE`; nothing was changed")
}
