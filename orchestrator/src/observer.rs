//! What a run tells while it runs.
//!
//! Progress is typed, so that a terminal, a JSON stream and an oracle read the same events; nothing
//! is decided on it. At least every 10 s of a wait comes a [`Progress::Waiting`] that names the
//! missing evidence (L6).

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Serialize;

use crate::config::Moment;
use crate::environment::Instant;
use crate::gates::HookAnswer;
use crate::phase::Phase;
use crate::report::GatewayWrite;

/// Hears what a run does. `()` hears nothing.
pub trait Observer {
    /// Called in order of time; must not block.
    fn on(&self, at: Instant, progress: &Progress);
}

impl Observer for () {
    fn on(&self, _at: Instant, _progress: &Progress) {}
}

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Progress {
    /// The direction is decided; phases follow.
    Planned {
        /// The run's id.
        run: String,
        /// The live side's name.
        old: String,
        /// The idle side's name.
        new: String,
        /// The plan as text, one line per item.
        plan: Vec<String>,
    },
    /// A phase began. A run can enter a phase more than once, on its way back above all.
    Entered {
        /// Which.
        phase: Phase,
        /// Whether this is the way back to the old side.
        reverse: bool,
    },
    /// A phase ended.
    Left {
        /// Which.
        phase: Phase,
        /// What was proven, or why it was left.
        evidence: Vec<String>,
    },
    /// A phase is waiting.
    Waiting {
        /// Which.
        phase: Phase,
        /// Since the phase began.
        elapsed: Duration,
        /// When it gives up, counted from its beginning.
        ceiling: Duration,
        /// The evidence that is missing.
        missing: Vec<String>,
    },
    /// A write was sent and has ended, or is known not to have acted.
    Wrote {
        /// What was written.
        resource: String,
        /// What it was for.
        purpose: String,
        /// How it ended.
        outcome: String,
    },
    /// A gateway write is about to be sent.
    GatewayPut(GatewayWrite),
    /// The pool as ARM last told it.
    Pool {
        /// Its members in listed order.
        members: Vec<Ipv4Addr>,
    },
    /// Answers seen through the gateway in the last look, by build; `None` is the gateway itself.
    Answers {
        /// Answers by build with those that were not a success.
        builds: Vec<SeenBuild>,
    },
    /// A resource of a deployment is settled.
    Deployed {
        /// Its id.
        resource: String,
        /// What was done.
        change: crate::deploy::Change,
    },
    /// A hook is asked.
    HookCalled {
        /// Its name.
        hook: String,
        /// Its moment.
        when: Moment,
        /// Which call this is, from 1.
        attempt: u32,
    },
    /// A hook answered, or did not.
    HookAnswered {
        /// Its name.
        hook: String,
        /// Its moment.
        when: Moment,
        /// Which call it was.
        attempt: u32,
        /// What it said.
        answer: HookAnswer,
        /// Why, in its own words where it has any.
        detail: String,
    },
    /// Something that the run goes on without, and a person should look at.
    Warning {
        /// The line.
        text: String,
    },
    /// Something worth a line.
    Note {
        /// The line.
        text: String,
    },
}

/// Answers of one build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeenBuild {
    /// The build's name as answers give it; `None` for answers without one and for no answer.
    pub build: Option<String>,
    /// How many answers.
    pub answers: u64,
    /// How many of them were not a success.
    pub errors: u64,
}
