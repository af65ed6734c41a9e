//! One scenario, run and judged.

use std::sync::Arc;

use crate::observation::Observation;
use crate::scale::{Folded, Judging};
use crate::scenario::Scenario;
use crate::subject::Subject;
use crate::trace::{self, Digest};
use crate::verdict::{Verdict, judge};
use crate::world::{WorldError, Worlds};

/// A run and its judgement.
#[derive(Clone, Debug)]
pub struct Ran {
    /// What it left behind.
    pub observation: Observation,
    /// What it was worth.
    pub verdict: Verdict,
    /// Its trace as one number.
    pub digest: Digest,
    /// Why the subject ended as it did, in its own words; empty for a success.
    pub reason: String,
}

/// Which level of simulation to run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// L0: our own executor over the core; for campaigns.
    #[default]
    Core,
    /// L1: tokio's paused clock and the HTTP router in process.
    InProcess,
    /// L2: that, with the whole HTTP stack of client and server between, over byte streams in
    /// memory.
    Duplex,
}

impl Level {
    /// All of them, the fastest first.
    pub const ALL: [Self; 3] = [Self::Core, Self::InProcess, Self::Duplex];

    /// The name in reports: `L0`, `L1` or `L2`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Core => "L0",
            Self::InProcess => "L1",
            Self::Duplex => "L2",
        }
    }
}

/// Runs scenarios; clones share the systems already deployed.
#[derive(Clone, Debug, Default)]
pub struct Runner {
    worlds: Arc<Worlds>,
}

impl Runner {
    /// Runs `subject` in `scenario` on `level` and judges it.
    ///
    /// # Errors
    /// When the scenario's topology cannot be deployed: a defect of ours, not of the subject.
    pub fn run(
        &self,
        level: Level,
        subject: Subject,
        scenario: &Scenario,
    ) -> Result<Ran, WorldError> {
        let scenario = &subject.world(scenario);
        let played = match level {
            Level::Core => self.worlds.run_core(subject, scenario)?,
            Level::InProcess => self.worlds.run_in_process(subject, scenario)?,
            Level::Duplex => self.worlds.run_duplex(subject, scenario)?,
        };
        Ok(Ran {
            verdict: judge(&played.observation),
            digest: Digest::of(scenario.seed, &played.observation),
            observation: played.observation,
            reason: played.reason,
        })
    }

    /// Runs `subject` on level L0 and judges its requests as they end: what it left behind without
    /// the ordinary ones, and what those came to.
    pub(crate) fn judged(
        &self,
        subject: Subject,
        scenario: &Scenario,
        judging: &Judging,
    ) -> Result<(Observation, Folded), WorldError> {
        let scenario = &subject.world(scenario);
        let played = self.worlds.run_judged(subject, scenario, judging)?;
        let folded = played.folded.expect("because it was judged as it went on");
        Ok((played.observation, folded))
    }

    /// The whole trace of the reference orchestrator on the scenario of a seed: the bytes that two
    /// processes must agree on.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn trace_bytes(&self, seed: u64) -> Result<Vec<u8>, WorldError> {
        let scenario = crate::generate::scenario(seed).scenario;
        let ran = self.run(Level::Core, Subject::Turquoise, &scenario)?;
        let mut bytes = Vec::new();
        trace::write(&ran.observation, &mut bytes).expect("because a vector takes every byte");
        Ok(bytes)
    }
}
