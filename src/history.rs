//! `turquoise history`: every run of this gateway pool, as the journals tell it.

use std::fmt::Write as _;

use serde_json::{Value, json};
use turquoise_orchestrator::{RunHistory, RunId, history, journal_lines};

use crate::control::run_id;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, Paint};
use crate::plan::time;
use crate::session::{Session, store_failure};
use crate::target::Target;

/// Lists the runs, or prints one run's journal; checks every chain of hashes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise history\n  turquoise history 20260304-120000-7f3c\n  turquoise history --output json | jq '.runs[-1]'\n\nEnds with 3 when a journal was changed after it was written."
)]
pub(crate) struct Args {
    /// Print this run's journal, line by line.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    #[command(flatten)]
    target: Target,
}

/// Reads and prints.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    Session::run_offline(&args.target, output, async |session| match &args.run {
        Some(id) => one(session, id, output).await,
        None => all(session, output).await,
    })
}

async fn all(session: &Session, output: &Output) -> Result<Exit, Failure> {
    let runs = history(session.store.as_journal()).await;
    let runs = runs.map_err(|error| store_failure(&error))?;
    let broken = runs.iter().any(|run| run.broken.is_some());
    let exit = if broken {
        Exit::Preflight
    } else {
        Exit::Completed
    };
    if runs.is_empty() {
        output.text("no run yet");
    }
    for run in &runs {
        output.text(&line(run, Paint::stdout()));
    }
    output.document(&json!({
        "event": "result", "outcome": "completed", "exit_code": exit.code(), "changed": false,
        "runs": runs,
    }));
    Ok(exit)
}

fn line(run: &RunHistory, paint: Paint) -> String {
    let ended = match &run.outcome {
        Some(outcome) if !run.open => outcome.name().replace('_', " "),
        Some(outcome) => format!("{} in {}", outcome.name(), run.phase),
        None => format!("unfinished in {}", run.phase),
    };
    let way = match (&run.old, &run.new) {
        (Some(old), Some(new)) => format!("{old} → {new}"),
        _ => "no direction".to_owned(),
    };
    let kind = if run.rollback { " (rollback)" } else { "" };
    let mut text = format!(
        "{}  {}  {way}{kind}: {ended}, {} gateway writes, by {}",
        run.run,
        time(run.began_unix_ms),
        run.gateway_puts,
        run.owners.join(", ")
    );
    if !run.reason.is_empty() {
        let _infallible = write!(text, "\n    because: {}", run.reason);
    }
    if let Some(broken) = &run.broken {
        let _infallible = write!(text, "\n    {}", paint.bad(broken));
    }
    text
}

async fn one(session: &Session, id: &str, output: &Output) -> Result<Exit, Failure> {
    let lines = lines_of(session, &run_id(id)?).await?;
    if lines.is_empty() {
        return Err(unknown_run(id));
    }
    for line in &lines {
        output.text(&line.to_string());
    }
    output.document(&json!({
        "event": "result", "outcome": "completed", "exit_code": 0, "changed": false,
        "run": id, "lines": lines,
    }));
    Ok(Exit::Completed)
}

/// Every line of a run's journal, checked; empty when there is no such run.
pub(crate) async fn lines_of(session: &Session, run: &RunId) -> Result<Vec<Value>, Failure> {
    let lines = journal_lines(session.store.as_journal(), run).await;
    lines.map_err(|why| {
        Failure::new(
            Exit::Preflight,
            format!("the journal of run `{run}` cannot be used"),
        )
        .because_of(why)
        .next("do not trust it; look at the world with `turquoise status`")
    })
}

/// A run that the store does not hold.
pub(crate) fn unknown_run(id: &str) -> Failure {
    Failure::usage(format!("there is no run `{id}`")).next("`turquoise history` names them all")
}
