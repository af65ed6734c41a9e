//! `turquoise man`: manual pages, one per command.

use std::path::PathBuf;

use clap::CommandFactory;
use serde_json::json;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Writes a manual page for the command and each of its verbs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise man /usr/local/share/man/man1\n  turquoise man . && man ./turquoise-swap.1"
)]
pub(crate) struct Args {
    /// The folder to write into; it must exist.
    folder: PathBuf,
}

/// Writes the pages.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(|error| {
        Failure::usage(format!(
            "cannot write manual pages into `{}`",
            args.folder.display()
        ))
        .because(&error)
        .next("name a folder that exists and can be written")
    })?;
    let folder = args.folder.display().to_string();
    output.text(&format!(
        "wrote manual pages into {folder}\n  next: man {folder}/turquoise.1"
    ));
    output.document(&json!({
        "event": "result", "outcome": "completed", "exit_code": 0, "folder": folder,
    }));
    Ok(Exit::Completed)
}
