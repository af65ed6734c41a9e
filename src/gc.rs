//! `turquoise gc`: puts back what ended runs left behind.

use serde_json::json;
use turquoise_orchestrator::{Start, gc};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, exit_of, settings};
use crate::target::Target;

/// Restores autoscale limits that ended runs left pinned; known by the journals, never by a name.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise gc --dry-run      only says what is left behind\n  turquoise gc\n\nRefuses with 9 while a run is unfinished. Waits until the idle side is silent, deletes nothing."
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Looks, restores and prints.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let settings = settings(Start::New, None, false);
    Session::run(&args.target, output, async |session| {
        let report = gc(&session.as_run(&settings), args.dry_run).await;
        session.teller.finish();
        let exit = match exit_of(&report.outcome) {
            Exit::Interrupted => session.stopped(),
            exit => exit,
        };
        for left in &report.pinned {
            output.text(left);
        }
        let ended = match (report.pinned.is_empty(), report.changed) {
            (true, _) if report.reason.is_empty() => "nothing is left behind".to_owned(),
            (_, true) => "restored".to_owned(),
            (false, false) if args.dry_run => "next: turquoise gc".to_owned(),
            _ => format!("{}: {}", report.outcome.name(), report.reason),
        };
        output.text(&ended);
        let mut document = serde_json::to_value(&report).unwrap_or_default();
        document["event"] = json!("result");
        document["outcome"] = json!(report.outcome.name());
        document["exit_code"] = json!(exit.code());
        document["dry_run"] = json!(args.dry_run);
        output.document(&document);
        Ok(exit)
    })
}
