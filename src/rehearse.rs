//! `turquoise rehearse`: a whole swap on this machine, judged.

mod certificate;
mod evidence;
mod live;
mod page;
pub(crate) mod plan;
mod report;
mod virtual_time;
mod watch;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::json;
use turquoise_scenarios::breaks::Break;
use turquoise_scenarios::film;
use turquoise_scenarios::report::comparison::Row;
use turquoise_scenarios::subject::Subject;
use turquoise_scenarios::{Observation, judge, oracles};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::film::Films;
use crate::output::{Output, Paint, note};
use crate::session::{listen, runtime};
use crate::target::speed;

pub(crate) use live::VARIABLES;

use live::Played;
use plan::{Plan, socket_policy};
use report::Report;

/// Builds the published system on a local Azure, puts traffic through it, swaps, and judges.
///
/// A frontend group, a green group and a blue group are deployed by the real orchestrator over the
/// wire; clients send requests over TLS through the gateway's socket at a steady rate; the swap
/// runs; then three ledgers (clients, gateway, instances) are joined and every invariant is judged.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise rehearse                          about a minute; nothing may be lost\n  turquoise rehearse --virtual                the same in virtual time, within seconds\n  turquoise rehearse --break no-drain         see what a loss looks like (ends with 13)\n  turquoise rehearse --orchestrator published the script as its author published it\n  turquoise rehearse --output json | tail -1  the result for a program\n\nEnds with 0 when nothing was lost and every invariant held, with 13 when not, with 130 on Ctrl-C."
)]
pub(crate) struct Args {
    /// Who swaps.
    #[arg(long, value_enum, default_value_t)]
    orchestrator: Orchestrator,
    /// Swap wrongly on purpose, to see the check fail: no-overlap, no-drain, sick-side, put-race.
    #[arg(long = "break", value_name = "KIND", value_parser = Break::from_str, conflicts_with = "orchestrator")]
    kind: Option<Break>,
    /// Virtual time instead of sockets and the wall clock.
    #[arg(long = "virtual", conflicts_with_all = ["speed", "rate", "baseline", "port", "state"])]
    in_virtual_time: bool,
    /// How many times faster than the wall clock Azure's time passes.
    #[arg(long, default_value_t = 20.0, value_parser = speed)]
    speed: f64,
    /// Requests a second, on the wall clock.
    #[arg(long, default_value_t = 500.0, value_parser = speed)]
    rate: f64,
    /// Seconds of traffic before the swap, to compare with.
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    baseline: u64,
    /// Root of all randomness.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The port of the local Resource Manager; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// A folder for the journal; without it, a temporary one that stays only when something goes
    /// wrong.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Where the page with the timeline goes.
    #[arg(long, default_value = "turquoise-report.html", value_name = "FILE")]
    report: PathBuf,
    /// Write no page.
    #[arg(long, conflicts_with = "report")]
    no_report: bool,
    #[command(flatten)]
    films: Films,
}

/// Who swaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Orchestrator {
    /// Ours.
    #[default]
    Reference,
    /// The script as its author published it in 2017: no health gate, no etag, no drain.
    Published,
}

impl Args {
    fn plan(&self) -> Plan {
        Plan {
            program: None,
            subject: match (self.kind, self.orchestrator) {
                (Some(kind), _) => Subject::Broken(kind),
                (None, Orchestrator::Reference) => Subject::Turquoise,
                (None, Orchestrator::Published) => Subject::Published,
            },
            speed: self.speed,
            rate: self.rate,
            baseline: Duration::from_secs(self.baseline),
            seed: self.seed,
            port: self.port,
            policy: socket_policy(),
        }
    }
}

/// Rehearses, judges and reports.
#[expect(
    clippy::disallowed_methods,
    reason = "a person wants to know how long it took; nothing is decided on it"
)]
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let began = std::time::Instant::now();
    let plan = args.plan();
    if !args.no_report {
        page::check(&args.report)?;
    }
    let rehearsed = if args.in_virtual_time {
        virtual_time::rehearse(&plan, output)?
    } else {
        match on_sockets(args.state.as_deref(), &plan, output)? {
            Ok(rehearsed) => rehearsed,
            Err(exit) => return Ok(exit),
        }
    };
    let page = (!args.no_report).then_some(args.report.as_path());
    let report = report(page, &plan, &rehearsed, began.elapsed())?;
    if args.films.is_asked() {
        args.films.write(&[filmed(&plan, &rehearsed, &report)])?;
    }
    Ok(tell(&report, output))
}

/// Lets a program swap, judges and reports: what `turquoise verify-script` is.
#[expect(
    clippy::disallowed_methods,
    reason = "a person wants to know how long it took; nothing is decided on it"
)]
pub(crate) fn of_program(
    plan: &Plan,
    page: Option<&Path>,
    output: &Output,
) -> Result<Exit, Failure> {
    let began = std::time::Instant::now();
    if let Some(path) = page {
        page::check(path)?;
    }
    match on_sockets(None, plan, output)? {
        Ok(rehearsed) => {
            let report = report(page, plan, &rehearsed, began.elapsed())?;
            Ok(tell(&report, output))
        }
        Err(exit) => Ok(exit),
    }
}

fn tell(report: &Report, output: &Output) -> Exit {
    output.text(&report.text(Paint::stdout()));
    output.document(&report.document());
    report.exit()
}

fn filmed(plan: &Plan, rehearsed: &Rehearsed, report: &Report) -> serde_json::Value {
    let subject = plan.orchestrator();
    let about = film::About {
        title: format!("Rehearsal by {subject}"),
        subject,
        seed: plan.seed,
        outcome: rehearsed.outcome.clone(),
    };
    film::film(&about, &rehearsed.observation, &report.verdict)
}

/// A rehearsal that came to its end.
#[derive(Debug)]
struct Rehearsed {
    observation: Observation,
    outcome: String,
    reason: String,
    claim: Exit,
    speed: Option<f64>,
    /// Others over the same scenario.
    compared: Vec<Row>,
}

/// Rehearses on sockets; `Err` is the exit of one that somebody stopped.
fn on_sockets(
    state: Option<&Path>,
    plan: &Plan,
    output: &Output,
) -> Result<Result<Rehearsed, Exit>, Failure> {
    let temporary = tempfile::Builder::new()
        .prefix("turquoise-rehearsal-")
        .tempdir();
    let temporary = temporary.map_err(|error| {
        Failure::new(Exit::Internal, "cannot make a temporary folder")
            .because(&error)
            .next("name a folder for the journal with --state")
    })?;
    let state = state.unwrap_or_else(|| temporary.path()).to_owned();
    let played = runtime()?.block_on(async {
        let interrupt = listen("ended at once")?;
        live::rehearse(plan, output, &interrupt, &state).await
    });
    match played {
        Ok(Played::Ended(observation, acted)) => Ok(Ok(Rehearsed {
            observation: *observation,
            claim: acted.exit(),
            outcome: acted.outcome,
            reason: acted.reason,
            speed: Some(plan.speed),
            compared: Vec::new(),
        })),
        Ok(Played::Stopped(exit, report)) => {
            let kept = keep(temporary, &state);
            stopped(exit, report.as_deref(), &kept, output);
            Ok(Err(exit))
        }
        Err(failure) => {
            let kept = keep(temporary, &state);
            note(&format!("the journal is in `{}`", kept.display()));
            Err(failure)
        }
    }
}

/// The journal's folder stays for whoever wants to know what happened.
fn keep(temporary: tempfile::TempDir, state: &Path) -> PathBuf {
    if state == temporary.path() {
        temporary.keep()
    } else {
        state.to_owned()
    }
}

fn stopped(
    exit: Exit,
    report: Option<&turquoise_orchestrator::SwapReport>,
    journal: &Path,
    output: &Output,
) {
    let phase = report.map(|report| report.phase.to_string());
    let place = phase
        .as_deref()
        .map_or(String::new(), |phase| format!(" in {phase}"));
    output.text(&format!(
        "stopped{place}: every socket is closed, and the local Azure is gone with this process\n  \
         journal  {}\n  next: run it again; a rehearsal begins anew",
        journal.display()
    ));
    output.document(&json!({
        "event": "result",
        "outcome": exit.name(),
        "exit_code": exit.code(),
        "phase": phase,
        "journal": journal.display().to_string(),
    }));
}

fn report(
    page: Option<&Path>,
    plan: &Plan,
    rehearsed: &Rehearsed,
    took: Duration,
) -> Result<Report, Failure> {
    let observation = &rehearsed.observation;
    let verdict = judge(observation);
    if let Some(path) = page {
        let compared = rehearsed.compared.clone();
        let about = page::about(plan, &rehearsed.outcome, rehearsed.speed, compared);
        page::write(path, &about, observation, &verdict)?;
    }
    let declared = &observation.declared;
    Ok(Report {
        orchestrator: plan.orchestrator(),
        sides: (declared.old.name.clone(), declared.new.name.clone()),
        outcome: rehearsed.outcome.clone(),
        reason: rehearsed.reason.clone(),
        claim: rehearsed.claim,
        speed: rehearsed.speed,
        took,
        judged: oracles::judged().count(),
        verdict,
        page: page.map(Path::to_owned),
    })
}
