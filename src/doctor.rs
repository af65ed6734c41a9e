//! `turquoise doctor`: what would block or hurt a swap, before anyone swaps.

use serde_json::json;
use turquoise_orchestrator::{Gravity, Start, doctor};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, Paint};
use crate::session::{Session, settings};
use crate::status::unreadable;
use crate::target::Target;

/// Looks at probes, drain, machines, autoscale schedules, owners, clock, lease and journals.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise doctor\n  turquoise doctor --output json | jq '.checks[] | select(.gravity != \"fine\")'\n\nReads only. Ends with 3 when something blocks a swap."
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

/// Looks and prints.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let settings = settings(Start::New, None, false);
    Session::run(&args.target, output, async |session| {
        let checks = doctor(&session.as_run(&settings)).await;
        let checks = checks.map_err(|error| unreadable(session, args.target.endpoint(), &error))?;
        let blocked = checks.iter().any(|c| c.gravity == Gravity::Blocking);
        let exit = if blocked {
            Exit::Preflight
        } else {
            Exit::Completed
        };
        for check in &checks {
            let text = format!("{:<34} {}", check.name, check.detail);
            output.text(&format!("{} {text}", sign(check.gravity, Paint::stdout())));
        }
        output.document(&json!({
            "event": "result",
            "outcome": if blocked { "blocked" } else { "completed" },
            "exit_code": exit.code(),
            "changed": false,
            "checks": checks,
        }));
        Ok(exit)
    })
}

fn sign(gravity: Gravity, paint: Paint) -> String {
    match gravity {
        Gravity::Fine => paint.good("fine    "),
        Gravity::Unknown => paint.dim("unknown "),
        Gravity::Warning => paint.bold("warning "),
        Gravity::Blocking => paint.bad("blocking"),
    }
}
