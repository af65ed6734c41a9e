//! `turquoise az`: the real Azure CLI against a local Azure, apart from the user's own settings.
//!
//! az is told once per endpoint where its cloud is and signs in once; both live in a settings
//! folder of their own, so that `~/.azure` is neither read nor written. Then az runs in our place.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::env::client_variables;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::local::{Local, LocalArgs};

/// The name under which az knows the local cloud.
const CLOUD: &str = "Turquoise";

/// Written last into az's settings folder: it is told and signed in, for this secret.
const READY_FILE: &str = "turquoise-signed-in";

/// Runs the Azure CLI against the local Azure.
///
/// az gets a settings folder of its own, knows the local cloud, trusts its certificate and is
/// signed in. Your own az settings are not touched. Ends as az ends.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise az -- group list --output table\n  turquoise az -- network application-gateway show --resource-group frontend-p-rg --name bgappgw\n  turquoise az -- rest --url '/subscriptions/{subscriptionId}/resources?api-version=2024-11-01'\n\naz 2.91 is what is tested; `pip install azure-cli` installs it."
)]
pub(crate) struct Args {
    #[command(flatten)]
    local: LocalArgs,
    /// The Azure CLI.
    #[arg(
        long,
        value_name = "PROGRAM",
        default_value = "az",
        env = "TURQUOISE_AZ"
    )]
    az: PathBuf,
    /// What az is to do.
    #[arg(last = true, required = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

/// Becomes az; returns only when it cannot.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let local = args.local.local()?;
    local.check_listens()?;
    let az = Az {
        program: &args.az,
        local: &local,
    };
    az.prepare()?;
    let error = az.command().args(&args.arguments).exec();
    Err(az.not_started(&error))
}

/// az, told of the local cloud.
struct Az<'a> {
    program: &'a PathBuf,
    local: &'a Local,
}

impl Az<'_> {
    /// Tells az of the cloud and signs in, unless that was done.
    fn prepare(&self) -> Result<(), Failure> {
        let folder = &self.local.az_folder;
        let ready = folder.join(READY_FILE);
        let wanted = &self.local.client_secret;
        if fs::read_to_string(&ready).is_ok_and(|found| found == *wanted) {
            return Ok(());
        }
        // Half-done settings of an earlier attempt would make az refuse to register again.
        let _absent = fs::remove_dir_all(folder);
        let made = fs::create_dir_all(folder);
        made.map_err(|error| self.no_folder(&error))?;
        let Local {
            endpoint,
            tenant,
            client_id,
            client_secret,
            ..
        } = self.local;
        self.tell(&[
            "cloud",
            "register",
            "--name",
            CLOUD,
            "--endpoint-resource-manager",
            endpoint,
        ])?;
        self.tell(&["cloud", "set", "--name", CLOUD])?;
        self.tell(&[
            "login",
            "--service-principal",
            "--username",
            client_id,
            "--password",
            client_secret,
            "--tenant",
            tenant,
        ])?;
        let written = fs::write(&ready, wanted);
        written.map_err(|error| self.no_folder(&error))
    }

    fn tell(&self, arguments: &[&str]) -> Result<(), Failure> {
        let ended = self
            .command()
            .args(arguments)
            .args(["--only-show-errors", "--output", "none"])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| self.not_started(&error))?;
        if ended.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ended.stderr);
        let mut failure = Failure::new(
            Exit::Forbidden,
            format!(
                "`az {}` failed",
                arguments.get(..2).unwrap_or(arguments).join(" ")
            ),
        );
        failure.why.push(said.trim().to_owned());
        Err(failure.next("check that --endpoint and --keys are those of `turquoise emulate`"))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.envs(client_variables(self.local));
        command
    }

    fn not_started(&self, error: &std::io::Error) -> Failure {
        Failure::usage(format!("cannot run `{}`", self.program.display()))
            .because(error)
            .next("install the Azure CLI (`pip install azure-cli`), or name it with --az")
    }

    fn no_folder(&self, error: &std::io::Error) -> Failure {
        let folder = self.local.az_folder.display();
        Failure::usage(format!("cannot write az's settings to `{folder}`"))
            .because(error)
            .next("name another folder with --keys")
    }
}
