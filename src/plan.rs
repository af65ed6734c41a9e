//! `turquoise plan`: what a swap would do to this world, frozen, so that it can be approved.

mod markdown;
mod text;

pub(crate) use text::time;

use std::path::{Path, PathBuf};

use serde_json::json;
use turquoise_orchestrator::config::Span;
use turquoise_orchestrator::{Planning, Start, SwapPlan, plan};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Format, Output, Paint};
use crate::session::{Session, settings};
use crate::target::Target;

/// Reads everything and says what a swap would do, with every write as a difference.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise plan                                 direction, writes, capacity, blast radius, time\n  turquoise plan --out swap.plan                 and freeze it for `turquoise apply swap.plan`\n  turquoise plan --detailed-exitcode             2 when a swap would change something, 0 when not, 3 when blocked\n  turquoise plan --output github > comment.md    for a pull request\n\nReads only and takes no lease. The hash names the plan: `turquoise swap --approve-with HASH`."
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The side that is to serve; without it, the idle one.
    #[arg(long, value_name = "SIDE")]
    to: Option<String>,
    /// Write the frozen plan into this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How long the plan may be applied, such as `30m` or `8h`.
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = span)]
    valid_for: Span,
    /// End with 2 when a swap would change something.
    #[arg(long)]
    detailed_exitcode: bool,
}

/// Plans and prints.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let settings = settings(Start::New, args.to.as_deref(), false);
    Session::run(&args.target, output, async |session| {
        let valid_ms = u64::try_from(args.valid_for.0.as_millis()).unwrap_or(u64::MAX);
        let planned = plan(&session.as_run(&settings), valid_ms).await;
        let planned = planned
            .map_err(|error| crate::status::unreadable(session, args.target.endpoint(), &error))?;
        match planned {
            Planning::NothingToDo(side) => {
                nothing(&side, output);
                Ok(Exit::Completed)
            }
            Planning::Refused(why) => Err(Failure::new(Exit::Preflight, "no plan can be made")
                .because_of(why)
                .next("correct what is named above and plan again")),
            Planning::Planned(plan) => told(args, output, &plan),
        }
    })
}

fn span(text: &str) -> Result<Span, String> {
    Span::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn nothing(side: &str, output: &Output) {
    output.text(&format!("nothing to do: {side} serves already"));
    output.markdown(&format!(
        "**turquoise plan**: nothing to do, `{side}` serves already.\n"
    ));
    output.document(&json!({
        "event": "result", "outcome": "nothing_to_do", "exit_code": 0, "changed": false, "live": side,
    }));
}

/// Prints the plan, saves it, and says how it ends.
fn told(args: &Args, output: &Output, plan: &SwapPlan) -> Result<Exit, Failure> {
    let blocked = !plan.content.findings.is_empty();
    let exit = match (blocked, args.detailed_exitcode) {
        (true, _) => Exit::Preflight,
        (false, true) => Exit::ChangesPending,
        (false, false) => Exit::Completed,
    };
    if let Some(file) = &args.out {
        save(file, plan)?;
    }
    let next = next(args, plan);
    output.text(&format!(
        "{}\n{next}",
        text::of(plan, Paint::stdout()).trim_end()
    ));
    output.markdown(&match output.format() {
        Format::Github => markdown::github(plan, &next),
        _ => markdown::plain(plan, &next),
    });
    let mut document = serde_json::to_value(plan).unwrap_or_default();
    document["event"] = json!("result");
    document["outcome"] = json!(if blocked { "blocked" } else { "planned" });
    document["exit_code"] = json!(exit.code());
    document["changed"] = json!(false);
    output.document(&document);
    Ok(exit)
}

fn next(args: &Args, plan: &SwapPlan) -> String {
    if !plan.content.findings.is_empty() {
        return "next: correct what blocks it, then plan again".to_owned();
    }
    match &args.out {
        Some(file) => format!("next: turquoise apply {}", file.display()),
        None => format!("next: turquoise swap --approve-with {}", plan.hash),
    }
}

/// A plan that is blocked is saved too: `apply` refuses it and says why.
fn save(file: &Path, plan: &SwapPlan) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(plan).unwrap_or_default();
    let shown = format!("the plan `{}`", file.display());
    output::save(file, &shown, &(text + "\n"))
}
