//! `turquoise lock`: who may write, and taking that away from whoever is gone.

use clap::Subcommand;
use serde_json::json;
use turquoise_orchestrator::{Environment, Lease, LeaseStore, Start, StoreError, break_lease};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, settings, store_failure};
use crate::target::Target;

/// Shows or breaks the lease of the gateway pool.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise lock show\n  turquoise lock break --reason 'the agent was deleted'\n\nA lease ends by itself after its time to live; breaking one only saves that wait."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell who holds the lease.
    Show(ShowArgs),
    /// Take it away from whoever holds it; the old holder sees that and writes nothing any more.
    Break(BreakArgs),
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
struct BreakArgs {
    #[command(flatten)]
    target: Target,
    /// Why; kept with the lease.
    #[arg(long)]
    reason: String,
}

/// Shows or breaks.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Show(show) => Session::run(&show.target, output, async |session| {
            let lease = LeaseStore::read(session.store.as_lease()).await;
            let lease = lease.map_err(|error| store_failure(&error))?;
            let lease = lease.map(|(_, lease)| lease);
            tell(output, lease.as_ref(), session.environment.unix_millis());
            Ok(Exit::Completed)
        }),
        Verb::Break(broken) => Session::run(&broken.target, output, async |session| {
            let settings = settings(Start::New, None, false);
            let was = break_lease(&session.as_run(&settings), &broken.reason).await;
            let was = was.map_err(|error| match error {
                StoreError::Conflict { .. } => Failure::new(
                    Exit::Locked,
                    "the holder renewed the lease meanwhile: it lives",
                )
                .next("`turquoise pause` or `turquoise abort` asks it to stop"),
                other => store_failure(&other),
            })?;
            output.text(&was.as_ref().map_or_else(
                || "nothing to do: nobody holds the lease".to_owned(),
                |lease| {
                    format!(
                        "broken: {} held it for run `{}`\n  next: turquoise resume",
                        lease.owner, lease.run
                    )
                },
            ));
            output.document(&json!({
                "event": "result", "outcome": if was.is_some() { "broken" } else { "nothing_to_do" },
                "exit_code": 0, "changed": was.is_some(), "was": was,
            }));
            Ok(Exit::Completed)
        }),
    }
}

fn tell(output: &Output, lease: Option<&Lease>, now: u64) {
    let held = lease.filter(|lease| !lease.is_released());
    output.text(&held.map_or_else(
        || "free".to_owned(),
        |lease| {
            let silent = now.saturating_sub(lease.renewed_unix_ms) / 1_000;
            format!(
                "held by {} for run `{}`, epoch {}, renewed {silent} s ago, lives {} s without that",
                lease.owner,
                lease.run,
                lease.epoch,
                lease.ttl_ms / 1_000
            )
        },
    ));
    output.document(&json!({
        "event": "result", "outcome": "completed", "exit_code": 0, "changed": false,
        "held": held.is_some(), "alive": held.is_some_and(|lease| lease.is_alive(now)), "lease": lease,
    }));
}
