//! `turquoise status`: the world as it is, and the last run.

use std::fmt::Write as _;

use serde_json::json;
use turquoise_orchestrator::{ArmFailure, RunStatus, SideStatus, Start, StatusReport, status};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, Paint};
use crate::session::{Session, settings};
use crate::target::Target;

/// Shows which side serves, both sides' machines, the last run and who holds the lease.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise status\n  turquoise status --output json | jq .live\n\nReads only; works while another run is under way."
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

/// Reads and prints.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let settings = settings(Start::New, None, false);
    Session::run(&args.target, output, async |session| {
        let report = status(&session.as_run(&settings)).await;
        let report = report.map_err(|error| unreadable(session, args.target.endpoint(), &error))?;
        output.text(&text(&report, Paint::stdout()));
        let mut document = serde_json::to_value(&report).unwrap_or_else(|_| json!({}));
        if let Some(members) = document.as_object_mut() {
            members.insert("event".to_owned(), json!("result"));
        }
        output.document(&document);
        Ok(Exit::Completed)
    })
}

/// Says what could not be read and what to do.
pub(crate) fn unreadable(session: &Session, endpoint: &str, error: &ArmFailure) -> Failure {
    let gateway = session.config.target.gateway.name();
    Failure::new(
        Exit::from_code(error.exit_code()),
        format!("cannot read gateway `{gateway}` at `{endpoint}`"),
    )
    .because(error)
    .next(if error.is_not_found() {
        "`turquoise deploy frontend` creates it; or correct `target.gateway` in the configuration"
    } else if error.is_denied() {
        "have the role assigned that `turquoise init --roles` writes, or choose another --credential"
    } else {
        "check --endpoint; `turquoise emulate --port 8400` starts a local Azure"
    })
}

fn text(report: &StatusReport, paint: Paint) -> String {
    let live = match &report.live {
        Some(side) => format!("{} serves", paint.bold(side)),
        None => paint.bad("the pool does not list exactly one of the two sides"),
    };
    let pool: Vec<String> = report
        .pool
        .iter()
        .map(|address| {
            let health = report
                .health
                .iter()
                .find(|member| member.address == *address);
            format!(
                "{address} {}",
                health.map_or("health unknown", |member| &member.health)
            )
        })
        .collect();
    let mut text = format!("{live}\n  pool   {}", pool.join(", "));
    for side in &report.sides {
        let _infallible = write!(text, "\n  {:<6} {}", side.name, machines(side));
    }
    let last = report
        .last_run
        .as_ref()
        .map_or_else(|| "none".to_owned(), last_run);
    let _infallible = write!(text, "\n  run    {last}");
    if let Some(lease) = report.lease.as_ref().filter(|lease| !lease.is_released()) {
        let _infallible = write!(
            text,
            "\n  lease  held by {} for run {}",
            lease.owner, lease.run
        );
    }
    text
}

fn machines(side: &SideStatus) -> String {
    let Some(capacity) = side.capacity else {
        return format!(
            "{} has no scale set; `turquoise deploy {}` makes it",
            side.address, side.name
        );
    };
    let missing = if side.missing.is_empty() {
        String::new()
    } else {
        format!(" ({})", side.missing.join("; "))
    };
    format!(
        "{}: {} of {capacity} instances healthy{missing}",
        side.address, side.healthy
    )
}

fn last_run(run: &RunStatus) -> String {
    let ended = match &run.outcome {
        Some(outcome) => outcome.name().replace('_', " "),
        None => format!("unfinished in {}; `turquoise resume` goes on", run.phase),
    };
    let abort = run
        .abort_now
        .map_or_else(String::new, |abort| format!("\n  abort now → {abort}"));
    format!("{} ({} -> {}): {ended}{abort}", run.run, run.old, run.new)
}
