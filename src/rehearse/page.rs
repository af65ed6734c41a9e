//! The page of a rehearsal: one HTML file with the timeline, for people who were not there.

use std::path::Path;

use turquoise_scenarios::report::comparison::Row;
use turquoise_scenarios::report::html::{About, page};
use turquoise_scenarios::{Observation, Verdict};

use super::plan::Plan;
use crate::exit::Exit;
use crate::failure::Failure;

/// Finds out before a rehearsal, not after it, that its page would have no place.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if path.is_dir() || !folder.is_dir() {
        return Err(
            Failure::usage(format!("cannot write the report `{}`", path.display()))
                .next("name a file in a folder that exists with --report, or use --no-report"),
        );
    }
    Ok(())
}

/// Writes the page.
pub(crate) fn write(
    path: &Path,
    about: &About,
    observation: &Observation,
    verdict: &Verdict,
) -> Result<(), Failure> {
    std::fs::write(path, page(about, observation, verdict)).map_err(|error| {
        Failure::new(
            Exit::Internal,
            format!("cannot write the report `{}`", path.display()),
        )
        .because(&error)
        .next("name another file with --report")
    })
}

/// What the page says beside the verdict.
pub(crate) fn about(plan: &Plan, outcome: &str, speed: Option<f64>, compared: Vec<Row>) -> About {
    let mut facts = vec![
        (
            "topology".to_owned(),
            "gateway of 2 instances, 3 + 3 machines, TLS at the gateway".to_owned(),
        ),
        ("seed".to_owned(), plan.seed.to_string()),
    ];
    facts.push(match speed {
        Some(speed) => (
            "time".to_owned(),
            format!("sockets, {speed} times the wall clock"),
        ),
        None => ("time".to_owned(), "virtual".to_owned()),
    });
    if let Some(kind) = plan.deliberate() {
        facts.push((
            "deliberately wrong".to_owned(),
            kind.explanation().to_owned(),
        ));
    }
    About {
        orchestrator: plan.orchestrator(),
        outcome: outcome.replace('_', " "),
        facts,
        command: command(plan, speed),
        compared,
    }
}

/// The command that runs it again.
pub(crate) fn command(plan: &Plan, speed: Option<f64>) -> String {
    let mut command = "turquoise rehearse".to_owned();
    match plan.deliberate() {
        Some(kind) => command.push_str(&format!(" --break {kind}")),
        None if plan.orchestrator() == "published" => command.push_str(" --orchestrator published"),
        None => {}
    }
    match speed {
        Some(speed) => command.push_str(&format!(" --speed {speed} --rate {}", plan.rate)),
        None => command.push_str(" --virtual"),
    }
    format!("{command} --seed {}", plan.seed)
}
