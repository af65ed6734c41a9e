//! `turquoise schema`: what programs may rely on in `--output ndjson`.

use serde_json::Value;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// JSON Schema of the lines that a run prints; additions are no break, removals are.
const EVENTS: &str = include_str!("schema/events.json");

/// Prints the JSON Schema of the lines of `--output ndjson`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  turquoise schema > turquoise-events.schema.json")]
pub(crate) struct Args {}

/// Prints the schema, whatever the output: it is a document itself.
pub(crate) fn run(_args: &Args, output: &Output) -> Result<Exit, Failure> {
    output.text(EVENTS.trim_end());
    let schema: Value =
        serde_json::from_str(EVENTS).expect("because a test reads the same literal file");
    output.document(&schema);
    Ok(Exit::Completed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use turquoise_orchestrator::config::Moment;
    use turquoise_orchestrator::{
        Change, GatewayWrite, HookAnswer, Instant, Phase, Progress, SeenBuild,
    };

    use super::*;
    use crate::progress::event;

    /// One of each; a new variant does not compile here until it is added.
    fn every_progress() -> Vec<Progress> {
        let phase = Phase::P4;
        let all = vec![
            Progress::Planned {
                run: "r".to_owned(),
                old: "green".to_owned(),
                new: "blue".to_owned(),
                plan: vec!["line".to_owned()],
            },
            Progress::Entered {
                phase,
                reverse: false,
            },
            Progress::Left {
                phase,
                evidence: Vec::new(),
            },
            Progress::Waiting {
                phase,
                elapsed: Duration::from_secs(1),
                ceiling: Duration::from_secs(2),
                missing: Vec::new(),
            },
            Progress::Wrote {
                resource: "/x".to_owned(),
                purpose: "p".to_owned(),
                outcome: "done".to_owned(),
            },
            Progress::GatewayPut(GatewayWrite {
                phase,
                from: vec![Ipv4Addr::LOCALHOST],
                to: Vec::new(),
                sent_ms: 1,
                accepted: None,
            }),
            Progress::Pool {
                members: Vec::new(),
            },
            Progress::Answers {
                builds: vec![SeenBuild {
                    build: None,
                    answers: 1,
                    errors: 0,
                }],
            },
            Progress::Deployed {
                resource: "/x".to_owned(),
                change: Change::Created,
            },
            Progress::HookCalled {
                hook: "smoke".to_owned(),
                when: Moment::Before(phase),
                attempt: 1,
            },
            Progress::HookAnswered {
                hook: "smoke".to_owned(),
                when: Moment::Before(phase),
                attempt: 1,
                answer: HookAnswer::InProgress,
                detail: String::new(),
            },
            Progress::Warning {
                text: "t".to_owned(),
            },
            Progress::Note {
                text: "t".to_owned(),
            },
        ];
        for progress in &all {
            match progress {
                Progress::Planned { .. }
                | Progress::Entered { .. }
                | Progress::Left { .. }
                | Progress::Waiting { .. }
                | Progress::Wrote { .. }
                | Progress::GatewayPut(_)
                | Progress::Pool { .. }
                | Progress::Answers { .. }
                | Progress::Deployed { .. }
                | Progress::HookCalled { .. }
                | Progress::HookAnswered { .. }
                | Progress::Warning { .. }
                | Progress::Note { .. } => {}
            }
        }
        all
    }

    fn keys(value: &Value) -> BTreeSet<String> {
        let members = value.as_object().into_iter().flatten();
        members.map(|(name, _)| name.clone()).collect()
    }

    #[test]
    fn every_event_has_exactly_the_members_that_are_published() {
        let schema: Value = serde_json::from_str(EVENTS).expect("it is JSON");
        let published = schema["oneOf"].as_array().expect("a list of events");
        for progress in every_progress() {
            let line = event(Instant(7), &progress);
            let entry = published
                .iter()
                .find(|entry| entry["properties"]["event"]["const"] == line["event"])
                .unwrap_or_else(|| panic!("`{}` is not published", line["event"]));
            assert_eq!(keys(&line), keys(&entry["properties"]), "{line}");
            let required: BTreeSet<String> = entry["required"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect();
            assert!(required.is_subset(&keys(&line)), "{line}");
        }
    }
}
