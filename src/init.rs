//! `turquoise init`: writes a configuration to begin with.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use serde_json::json;
use turquoise_orchestrator::Config;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Writes the example configuration: the published topology, every key with its reason.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise init                    writes turquoise.toml\n  turquoise init staging.toml\n  turquoise init - > shop.toml      to stdout"
)]
pub(crate) struct Args {
    /// The file to write; `-` for stdout.
    #[arg(default_value = "turquoise.toml")]
    file: PathBuf,
    /// Replace a file that exists.
    #[arg(long)]
    force: bool,
}

/// Writes the file; one that exists stays unless told otherwise.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    if args.file.as_os_str() == "-" {
        output.text(Config::example_toml().trim_end());
        output.document(&json!({"event": "result", "config": Config::example_toml()}));
        return Ok(Exit::Completed);
    }
    write(args)?;
    let shown = args.file.display().to_string();
    output.text(&format!(
        "wrote {shown}\n\
         next: start a local Azure in another terminal with `turquoise emulate --port 8400`, then\n\
         \x20     turquoise deploy frontend && turquoise deploy green && turquoise deploy blue && turquoise swap"
    ));
    output.document(&json!({"event": "result", "file": shown}));
    Ok(Exit::Completed)
}

fn write(args: &Args) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let failed = |error: std::io::Error| {
        let next = if error.kind() == std::io::ErrorKind::AlreadyExists {
            "name another file, or replace it with --force"
        } else {
            "name a file in a folder that exists and can be written"
        };
        Failure::usage(format!("cannot write `{}`", args.file.display()))
            .because(&error)
            .next(next)
    };
    let mut file = options.open(&args.file).map_err(failed)?;
    file.write_all(Config::example_toml().as_bytes())
        .map_err(failed)
}
