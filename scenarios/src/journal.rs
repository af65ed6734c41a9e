//! What stored journal lines say, read without a type of the orchestrator (H11).
//!
//! A line is a JSON object whose `record` names its kind. Oracles read the few members they judge;
//! a line that is not of that shape says nothing.

use serde_json::Value;
use turquoise_emulator::Instant;

use crate::observation::Observation;

/// One stored line.
#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    /// When it was stored.
    pub(crate) at: Instant,
    /// The process that wrote it.
    pub(crate) process: u16,
    /// The store it is in.
    pub(crate) store: u16,
    /// The run it belongs to.
    pub(crate) run: &'a str,
    value: Value,
}

/// A state that a run entered: its name, and the ending it leads to where it names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entered {
    /// Such as `Adding`.
    pub(crate) state: String,
    /// Such as `RolledBack` of `Releasing(RolledBack)`.
    pub(crate) detail: Option<String>,
}

/// Every stored line, in the order in which the stores took them.
pub(crate) fn lines(observation: &Observation) -> Vec<Line<'_>> {
    let journal = observation.record.journal.iter();
    let stored = journal.filter(|line| line.stored);
    let read = stored.filter_map(|line| {
        Some(Line {
            at: line.at,
            process: line.process,
            store: line.store,
            run: &line.run,
            value: serde_json::from_str(&line.line).ok()?,
        })
    });
    read.collect()
}

impl Line<'_> {
    /// Its kind, such as `writing`.
    pub(crate) fn kind(&self) -> &str {
        self.value["record"].as_str().unwrap_or_default()
    }

    /// The state that was entered, if it is such a line.
    pub(crate) fn entered(&self) -> Option<Entered> {
        if self.kind() != "entered" {
            return None;
        }
        let state = &self.value["state"];
        if let Some(name) = state.as_str() {
            return Some(Entered {
                state: name.to_owned(),
                detail: None,
            });
        }
        let (name, detail) = state.as_object()?.iter().next()?;
        Some(Entered {
            state: name.clone(),
            detail: detail.as_str().map(str::to_owned),
        })
    }

    /// Whether it speaks of a gateway write: its intent, its answer, or what it came to.
    pub(crate) fn is_about_a_write(&self) -> bool {
        matches!(self.kind(), "writing" | "written" | "settled")
    }

    /// The members that a gateway write is about to ask for.
    pub(crate) fn writes_members(&self) -> Option<Vec<String>> {
        if self.kind() != "writing" {
            return None;
        }
        let members = self.value["write"]["to"].as_array()?.iter();
        Some(
            members
                .filter_map(|m| m.as_str().map(str::to_owned))
                .collect(),
        )
    }

    /// The members that a gateway write takes for those of before.
    pub(crate) fn replaces_members(&self) -> Option<Vec<String>> {
        if self.kind() != "writing" {
            return None;
        }
        let members = self.value["write"]["from"].as_array()?.iter();
        Some(
            members
                .filter_map(|m| m.as_str().map(str::to_owned))
                .collect(),
        )
    }

    /// The id, in lower case, of the autoscale setting or the scale set it is about to change.
    pub(crate) fn touches(&self) -> Option<String> {
        let member = match self.kind() {
            "pinning" => "setting",
            "scaling" => "scale_set",
            _ => return None,
        };
        self.value[member].as_str().map(str::to_ascii_lowercase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::JournalLine;

    #[test]
    fn a_line_says_what_was_entered_and_what_will_be_written() {
        let mut observation = crate::sample::clean();
        let texts = [
            r#"{"record":"entered","state":"Adding"}"#,
            r#"{"record":"entered","state":{"Releasing":"Completed"}}"#,
            r#"{"record":"writing","write":{"to":["10.0.0.5"]}}"#,
            r#"{"record":"pinning","setting":"/Sub/A"}"#,
            "not json",
        ];
        observation.record.journal = texts
            .iter()
            .enumerate()
            .map(|(number, text)| JournalLine {
                at: Instant::ZERO,
                process: 0,
                store: 0,
                run: "r".to_owned(),
                number,
                line: (*text).to_owned(),
                stored: number != 0,
            })
            .collect();
        let lines = lines(&observation);
        assert_eq!(lines.len(), 3);
        let releasing = lines[0].entered().expect("a state");
        assert_eq!(
            (releasing.state.as_str(), releasing.detail.as_deref()),
            ("Releasing", Some("Completed"))
        );
        assert_eq!(lines[1].writes_members(), Some(vec!["10.0.0.5".to_owned()]));
        assert_eq!(lines[2].touches().as_deref(), Some("/sub/a"));
    }
}
