//! The folder that a failing seed leaves: everything one needs to understand and replay it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::build::Build;
use crate::film::{self, film};
use crate::invariant::Invariant;
use crate::report::html::{About, page, picture};
use crate::run::{Level, Ran, Runner};
use crate::scenario::Scenario;
use crate::shrink::shrink;
use crate::subject::Subject;
use crate::trace::{self, Digest};

/// A failing scenario with its evidence.
#[derive(Clone, Debug)]
pub struct Bundle {
    subject: Subject,
    scenario: Scenario,
    shrunk: Scenario,
    expected: Expected,
    verdict: Value,
    trace: Vec<u8>,
    film: Value,
    page: String,
    picture: String,
}

/// What a replay must show again: the part of `verdict.json` that is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Who swapped.
    pub subject: String,
    /// The trace.
    pub digest: Digest,
    /// What was violated.
    pub violated: Vec<Invariant>,
    /// The same of the shrunk scenario; absent where it could not be run.
    pub shrunk: Option<ExpectedShrunk>,
    /// Which build wrote it.
    pub build: Build,
}

/// What a replay of the shrunk scenario must show again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedShrunk {
    /// The trace.
    pub digest: Digest,
    /// What was violated.
    pub violated: Vec<Invariant>,
    /// Runs that shrinking made.
    pub executions: u32,
}

impl Bundle {
    /// Shrinks a failing scenario of `subject` and collects the evidence.
    #[must_use]
    pub fn of(runner: &Runner, subject: Subject, scenario: &Scenario, ran: &Ran) -> Self {
        let verdict = &ran.verdict;
        // The same invariant must fail, and none that held, or another bug would be shrunk (H14).
        let violated: BTreeSet<Invariant> = verdict.violated.keys().copied().collect();
        let fails_alike = |smaller: &Scenario| {
            let again = runner.run(Level::Core, subject, smaller);
            again.is_ok_and(|again| match violated.first() {
                Some(first) => {
                    let mut found = again.verdict.violated.keys();
                    again.verdict.violates(*first) && found.all(|one| violated.contains(one))
                }
                None => !again.verdict.holds(),
            })
        };
        let smaller = shrink(scenario, fails_alike);
        let again = runner.run(Level::Core, subject, &smaller.scenario).ok();
        let mut bytes = Vec::new();
        trace::write(&ran.observation, &mut bytes).expect("because a vector takes every byte");
        Self {
            subject,
            page: page(&about(subject, scenario, ran), &ran.observation, verdict),
            picture: picture(&ran.observation, verdict),
            film: film(
                &film_about(subject, scenario, ran),
                &ran.observation,
                verdict,
            ),
            trace: bytes,
            verdict: verdict_of(ran),
            expected: Expected {
                subject: subject.to_string(),
                digest: ran.digest,
                violated: verdict.violated.keys().copied().collect(),
                shrunk: again.map(|again| ExpectedShrunk {
                    digest: again.digest,
                    violated: again.verdict.violated.keys().copied().collect(),
                    executions: smaller.executions,
                }),
                build: Build::default(),
            },
            scenario: scenario.clone(),
            shrunk: smaller.scenario,
        }
    }

    /// The same, naming the build that found it.
    #[must_use]
    pub fn built_by(mut self, build: &Build) -> Self {
        self.expected.build = build.clone();
        self
    }

    /// Writes the folder `seed-N` inside `into` and returns its path.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, into: &Path) -> io::Result<PathBuf> {
        let seed = self.scenario.seed;
        let folder = into.join(format!("seed-{seed}"));
        fs::create_dir_all(&folder)?;
        let files = [
            ("seed", format!("{seed}\n").into_bytes()),
            ("scenario.json", self.scenario.to_json().into_bytes()),
            ("shrunk.json", self.shrunk.to_json().into_bytes()),
            ("trace.ndjson", self.trace.clone()),
            (
                "verdict.json",
                format!("{:#}\n", self.verdict()).into_bytes(),
            ),
            ("film.json", self.film.to_string().into_bytes()),
            ("timeline.html", self.page.clone().into_bytes()),
            ("timeline.svg", self.picture.clone().into_bytes()),
            ("README.md", self.readme(&folder).into_bytes()),
        ];
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes)?;
        }
        Ok(folder)
    }

    /// What is compared, followed by what people read.
    fn verdict(&self) -> Value {
        let mut document = json!(self.expected);
        if let (Some(all), Some(more)) = (document.as_object_mut(), self.verdict.as_object()) {
            all.extend(more.clone());
        }
        document
    }

    fn readme(&self, folder: &Path) -> String {
        let list = |all: &[Invariant]| {
            let lines = all
                .iter()
                .map(|invariant| format!("* {invariant}: {}\n", invariant.text()));
            lines.collect::<String>()
        };
        let folder = folder.display();
        let mut text = format!(
            "# Seed {}: `{}` breaks a promise\n\n{}\nRun it again, and see that it ends alike:\n\n```sh\nturquoise replay {folder}\n```\n\nStep through it with `turquoise replay {folder} --step`.\n",
            self.scenario.seed,
            self.subject,
            list(&self.expected.violated),
        );
        if let Some(shrunk) = &self.expected.shrunk {
            let _infallible = write!(
                text,
                "\n`shrunk.json` is the smallest scenario found that breaks the same promise, in {} executions:\n`turquoise replay {folder} --shrunk`.\n",
                shrunk.executions
            );
        }
        text.push_str(
            "\n| file | what it is |\n|---|---|\n\
             | `scenario.json` | the scenario, as data |\n\
             | `shrunk.json` | the same failure, smaller |\n\
             | `trace.ndjson` | every event and every ledger line |\n\
             | `verdict.json` | what was broken, when and on which request |\n\
             | `film.json` | the run step by step, for the portal's recordings |\n\
             | `timeline.html`, `timeline.svg` | the run as a picture |\n",
        );
        text
    }
}

fn about(subject: Subject, scenario: &Scenario, ran: &Ran) -> About {
    let outcome = ran
        .observation
        .end
        .map_or("never ended", |end| end.outcome.name());
    let seed = scenario.seed;
    About {
        orchestrator: subject.to_string(),
        outcome: outcome.replace('_', " "),
        facts: vec![
            ("seed".to_owned(), seed.to_string()),
            ("profile".to_owned(), scenario.azure.name().to_owned()),
            ("digest".to_owned(), ran.digest.to_string()),
        ],
        command: format!("turquoise replay seed-{seed}"),
        compared: Vec::new(),
    }
}

fn film_about(subject: Subject, scenario: &Scenario, ran: &Ran) -> film::About {
    let outcome = ran
        .observation
        .end
        .map_or("never ended", |end| end.outcome.name());
    film::About {
        title: format!("Seed {} by {subject}", scenario.seed),
        subject: subject.to_string(),
        seed: scenario.seed,
        outcome: outcome.replace('_', " "),
    }
}

fn verdict_of(ran: &Ran) -> Value {
    let verdict = &ran.verdict;
    json!({
        "outcome": ran.observation.end.map(|end| end.outcome),
        "reason": ran.reason,
        "sent": verdict.requests.sent,
        "ok": verdict.requests.ok(),
        "lost": verdict.requests.lost(),
        "violations": verdict.violations,
        "lost_requests": verdict.lost,
        "conservation": verdict.conservation.as_ref().err(),
        "gateway_puts": verdict.gateway_puts,
    })
}
