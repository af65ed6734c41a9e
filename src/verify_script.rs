//! `turquoise verify-script`: somebody's own orchestrator on the local Azure, under traffic, judged
//! by the same oracles as ours.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use turquoise_scenarios::subject::Subject;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::rehearse::of_program;
use crate::rehearse::plan::{Plan, Program, socket_policy};
use crate::target::speed;

/// Lets a program of yours swap on a local Azure under traffic, and judges what it did.
///
/// A frontend group, a green group and a blue group are deployed on this machine; clients send
/// requests through the gateway at a steady rate; then the program runs, with everything that it
/// needs to know in its environment (`turquoise explain verify-script` lists it). Every request to
/// Resource Manager while it runs is taken for its own. Its output goes to stderr.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise verify-script -- ./swap.sh\n  turquoise verify-script --timeout 900 -- bash -c 'az rest --url \"$TURQUOISE_ENDPOINT$TURQUOISE_GATEWAY_ID?…\"'\n  turquoise verify-script --output json -- python3 swap.py | tail -1\n\nThe program says with its exit code how it ended: 0 that the new side serves alone, 4 that nothing\nwas changed, 5 that the old side serves again, and so on as `turquoise explain exit-codes` tells; any\nother code that it gave up. Ends with the program's code when that is true, nothing was lost and every\ninvariant held; with 13 when not, or when the program gave up or did not end; with 130 on Ctrl-C.\nThe program and all that it started end with this command."
)]
pub(crate) struct Args {
    /// How many times faster than the wall clock Azure's time passes.
    #[arg(long, default_value_t = 20.0, value_parser = speed)]
    speed: f64,
    /// Requests a second, on the wall clock.
    #[arg(long, default_value_t = 500.0, value_parser = speed)]
    rate: f64,
    /// Seconds of traffic before the program starts, to compare with.
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    baseline: u64,
    /// Seconds that the program may take, on the wall clock; then it is ended and has failed.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    timeout: u64,
    /// Root of all randomness.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The port of the local Resource Manager; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where the page with the timeline goes.
    #[arg(long, default_value = "turquoise-report.html", value_name = "FILE")]
    report: PathBuf,
    /// Write no page.
    #[arg(long, conflicts_with = "report")]
    no_report: bool,
    /// The program and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Runs the program and judges it.
pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let page = (!args.no_report).then_some(args.report.as_path());
    let plan = Plan {
        // Only what is deployed depends on it.
        subject: Subject::Turquoise,
        program: Some(Program {
            command: args.command,
            timeout: Duration::from_secs(args.timeout),
        }),
        speed: args.speed,
        rate: args.rate,
        baseline: Duration::from_secs(args.baseline),
        seed: args.seed,
        port: args.port,
        policy: socket_policy(),
    };
    of_program(&plan, page, output)
}
