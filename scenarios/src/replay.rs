//! A recorded run, read back: a failing seed's folder, a scenario, or a case of the corpus.
//!
//! A shell: it reads files. What a run must show again is in [`Expectation`]; [`Recorded::run`] runs
//! it and [`Recorded::differences`] tells what came out otherwise.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::campaign::{Build, Expected};
use crate::invariant::Invariant;
use crate::run::{Level, Ran, Runner};
use crate::scenario::{InvalidScenario, Scenario};
use crate::subject::{Subject, UnknownSubject};
use crate::trace::Digest;
use crate::world::WorldError;

/// A run that can be made again.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Who swaps.
    pub subject: Subject,
    /// In which scenario.
    pub scenario: Scenario,
    /// What must come out; absent for a scenario alone.
    pub expected: Option<Expectation>,
}

/// What a run must show again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The trace; absent in the corpus, which outlives builds.
    pub digest: Option<Digest>,
    /// What is violated, in order. In the corpus others may be too.
    pub violated: Vec<Invariant>,
    /// Whether nothing else may be violated.
    pub exactly: bool,
    /// Which build recorded it.
    pub build: Option<Build>,
}

/// A scenario of the corpus that is not the reference's, or that fails on purpose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it showed.
    about: String,
    /// Who swaps.
    subject: String,
    /// What is violated, at least; empty when nothing may be.
    violates: Vec<Invariant>,
    /// In which scenario.
    scenario: Value,
}

/// Why a path holds no recorded run.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file could not be read.
    #[error("`{}` cannot be read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file holds no scenario.
    #[error("`{}` holds no scenario that this build reads", path.display())]
    Scenario {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: InvalidScenario,
    },
    /// A file holds no verdict.
    #[error("`{}` holds no verdict", path.display())]
    Verdict {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// It names an orchestrator that this build does not have.
    #[error("`{}` names an orchestrator that this build does not have", path.display())]
    Subject {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: UnknownSubject,
    },
    /// It has no shrunk scenario.
    #[error("`{}` has no shrunk scenario", path.display())]
    NoShrunk {
        /// Which.
        path: PathBuf,
    },
}

impl Recorded {
    /// Reads a failing seed's folder, a scenario or a case of the corpus. `shrunk` asks for the
    /// folder's smaller scenario.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(path: &Path, shrunk: bool) -> Result<Self, ReadError> {
        if path.is_dir() {
            return Self::read_folder(path, shrunk);
        }
        if shrunk {
            return Err(ReadError::NoShrunk {
                path: path.to_owned(),
            });
        }
        let text = read(path)?;
        match serde_json::from_str::<Case>(&text) {
            Ok(case) => Self::of_case(path, case),
            Err(_) => Ok(Self {
                subject: Subject::Turquoise,
                scenario: scenario(path, &text)?,
                expected: None,
            }),
        }
    }

    fn read_folder(folder: &Path, shrunk: bool) -> Result<Self, ReadError> {
        let path = folder.join(if shrunk {
            "shrunk.json"
        } else {
            "scenario.json"
        });
        let scenario = scenario(&path, &read(&path)?)?;
        let path = folder.join("verdict.json");
        let text = read(&path)?;
        let read: Result<Expected, _> = serde_json::from_str(&text);
        let expected = read.map_err(|source| ReadError::Verdict {
            path: path.clone(),
            source,
        })?;
        let subject = subject(&path, &expected.subject)?;
        let (digest, violated) = match (shrunk, expected.shrunk) {
            (false, _) => (expected.digest, expected.violated),
            (true, Some(shrunk)) => (shrunk.digest, shrunk.violated),
            (true, None) => return Err(ReadError::NoShrunk { path }),
        };
        Ok(Self {
            subject,
            scenario,
            expected: Some(Expectation {
                digest: Some(digest),
                violated,
                exactly: true,
                build: Some(expected.build),
            }),
        })
    }

    fn of_case(path: &Path, case: Case) -> Result<Self, ReadError> {
        Ok(Self {
            subject: subject(path, &case.subject)?,
            scenario: scenario(path, &case.scenario.to_string())?,
            expected: Some(Expectation {
                digest: None,
                exactly: case.violates.is_empty(),
                violated: case.violates,
                build: None,
            }),
        })
    }

    /// Runs it again.
    ///
    /// # Errors
    /// When the scenario's system cannot be set up.
    pub fn run(&self, runner: &Runner, level: Level) -> Result<Ran, WorldError> {
        runner.run(level, self.subject, &self.scenario)
    }

    /// What came out otherwise than recorded, as sentences; empty when all is the same. `comparable`
    /// tells whether the digest may be compared: another level or another orchestrator has its own.
    #[must_use]
    pub fn differences(&self, ran: &Ran, comparable: bool) -> Vec<String> {
        let Some(expected) = self.expected.as_ref().filter(|_| comparable) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        if let Some(digest) = expected.digest
            && digest != ran.digest
        {
            all.push(format!(
                "the trace is {}, recorded was {digest}",
                ran.digest
            ));
        }
        let found: Vec<Invariant> = ran.verdict.violated.keys().copied().collect();
        let alike = if expected.exactly {
            found == expected.violated
        } else {
            expected
                .violated
                .iter()
                .all(|invariant| found.contains(invariant))
        };
        if !alike {
            all.push(format!(
                "violated is {}, recorded was {}",
                listed(&found),
                listed(&expected.violated)
            ));
        }
        all
    }
}

fn read(path: &Path) -> Result<String, ReadError> {
    fs::read_to_string(path).map_err(|source| ReadError::File {
        path: path.to_owned(),
        source,
    })
}

fn scenario(path: &Path, text: &str) -> Result<Scenario, ReadError> {
    Scenario::from_json(text).map_err(|source| ReadError::Scenario {
        path: path.to_owned(),
        source,
    })
}

fn subject(path: &Path, name: &str) -> Result<Subject, ReadError> {
    name.parse().map_err(|source| ReadError::Subject {
        path: path.to_owned(),
        source,
    })
}

fn listed(invariants: &[Invariant]) -> String {
    if invariants.is_empty() {
        return "nothing".to_owned();
    }
    let names: Vec<String> = invariants.iter().map(ToString::to_string).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Bundle;
    use crate::mutants::Mutant;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("turquoise-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        folder
    }

    #[test]
    fn a_failure_folder_replays_to_what_it_says() {
        let runner = Runner::default();
        let mutant = Mutant::by_id("kill-inflight").expect("it is in the first wave");
        let subject = Subject::Mutant(mutant);
        let scenario = mutant.exposed(0);
        let ran = runner
            .run(Level::Core, subject, &scenario)
            .expect("it runs");
        assert!(!ran.verdict.holds());
        let into = folder("bundle");
        let bundle = Bundle::of(&runner, subject, &scenario, &ran);
        let written = bundle.write(&into).expect("it is written");
        for shrunk in [false, true] {
            let mut recorded = Recorded::read(&written, shrunk).expect("just written");
            assert_eq!(recorded.subject.to_string(), "kill-inflight");
            let again = recorded.run(&runner, Level::Core).expect("it runs");
            assert_eq!(recorded.differences(&again, true), [""; 0]);
            // It can fail: another trace and another verdict are told apart.
            let expected = recorded.expected.as_mut().expect("a folder has a verdict");
            expected.digest = Some(Digest(1));
            expected.violated = vec![Invariant::Q(7)];
            assert_eq!(recorded.differences(&again, true).len(), 2);
        }
        fs::remove_dir_all(&into).expect("it is ours");
    }

    #[test]
    fn a_case_of_the_corpus_names_its_subject_and_what_it_violates() {
        let scenario = crate::generate::calm(3);
        let case = serde_json::json!({
            "about": "a test",
            "subject": "kill-inflight",
            "violates": ["S6"],
            "scenario": scenario,
        });
        let path = folder("case").join("case.json");
        fs::write(&path, case.to_string()).expect("a writable file");
        let recorded = Recorded::read(&path, false).expect("a case");
        assert_eq!(recorded.scenario, scenario);
        let expected = recorded.expected.expect("a case has one");
        assert_eq!(
            (expected.violated, expected.exactly),
            (vec![Invariant::S(6)], false)
        );
        fs::write(&path, scenario.to_json()).expect("a writable file");
        let alone = Recorded::read(&path, false).expect("a scenario");
        assert_eq!(alone.expected, None);
        fs::write(&path, "{}").expect("a writable file");
        assert!(matches!(
            Recorded::read(&path, false),
            Err(ReadError::Scenario { .. })
        ));
    }
}
