//! The command tree. Each command's arguments are beside its code.

use clap::error::ErrorKind;
use clap::{ArgAction, Parser, Subcommand};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::{
    apply, az, completions, control, deploy, doctor, emulate, env, explain, gc, history, init,
    load, lock, man, plan, rehearse, replay, report, retire, rollback, scale, schema, simulate,
    status, swap, verify_script,
};

/// Rehearse a blue-green swap on a local Azure, then run it for real.
///
/// Turquoise deploys a frontend (virtual network, public IP, Application Gateway) and two sides,
/// green and blue (internal load balancer, scale set), and swaps which side the gateway serves
/// from without losing a request. `rehearse` does all of it on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "turquoise",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Start here:\n  turquoise rehearse            watch a whole swap on this machine\n  turquoise explain exit-codes  what each exit code means"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// The form of results on stdout; logs and progress go to stderr.
    #[arg(
        long,
        short = 'o',
        global = true,
        value_enum,
        default_value_t,
        help_heading = "Everywhere"
    )]
    pub(crate) output: Format,
    /// Say more on stderr; repeat for more.
    #[arg(long, short = 'v', global = true, action = ArgAction::Count, help_heading = "Everywhere")]
    pub(crate) verbose: u8,
    /// Say only errors on stderr.
    #[arg(
        long,
        short = 'q',
        global = true,
        conflicts_with = "verbose",
        help_heading = "Everywhere"
    )]
    pub(crate) quiet: bool,
}

/// One variant per command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Rehearse a whole swap on this machine and judge it.
    Rehearse(rehearse::Args),
    /// Run a local Azure until Ctrl-C.
    Emulate(emulate::Args),
    /// Run the Azure CLI against the local Azure.
    Az(az::Args),
    /// Print how other programs reach the local Azure.
    Env(env::Args),
    /// Run seeded scenarios in virtual time and hunt wrong orchestrators.
    Simulate(Box<simulate::Args>),
    /// Run a recorded scenario again and step through it.
    Replay(replay::Args),
    /// Let a program of yours swap on this machine and judge it.
    VerifyScript(verify_script::Args),
    /// Put load on a URL and say what became of it.
    Load(load::Args),
    /// Simulate one swap under a hundred thousand requests a second.
    Scale(scale::Args),
    /// Write a configuration to begin with.
    Init(init::Args),
    /// Make the frontend or one side what the configuration says.
    Deploy(deploy::Args),
    /// Show what a swap would do, and freeze it.
    Plan(plan::Args),
    /// Do what a frozen plan says, or refuse.
    Apply(apply::Args),
    /// Swap to the idle side, or go on with an unfinished swap.
    Swap(swap::Args),
    /// Show which side serves, both sides' machines and the last run.
    Status(status::Args),
    /// Bring the side back that served before.
    Rollback(rollback::Args),
    /// Go on with an unfinished run.
    Resume(control::ResumeArgs),
    /// Hold the run that another process drives.
    Pause(control::PauseArgs),
    /// End the unfinished run and bring the old side back.
    Abort(control::AbortArgs),
    /// Look for what would block or hurt a swap.
    Doctor(doctor::Args),
    /// List the runs, or print one run's journal.
    History(history::Args),
    /// Tell what one run did, phase by phase.
    Report(report::Args),
    /// Show or break the lease.
    Lock(lock::Args),
    /// Put back what ended runs left behind.
    Gc(gc::Args),
    /// Take the idle side's machines away.
    Retire(retire::Args),
    /// Explain an invariant, a phase, an outcome class or the exit codes.
    Explain(explain::Args),
    /// Print the JSON Schema of the lines of `--output ndjson`.
    Schema(schema::Args),
    /// Write manual pages.
    Man(man::Args),
    /// Print the completion script of a shell.
    Completions(completions::Args),
}

impl Command {
    /// Refuses a form of output that the command does not have.
    pub(crate) fn check_format(&self, format: Format) -> Result<(), Failure> {
        if !format.is_markdown() || matches!(self, Self::Plan(_) | Self::Report(_)) {
            return Ok(());
        }
        Err(Failure::usage("this command does not print Markdown")
            .next("use `--output text`, `json` or `ndjson`; `turquoise plan` prints Markdown"))
    }

    /// Runs the command.
    pub(crate) fn run(self, output: &Output) -> Result<Exit, Failure> {
        match self {
            Self::Rehearse(args) => rehearse::run(&args, output),
            Self::Emulate(args) => emulate::run(&args, output),
            Self::Az(args) => az::run(&args),
            Self::Env(args) => env::run(&args, output),
            Self::Simulate(args) => simulate::run(&args, output),
            Self::Replay(args) => replay::run(&args, output),
            Self::VerifyScript(args) => verify_script::run(args, output),
            Self::Load(args) => load::run(&args, output),
            Self::Scale(args) => scale::run(&args, output),
            Self::Init(args) => init::run(&args, output),
            Self::Deploy(args) => deploy::run(&args, output),
            Self::Plan(args) => plan::run(&args, output),
            Self::Apply(args) => apply::run(&args, output),
            Self::Swap(args) => swap::run(&args, output),
            Self::Status(args) => status::run(&args, output),
            Self::Rollback(args) => rollback::run(&args, output),
            Self::Resume(args) => control::run_resume(&args, output),
            Self::Pause(args) => control::run_pause(&args, output),
            Self::Abort(args) => control::run_abort(&args, output),
            Self::Doctor(args) => doctor::run(&args, output),
            Self::History(args) => history::run(&args, output),
            Self::Report(args) => report::run(&args, output),
            Self::Lock(args) => lock::run(&args, output),
            Self::Gc(args) => gc::run(&args, output),
            Self::Retire(args) => retire::run(&args, output),
            Self::Explain(args) => explain::run(&args, output),
            Self::Schema(args) => schema::run(&args, output),
            Self::Man(args) => man::run(&args, output),
            Self::Completions(args) => completions::run(&args),
        }
    }
}

/// Parses the process's arguments; help and version print themselves, a wrong argument ends as a
/// usage error (64, not clap's 2, which the contract uses for pending changes).
pub(crate) fn parse() -> Result<Cli, Exit> {
    Cli::try_parse().map_err(|error| {
        let _gone = error.print();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Completed,
            _ => Exit::Usage,
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does() {
        for command in Cli::command().get_subcommands() {
            assert!(
                command.get_about().is_some(),
                "`{}` has no text",
                command.get_name()
            );
        }
    }
}
