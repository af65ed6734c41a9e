//! `turquoise init`: writes a configuration to begin with.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;
use turquoise_orchestrator::{Config, Duty};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::target::read_config;

/// Writes the example configuration: the published topology, every key with its reason.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise init                    writes turquoise.toml\n  turquoise init staging.toml\n  turquoise init - > shop.toml      to stdout\n  turquoise init --roles            and roles of least privilege beside it; a file that exists is\n                                    kept, and its groups are where the roles can be assigned"
)]
pub(crate) struct Args {
    /// The file to write; `-` for stdout.
    #[arg(default_value = "turquoise.toml")]
    file: PathBuf,
    /// Replace a file that exists.
    #[arg(long)]
    force: bool,
    /// Write a custom role for each duty beside the file: `turquoise-plan.role.json`, `-swap` and
    /// `-deploy`, as `az role definition create --role-definition @FILE` takes them.
    #[arg(long, conflicts_with = "force")]
    roles: bool,
}

/// Writes the file; one that exists stays unless told otherwise.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    if args.file.as_os_str() == "-" {
        output.text(Config::example_toml().trim_end());
        output.document(&json!({"event": "result", "config": Config::example_toml()}));
        return Ok(Exit::Completed);
    }
    if args.roles && args.file.exists() {
        let roles = write_roles(args)?;
        output.text(&wrote(&roles));
        output.document(&json!({"event": "result", "roles": roles}));
        return Ok(Exit::Completed);
    }
    write(args)?;
    let shown = args.file.display().to_string();
    output.text(&format!(
        "wrote {shown}\n\
         next: start a local Azure in another terminal with `turquoise emulate --port 8400`, then\n\
         \x20     turquoise deploy frontend && turquoise deploy green && turquoise deploy blue && turquoise swap"
    ));
    let mut document = json!({"event": "result", "file": shown});
    if args.roles {
        let roles = write_roles(args)?;
        output.text(&wrote(&roles));
        document["roles"] = json!(roles);
    }
    output.document(&document);
    Ok(Exit::Completed)
}

fn wrote(roles: &[String]) -> String {
    let lines = roles.iter().map(|file| format!("wrote {file}\n"));
    lines.collect::<String>()
        + "next: az role definition create --role-definition @turquoise-swap.role.json, then assign it \
           in each of its groups"
}

/// A file for each duty, from what the configuration says; files of earlier are replaced.
fn write_roles(args: &Args) -> Result<Vec<String>, Failure> {
    let config = read_config(&args.file)?;
    let folder = args.file.parent().unwrap_or_else(|| Path::new(""));
    let mut written = Vec::new();
    for duty in Duty::ALL {
        let file = folder.join(format!("turquoise-{}.role.json", duty.name()));
        let text = format!("{:#}\n", config.role(duty));
        std::fs::write(&file, text).map_err(|error| {
            Failure::usage(format!("cannot write `{}`", file.display()))
                .because(&error)
                .next("name a configuration in a folder that can be written")
        })?;
        written.push(file.display().to_string());
    }
    Ok(written)
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
