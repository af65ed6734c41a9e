//! A run as a document that a page replays: every step with what it changed, what was lost and why,
//! what was violated.
//!
//! The state at each step is the [`Walk`]'s, written as what changed since the step before: a run has
//! hundreds of steps, and few change much. The viewer (`emulator/portal/viewer.js`) reads it.

use serde_json::{Map, Value, json};
use turquoise_emulator::Instant;

use crate::invariant::Invariant;
use crate::observation::Observation;
use crate::verdict::Verdict;
use crate::walk::{State, Walk};

/// The form of the document, which the viewer compares.
const FORMAT: &str = "turquoise-film/1";
/// Lines of evidence per violated invariant; the verdict has all of them.
const EVIDENCE: usize = 20;

/// What a film says beside the run.
#[derive(Clone, Debug)]
pub struct About {
    /// What stands above it.
    pub title: String,
    /// Who swapped.
    pub subject: String,
    /// The seed.
    pub seed: u64,
    /// How it ended, as a phrase.
    pub outcome: String,
}

/// The document.
#[must_use]
pub fn film(about: &About, observation: &Observation, verdict: &Verdict) -> Value {
    let walk = Walk::new(observation);
    let seconds = |at: Instant| walk.seconds(at);
    let violated = verdict.violated.iter();
    let violated = violated.map(|(invariant, times)| violation(*invariant, *times, verdict, &walk));
    let lost = verdict.lost.iter().map(|lost| {
        json!({
            "request": lost.id,
            "at_s": seconds(lost.ended),
            "outcome": lost.outcome,
            "why": lost.why,
            "catalogue": lost.catalogue,
        })
    });
    let phases = observation.phases.iter();
    let phases = phases.map(|mark| json!({"name": phase(*mark), "at_s": seconds(mark.at)}));
    let declared = &observation.declared;
    let sides = [&declared.old, &declared.new];
    let sides = sides.map(|side| (side.address.to_string(), json!(side.name)));
    json!({
        "format": FORMAT,
        "title": about.title,
        "subject": about.subject,
        "seed": about.seed,
        "outcome": about.outcome,
        "sides": Value::Object(sides.into_iter().collect()),
        "verdict": {"holds": verdict.holds(), "violated": violated.collect::<Vec<_>>()},
        "requests": {
            "sent": verdict.requests.sent,
            "ok": verdict.requests.ok(),
            "lost": verdict.requests.lost(),
        },
        "lost": lost.collect::<Vec<_>>(),
        "phases": phases.collect::<Vec<_>>(),
        "steps": steps(&walk),
    })
}

fn violation(invariant: Invariant, times: u64, verdict: &Verdict, walk: &Walk) -> Value {
    let own = verdict.violations.iter();
    let own = own.filter(|violation| violation.invariant == invariant);
    let evidence = own.take(EVIDENCE).map(|violation| {
        let at = walk.seconds(violation.at);
        format!("{at:.3} s: {}", violation.what)
    });
    json!({
        "id": invariant,
        "about": invariant.text(),
        "times": times,
        "evidence": evidence.collect::<Vec<_>>(),
    })
}

fn steps(walk: &Walk) -> Vec<Value> {
    let mut before = Map::new();
    let steps = walk.steps.iter();
    steps
        .map(|step| {
            let state = members(&step.state);
            let changed: Map<String, Value> = state
                .iter()
                .filter(|(name, value)| before.get(*name) != Some(*value))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            before = state;
            json!({"at_s": walk.seconds(step.at), "what": step.what, "changed": changed})
        })
        .collect()
}

fn members(state: &State) -> Map<String, Value> {
    let document = json!({
        "phase": state.phase.map(phase),
        "pool": state.pool,
        "effective": state.effective,
        "unhealthy": state.unhealthy,
        "serving": state.serving,
        "in_flight": state.in_flight,
        "processes": state.processes,
        "lease": state.lease,
    });
    match document {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn phase(mark: crate::observation::PhaseMark) -> String {
    let way = if mark.reverse { " back" } else { "" };
    format!("P{}{way}", mark.phase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Level, Runner};
    use crate::scenario::Scenario;
    use crate::subject::Subject;

    #[test]
    fn a_film_folds_back_to_the_state_of_every_step() {
        let case = include_str!("../corpus/work-in-flight-is-not-killed.json");
        let case: Value = serde_json::from_str(case).expect("JSON");
        let scenario: Scenario =
            serde_json::from_value(case["scenario"].clone()).expect("a scenario");
        let subject: Subject = case["subject"]
            .as_str()
            .unwrap_or("turquoise")
            .parse()
            .expect("known");
        let ran = Runner::default()
            .run(Level::Core, subject, &scenario)
            .expect("the world can be set up");
        let about = About {
            title: "t".to_owned(),
            subject: subject.to_string(),
            seed: scenario.seed,
            outcome: String::new(),
        };
        let film = film(&about, &ran.observation, &ran.verdict);
        let walk = Walk::new(&ran.observation);
        let mut state = Map::new();
        let steps = film["steps"].as_array().expect("steps");
        assert_eq!(steps.len(), walk.steps.len());
        for (told, step) in steps.iter().zip(&walk.steps) {
            state.extend(told["changed"].as_object().expect("members").clone());
            assert_eq!(state, members(&step.state), "{}", step.what);
        }
        let violated = film["verdict"]["violated"].as_array().expect("a list");
        assert_eq!(violated.len(), ran.verdict.violated.len());
        assert!(violated.iter().all(|one| one["evidence"].is_array()));
    }
}
