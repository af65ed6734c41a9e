//! The folder that a failing seed leaves: everything one needs to understand and replay it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::run::{Level, Ran, Runner};
use crate::scenario::Scenario;
use crate::shrink::shrink;
use crate::subject::Subject;
use crate::trace;

/// A failing scenario with its evidence.
#[derive(Clone, Debug)]
pub struct Bundle {
    scenario: Scenario,
    shrunk: Scenario,
    trace: Vec<u8>,
    verdict: Value,
}

impl Bundle {
    /// Shrinks a failing scenario of the reference orchestrator and collects the evidence.
    #[must_use]
    pub fn of(runner: &Runner, scenario: &Scenario, ran: &Ran) -> Self {
        // The same invariant must fail, or another bug would be shrunk (H14).
        let first = ran.verdict.violated.keys().next().copied();
        let fails_alike = |smaller: &Scenario| {
            let again = runner.run(Level::Core, Subject::Turquoise, smaller);
            again.is_ok_and(|again| match first {
                Some(invariant) => again.verdict.violates(invariant),
                None => !again.verdict.holds(),
            })
        };
        let mut bytes = Vec::new();
        trace::write(&ran.observation, &mut bytes).expect("because a vector takes every byte");
        Self {
            shrunk: shrink(scenario, fails_alike).scenario,
            scenario: scenario.clone(),
            trace: bytes,
            verdict: verdict(ran),
        }
    }

    /// Writes the folder `seed-N` inside `into` and returns its path.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, into: &Path) -> io::Result<PathBuf> {
        let seed = self.scenario.seed;
        let folder = into.join(format!("seed-{seed}"));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("seed"), format!("{seed}\n"))?;
        fs::write(folder.join("scenario.json"), self.scenario.to_json())?;
        fs::write(folder.join("shrunk.json"), self.shrunk.to_json())?;
        fs::write(folder.join("trace.ndjson"), &self.trace)?;
        fs::write(folder.join("verdict.json"), format!("{:#}\n", self.verdict))?;
        Ok(folder)
    }
}

fn verdict(ran: &Ran) -> Value {
    let verdict = &ran.verdict;
    json!({
        "digest": ran.digest,
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
