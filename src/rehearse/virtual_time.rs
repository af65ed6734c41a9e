//! A rehearsal in virtual time: the same orchestrator, cloud and judge, without sockets or waiting.

use serde_json::json;
use turquoise_emulator::ledger::{ConnectionClass, RequestClass};
use turquoise_scenarios::generate;
use turquoise_scenarios::observation::{End, PhaseMark};
use turquoise_scenarios::report::comparison::Row;
use turquoise_scenarios::run::{Level, Ran, Runner};
use turquoise_scenarios::scenario::Scenario;
use turquoise_scenarios::subject::Subject;

use super::Rehearsed;
use super::plan::Plan;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Rehearses on the level at which requests go through the real HTTP routes, in process.
pub(crate) fn rehearse(plan: &Plan, output: &Output) -> Result<Rehearsed, Failure> {
    let mut scenario = generate::calm(plan.seed);
    if plan.deliberate().is_some() {
        // As on sockets: answers that have begun, which no gateway can ask another member for.
        let traffic = &mut scenario.traffic;
        traffic.with_much(RequestClass::Download, ConnectionClass::New);
        traffic.profile.download_ms = (2_000, 6_000);
    }
    let runner = Runner::default();
    let ran = run(&runner, plan.subject, &scenario)?;
    for mark in &ran.observation.phases {
        output.event(&entered(*mark));
    }
    let compared = compared(plan, &runner, &scenario, &ran)?;
    let end = ran.observation.end.unwrap_or(End {
        exit_code: Exit::Internal.code(),
        outcome: turquoise_scenarios::observation::Outcome::Failed,
    });
    Ok(Rehearsed {
        observation: ran.observation,
        outcome: end.outcome.name().to_owned(),
        reason: String::new(),
        claim: Exit::from_code(end.exit_code),
        speed: None,
        compared,
    })
}

fn run(runner: &Runner, subject: Subject, scenario: &Scenario) -> Result<Ran, Failure> {
    runner
        .run(Level::InProcess, subject, scenario)
        .map_err(|error| {
            Failure::new(Exit::Internal, "cannot set up the virtual world")
                .because(&error)
                .next("try another --seed")
        })
}

/// The row of this run, and that of the published script in the same scenario.
fn compared(
    plan: &Plan,
    runner: &Runner,
    scenario: &Scenario,
    ran: &Ran,
) -> Result<Vec<Row>, Failure> {
    let mut rows = vec![Row::of(&plan.orchestrator(), &ran.verdict)];
    if !matches!(plan.subject, Subject::Published) {
        let published = run(runner, Subject::Published, scenario)?;
        rows.push(Row::of("published", &published.verdict));
    }
    Ok(rows)
}

/// A phase as in a rehearsal on sockets.
fn entered(mark: PhaseMark) -> serde_json::Value {
    json!({
        "event": "entered",
        "phase": format!("P{}", mark.phase),
        "reverse": mark.reverse,
        "at_ms": mark.at.as_millis(),
    })
}
