//! `turquoise report`: one run's account, from its journal, for people, archives and pipelines.

mod account;
mod html;
mod junit;

use std::path::{Path, PathBuf};

use serde_json::json;
use turquoise_orchestrator::{RunId, history, journal_lines};

use crate::control::run_id;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, note};
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
        let store = session.store.as_journal();
        let id = match &args.run {
            Some(id) => run_id(id)?,
            None => last(session).await?,
        };
        let runs = history(store)
            .await
            .map_err(|error| store_failure(&error))?;
        let told = runs.into_iter().find(|run| run.run == id.as_str());
        let told = told.ok_or_else(|| unknown(id.as_str()))?;
        let lines = journal_lines(store, &id).await.map_err(|why| {
            Failure::new(
                Exit::Preflight,
                format!("the journal of run `{id}` cannot be used"),
            )
            .because_of(why)
            .next("do not trust it; look at the world with `turquoise status`")
        })?;
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

async fn last(session: &Session) -> Result<RunId, Failure> {
    let runs = session.store.as_journal().runs().await;
    let last = runs.map_err(|error| store_failure(&error))?.pop();
    last.ok_or_else(|| {
        Failure::usage("there is no run to report").next("`turquoise swap` begins one")
    })
}

fn unknown(id: &str) -> Failure {
    Failure::usage(format!("there is no run `{id}`")).next("`turquoise history` names them all")
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|error| {
        Failure::usage(format!("cannot write `{}`", file.display()))
            .because(&error)
            .next("name a file in a folder that exists and can be written")
    })?;
    note(&format!("wrote {}", file.display()));
    Ok(())
}
