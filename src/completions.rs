//! `turquoise completions`: a script that completes this command in a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::failure::Failure;

/// Prints the completion script of a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  turquoise completions bash > /etc/bash_completion.d/turquoise")]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

/// Writes the script to stdout.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "turquoise",
        &mut std::io::stdout(),
    );
    Ok(Exit::Completed)
}
