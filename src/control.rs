//! `turquoise abort`, `pause` and `resume`: getting out of a run, holding it, going on.
//!
//! A run that another process drives is asked through the store and obeys within seconds, at its
//! next safe point; a run that nobody drives is driven from here.

use serde_json::json;
use turquoise_orchestrator::{Ask, Asked, RunId, Start, abort, ask, resume};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, settings, store_failure};
use crate::target::Target;

/// Ends the unfinished run and brings the old side back.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise abort --reason 'errors in the shop'\n\nBefore the first gateway write only pins are undone (4); after it the old side is brought back with\nproof (5, or 6 when the proof is incomplete). A run that another process drives is asked: 10. Twice\nis as good as once."
)]
pub(crate) struct AbortArgs {
    #[command(flatten)]
    target: Target,
    /// Why, for the journal and for whoever drives the run.
    #[arg(long, default_value = "")]
    reason: String,
}

/// Stops the run that another process drives, at its next safe point.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise pause --reason 'looking at the logs'\n  turquoise resume\n\nThe paused process ends with 10; pool and pins stay as they are until `turquoise resume`, `abort` or\n`rollback`."
)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    target: Target,
    /// Why, for the journal and for whoever drives the run.
    #[arg(long, default_value = "")]
    reason: String,
}

/// Goes on with an unfinished run, from any machine that has the journal.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise resume            the last unfinished run; nothing to do when there is none\n  turquoise resume 20260304-120000-7f3c"
)]
pub(crate) struct ResumeArgs {
    /// The run; without it, the last unfinished one.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    #[command(flatten)]
    target: Target,
}

/// Asks, or drives the way back.
pub(crate) fn run_abort(args: &AbortArgs, output: &Output) -> Result<Exit, Failure> {
    let settings = settings(Start::ResumeLast, None, false);
    Session::run(&args.target, output, async |session| {
        let asked = ask(&session.as_run(&settings), Ask::Abort, &args.reason).await;
        match asked.map_err(|error| store_failure(&error))? {
            Asked::Heard(lease) => Ok(heard(output, &lease.owner, &lease.run, "goes back")),
            Asked::NobodyDrives(_) | Asked::NothingOpen => {
                let report = abort(&session.as_run(&settings)).await;
                Ok(session.end(output, &report).await)
            }
        }
    })
}

/// Asks; a run that nobody drives stands still already.
pub(crate) fn run_pause(args: &PauseArgs, output: &Output) -> Result<Exit, Failure> {
    let settings = settings(Start::ResumeLast, None, false);
    Session::run(&args.target, output, async |session| {
        let asked = ask(&session.as_run(&settings), Ask::Pause, &args.reason).await;
        let still = match asked.map_err(|error| store_failure(&error))? {
            Asked::Heard(lease) => return Ok(heard(output, &lease.owner, &lease.run, "pauses")),
            Asked::NobodyDrives(run) => {
                format!("no process drives run `{run}`; `turquoise resume` goes on with it")
            }
            Asked::NothingOpen => "no run is unfinished".to_owned(),
        };
        output.text(&format!("nothing to do: {still}"));
        output.document(&json!({
            "event": "result", "outcome": "nothing_to_do", "exit_code": 0, "changed": false,
            "reason": still,
        }));
        Ok(Exit::Completed)
    })
}

/// Takes the run up.
pub(crate) fn run_resume(args: &ResumeArgs, output: &Output) -> Result<Exit, Failure> {
    let start = match &args.run {
        None => Start::ResumeLast,
        Some(id) => run_id(id).map(Start::Resume)?,
    };
    let settings = settings(start, None, false);
    Session::run(&args.target, output, async |session| {
        let report = resume(&session.as_run(&settings)).await;
        Ok(session.end(output, &report).await)
    })
}

/// A run's id as a person types it.
pub(crate) fn run_id(text: &str) -> Result<RunId, Failure> {
    RunId::parse(text).map_err(|error| {
        Failure::usage(format!("`{text}` names no run"))
            .because(&error)
            .next("`turquoise history` names them all")
    })
}

/// Says that the process which drives the run was asked.
pub(crate) fn heard(output: &Output, owner: &str, run: &str, what: &str) -> Exit {
    output.text(&format!(
        "asked: run `{run}`, driven by {owner}, {what} at its next safe point\n  next: turquoise status"
    ));
    output.document(&json!({
        "event": "result", "outcome": "accepted", "exit_code": Exit::Accepted.code(),
        "changed": false, "run": run, "driven_by": owner,
    }));
    Exit::Accepted
}
