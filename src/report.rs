//! `turquoise report`: one run's account, from its journal, for people, archives and pipelines.

mod account;
mod html;
mod junit;

use std::path::{Path, PathBuf};

use serde_json::json;
use turquoise_orchestrator::history;

use crate::control::run_id;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::history::{lines_of, unknown_run};
use crate::output::{self, Output};
use crate::session::{Session, store_failure};
use crate::target::Target;

use account::Account;

/// Tells what a run did, phase by phase, with its evidence.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise report                            the last run\n  turquoise report 20260304-120000-7f3c --html run.html --junit run.xml\n  turquoise report --output markdown >> \"$GITHUB_STEP_SUMMARY\""
)]
pub(crate) struct Args {
    /// The run; without it, the last one.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    #[command(flatten)]
    target: Target,
    /// Write a page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write test results, one test per phase, for pipelines.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Reads, writes the files, prints.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    Session::run_offline(&args.target, output, async |session| {
        let runs = history(session.store.as_journal()).await;
        let mut runs = runs.map_err(|error| store_failure(&error))?;
        let told = match &args.run {
            Some(id) => {
                let id = run_id(id)?;
                let told = runs.into_iter().find(|run| run.run == id.as_str());
                told.ok_or_else(|| unknown_run(id.as_str()))?
            }
            None => runs.pop().ok_or_else(|| {
                Failure::usage("there is no run to report").next("`turquoise swap` begins one")
            })?,
        };
        let lines = lines_of(session, &run_id(&told.run)?).await?;
        let account = Account::of(told, &lines);
        if let Some(file) = &args.html {
            write(file, &html::page(&account))?;
        }
        if let Some(file) = &args.junit {
            write(file, &junit::document(&account))?;
        }
        let markdown = account.markdown();
        output.text(&markdown);
        output.markdown(&markdown);
        output.document(&json!({
            "event": "result", "outcome": "completed", "exit_code": 0, "changed": false,
            "run": account.run, "phases": account.phases, "writes": account.writes,
        }));
        Ok(Exit::Completed)
    })
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    output::save(file, &format!("`{}`", file.display()), text)
}
