//! A run as its journal's lines tell it, ready to be printed.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use turquoise_orchestrator::RunHistory;

use crate::plan::time;

/// One run.
#[derive(Debug, Serialize)]
pub(super) struct Account {
    /// The run as a whole.
    pub(super) run: RunHistory,
    /// Each state that was entered, in order.
    pub(super) phases: Vec<Visit>,
    /// Each gateway write that was sent.
    pub(super) writes: Vec<Write>,
}

/// One visit to a state.
#[derive(Debug, Serialize)]
pub(super) struct Visit {
    /// The state's name, such as `ConfirmingAdd`.
    pub(super) state: String,
    /// When it was entered, on the wall clock.
    pub(super) unix_ms: u64,
    /// How long it lasted; zero for the last one.
    pub(super) lasted_ms: u64,
    /// What was proven in it.
    pub(super) evidence: Vec<String>,
}

/// One gateway write.
#[derive(Debug, Serialize)]
pub(super) struct Write {
    /// When its intent was written down.
    pub(super) unix_ms: u64,
    /// The members before.
    pub(super) from: Vec<String>,
    /// The members it asked for.
    pub(super) to: Vec<String>,
    /// What Azure answered.
    pub(super) answer: String,
}

impl Account {
    /// Reads the lines; what this version does not know is left out.
    pub(super) fn of(run: RunHistory, lines: &[Value]) -> Self {
        let mut account = Self {
            run,
            phases: Vec::new(),
            writes: Vec::new(),
        };
        for line in lines {
            account.read(line);
        }
        account
    }

    fn read(&mut self, line: &Value) {
        let unix_ms = line["unix_ms"].as_u64().unwrap_or_default();
        match line["record"].as_str().unwrap_or_default() {
            "entered" => self.enter(name_of(&line["state"]), unix_ms),
            "evidence" => {
                if let Some(visit) = self.phases.last_mut() {
                    visit.evidence.extend(texts(&line["lines"]));
                }
            }
            "writing" => self.writes.push(Write {
                unix_ms,
                from: texts(&line["write"]["from"]),
                to: texts(&line["write"]["to"]),
                answer: "no answer".to_owned(),
            }),
            "written" => {
                if let (Some(write), Some(answer)) =
                    (self.writes.last_mut(), line["answer"].as_str())
                {
                    answer.clone_into(&mut write.answer);
                }
            }
            "ended" => self.close(unix_ms),
            _ => {}
        }
    }

    fn enter(&mut self, state: String, unix_ms: u64) {
        self.close(unix_ms);
        self.phases.push(Visit {
            state,
            unix_ms,
            lasted_ms: 0,
            evidence: Vec::new(),
        });
    }

    fn close(&mut self, unix_ms: u64) {
        if let Some(last) = self.phases.last_mut()
            && last.lasted_ms == 0
        {
            last.lasted_ms = unix_ms.saturating_sub(last.unix_ms);
        }
    }

    /// How the run ended, in a word.
    pub(super) fn outcome(&self) -> String {
        let outcome = self.run.outcome.as_ref();
        outcome.map_or_else(
            || format!("unfinished in {}", self.run.phase),
            |outcome| outcome.name().replace('_', " "),
        )
    }

    /// From which side to which.
    pub(super) fn way(&self) -> String {
        match (&self.run.old, &self.run.new) {
            (Some(old), Some(new)) => format!("{old} → {new}"),
            _ => "no direction".to_owned(),
        }
    }

    /// The account as Markdown, which reads as text too.
    pub(super) fn markdown(&self) -> String {
        let run = &self.run;
        let mut text = format!(
            "### run {}: {}, {}\n\n{} gateway writes, by {}, from {} to {}\n",
            run.run,
            self.way(),
            self.outcome(),
            run.gateway_puts,
            run.owners.join(", "),
            time(run.began_unix_ms),
            time(run.last_unix_ms)
        );
        if !run.reason.is_empty() {
            let _infallible = write!(text, "\nBecause: {}\n", run.reason);
        }
        text += "\n| state | entered | seconds | evidence |\n|---|---|---|---|\n";
        for visit in &self.phases {
            let _infallible = writeln!(
                text,
                "| {} | {} | {}.{:03} | {} |",
                visit.state,
                time(visit.unix_ms),
                visit.lasted_ms / 1_000,
                visit.lasted_ms % 1_000,
                visit.evidence.join("; ").replace('|', "\\|")
            );
        }
        text += "\n| gateway write | from | to | answer |\n|---|---|---|---|\n";
        for write in &self.writes {
            let _infallible = writeln!(
                text,
                "| {} | {} | {} | {} |",
                time(write.unix_ms),
                write.from.join(", "),
                write.to.join(", "),
                write.answer.replace('|', "\\|")
            );
        }
        text
    }
}

/// `"Gating"`, or `{"Releasing": "Completed"}` as `Releasing Completed`.
fn name_of(state: &Value) -> String {
    match state {
        Value::String(name) => name.clone(),
        Value::Object(members) => members
            .iter()
            .map(|(name, with)| format!("{name} {}", with.as_str().unwrap_or_default()))
            .collect(),
        _ => String::new(),
    }
}

fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_state_is_told_with_what_it_owns() {
        assert_eq!(name_of(&json!("Gating")), "Gating");
        assert_eq!(
            name_of(&json!({"Releasing": "Completed"})),
            "Releasing Completed"
        );
    }
}
