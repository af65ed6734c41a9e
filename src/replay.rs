//! `turquoise replay`: a recorded run again, to see that it ends alike and to step through it.

use std::path::PathBuf;

use serde_json::{Value, json};
use turquoise_scenarios::campaign::Build;
use turquoise_scenarios::film::{About, film};
use turquoise_scenarios::replay::Recorded;
use turquoise_scenarios::run::{Level, Ran, Runner};
use turquoise_scenarios::subject::Subject;
use turquoise_scenarios::walk::Walk;

use crate::build::build;
use crate::display::thousands;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::film::Films;
use crate::output::{Output, Paint};

mod step;

/// Violations and lost requests named in the text; the JSON names all that the verdict does.
const NAMED: usize = 10;

/// Runs a recorded scenario again, and compares trace and verdict with what was recorded.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise replay failures/seed-41            a failing seed's folder\n  turquoise replay failures/seed-41 --shrunk --step\n  turquoise replay scenario.json --subject published\n  turquoise replay failures/seed-41 --html seed-41.html --beside turquoise\n  turquoise replay scenarios/corpus/NAME.json --level in-process\n\nEnds with 13 when an invariant is violated, with 0 when all hold; with 9 when it ends otherwise than recorded because another build recorded it, with 1 when the same build did."
)]
pub(crate) struct Args {
    /// A failing seed's folder, a scenario, or a case of the corpus.
    #[arg(value_name = "FOLDER|FILE")]
    path: PathBuf,
    /// Somebody else swaps: `turquoise`, `published`, a break or a mutant.
    #[arg(long)]
    subject: Option<Subject>,
    /// The folder's smaller scenario that fails alike.
    #[arg(long)]
    shrunk: bool,
    /// Walk through the trace event by event, with the state at each.
    #[arg(long)]
    step: bool,
    #[command(flatten)]
    films: Films,
    /// Somebody who swaps in the same scenario, beside it on the page of `--html`.
    #[arg(long, value_name = "SUBJECT", requires = "html")]
    beside: Option<Subject>,
    /// The level of simulation.
    #[arg(long, value_parser = level, default_value = "core", value_name = "core|in-process|duplex")]
    level: Level,
}

/// Replays and tells.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let mut recorded = Recorded::read(&args.path, args.shrunk).map_err(|error| {
        Failure::usage("there is nothing to replay")
            .because(&error)
            .next("name a folder that `turquoise simulate --failures` left, or a scenario.json")
    })?;
    let own = recorded.subject.to_string();
    let subject = args.subject.unwrap_or(recorded.subject);
    recorded.subject = subject;
    let ran = recorded.run(&Runner::default(), args.level);
    let ran = ran.map_err(|error| {
        Failure::new(Exit::Internal, "the scenario's system could not be set up").because(&error)
    })?;
    let differences = recorded.differences(&ran, own == subject.to_string());
    if args.step {
        step::walk(&Walk::new(&ran.observation), output);
    }
    if args.films.is_asked() {
        args.films.write(&films(args, &recorded, &ran)?)?;
    }
    let exit = match (differences.is_empty(), ran.verdict.holds()) {
        (false, _) => mismatch(&recorded),
        (true, true) => Exit::Completed,
        (true, false) => Exit::BudgetViolated,
    };
    output.text(&text(&recorded, &ran, Paint::stdout()));
    output.document(&document(&recorded, &ran, args.level, &differences, exit));
    if differences.is_empty() {
        return Ok(exit);
    }
    Err(mismatched(&recorded, &differences, exit))
}

/// The run as a film, and beside it that of somebody else in the same scenario.
fn films(args: &Args, recorded: &Recorded, ran: &Ran) -> Result<Vec<Value>, Failure> {
    let mut films = vec![filmed(recorded, ran)];
    if let Some(subject) = args.beside {
        let other = Recorded {
            subject,
            expected: None,
            scenario: recorded.scenario.clone(),
        };
        let ran = other.run(&Runner::default(), args.level).map_err(|error| {
            Failure::new(Exit::Internal, "the scenario's system could not be set up")
                .because(&error)
        })?;
        films.push(filmed(&other, &ran));
    }
    Ok(films)
}

fn filmed(recorded: &Recorded, ran: &Ran) -> Value {
    let outcome = ran
        .observation
        .end
        .map_or("never ended", |end| end.outcome.name());
    let about = About {
        title: format!("Seed {} by {}", recorded.scenario.seed, recorded.subject),
        subject: recorded.subject.to_string(),
        seed: recorded.scenario.seed,
        outcome: outcome.replace('_', " "),
    };
    film(&about, &ran.observation, &ran.verdict)
}

/// Another build may well end otherwise; the same one never may.
fn mismatch(recorded: &Recorded) -> Exit {
    match recorder(recorded) {
        Some(recorder) if recorder.agrees_with(&build()) => Exit::Internal,
        _ => Exit::Stale,
    }
}

fn recorder(recorded: &Recorded) -> Option<&Build> {
    recorded.expected.as_ref()?.build.as_ref()
}

fn mismatched(recorded: &Recorded, differences: &[String], exit: Exit) -> Failure {
    let ours = build();
    let cause = match recorder(recorded) {
        Some(recorder) if recorder.agrees_with(&ours) => {
            "the same sources recorded it: something is not determined by the seed".to_owned()
        }
        Some(recorder) => format!(
            "another build recorded it: sources `{}`, {}; this is `{}`",
            recorder.source,
            recorder.commit.as_deref().unwrap_or("commit unknown"),
            ours.source
        ),
        None => "the corpus outlives builds: this one behaves otherwise".to_owned(),
    };
    let failure = Failure::new(
        exit,
        format!(
            "the replay ended otherwise than recorded: {}",
            differences.join("; ")
        ),
    );
    let failure = failure.because(&std::io::Error::other(cause));
    if exit == Exit::Internal {
        failure.next("report it with the folder: the same seed must give the same bytes")
    } else {
        failure.next("replay it with the build that recorded it, or record it anew")
    }
}

fn text(recorded: &Recorded, ran: &Ran, paint: Paint) -> String {
    let verdict = &ran.verdict;
    let (requests, scenario) = (&verdict.requests, &recorded.scenario);
    let headline = if verdict.holds() {
        paint.good("every invariant holds")
    } else {
        let violated: Vec<String> = verdict.violated.keys().map(ToString::to_string).collect();
        paint.bad(&format!("violates {}", violated.join(" ")))
    };
    let mut text = format!(
        "{} on seed {}: {headline}\n",
        recorded.subject, scenario.seed
    );
    let outcome = ran
        .observation
        .end
        .map_or("never ended", |end| end.outcome.name());
    let reason = if ran.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", ran.reason)
    };
    let rows = [
        ("ended", format!("{}{reason}", outcome.replace('_', " "))),
        (
            "requests",
            format!(
                "{} sent, {} ok, {} lost",
                thousands(requests.sent),
                thousands(requests.ok()),
                thousands(requests.lost())
            ),
        ),
        ("faults", scenario.faults.len().to_string()),
        ("digest", ran.digest.to_string()),
    ];
    for (name, value) in rows {
        text.push_str(&format!(
            "  {}  {value}\n",
            paint.dim(&format!("{name:<9}"))
        ));
    }
    for violation in verdict.violations.iter().take(NAMED) {
        text.push_str(&format!(
            "\n{} {}",
            paint.bad(&violation.invariant.to_string()),
            violation.what
        ));
    }
    text.trim_end().to_owned()
}

fn document(
    recorded: &Recorded,
    ran: &Ran,
    level: Level,
    differences: &[String],
    exit: Exit,
) -> Value {
    let verdict = &ran.verdict;
    let violated: Vec<_> = verdict.violated.keys().collect();
    let expected = recorded.expected.as_ref();
    json!({
        "event": "result",
        "subject": recorded.subject.to_string(),
        "seed": recorded.scenario.seed,
        "level": name(level),
        "outcome": ran.observation.end.map(|end| end.outcome),
        "reason": ran.reason,
        "holds": verdict.holds(),
        "violated": violated,
        "violations": verdict.violations,
        "requests": {
            "sent": verdict.requests.sent,
            "ok": verdict.requests.ok(),
            "lost": verdict.requests.lost(),
            "violations": verdict.requests.violations(),
        },
        "digest": ran.digest,
        "recorded_digest": expected.and_then(|expected| expected.digest),
        "matches": differences.is_empty(),
        "differences": differences,
        "exit_code": exit.code(),
    })
}

const LEVELS: [Level; 3] = [Level::Core, Level::InProcess, Level::Duplex];

fn level(text: &str) -> Result<Level, String> {
    LEVELS
        .into_iter()
        .find(|known| name(*known) == text)
        .ok_or_else(|| "write core, in-process or duplex".to_owned())
}

const fn name(level: Level) -> &'static str {
    match level {
        Level::Core => "core",
        Level::InProcess => "in-process",
        Level::Duplex => "duplex",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_has_a_name_that_leads_back_to_it() {
        for known in LEVELS {
            assert_eq!(level(name(known)), Ok(known));
        }
        assert!(level("sockets").is_err());
    }
}
