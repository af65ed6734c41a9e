//! A subject plays its part in an environment, on whatever level.

use std::cell::RefCell;
use std::rc::Rc;

use turquoise_orchestrator::{
    Access, Config, Environment, Instant, MemoryStore, Observer, Progress, Run, Settings,
    StaticToken, SwapReport,
};

use super::core::cloud_time;
use super::foreign::WithForeign;
use super::names::TOKEN;
use crate::mutants::{Begin, Mutant, Verb};
use crate::observation::{End, Outcome, PhaseMark};
use crate::scenario::ForeignWrite;
use crate::subject::Subject;
use crate::target::Target;
use crate::{published, script};

/// What a subject is given.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) subject: Subject,
    pub(super) config: Config,
    pub(super) target: Target,
    pub(super) foreign: Vec<ForeignWrite>,
    /// Where phases are written down as they are entered, so that a run that never ends has them.
    pub(super) phases: Phases,
}

/// The phases a run has entered.
#[derive(Clone, Debug, Default)]
pub(super) struct Phases(Rc<RefCell<Vec<PhaseMark>>>);

impl Phases {
    pub(super) fn take(&self) -> Vec<PhaseMark> {
        self.0.take()
    }
}

impl Observer for Phases {
    fn on(&self, at: Instant, progress: &Progress) {
        if let Progress::Entered { phase, reverse } = progress {
            self.0.borrow_mut().push(PhaseMark {
                at: cloud_time(at),
                phase: *phase as u8,
                reverse: *reverse,
            });
        }
    }
}

/// How a part ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) end: End,
    /// What it says it could not restore.
    pub(super) residue: Vec<String>,
    /// Why, in its own words.
    pub(super) reason: String,
}

/// Plays a part to its end.
pub(super) async fn play(environment: impl Environment, part: Part) -> Ended {
    let target = part.target.clone();
    let environment = WithForeign::new(environment, target.clone(), part.foreign.clone());
    match part.subject {
        Subject::Turquoise => ours(&environment, &part).await,
        Subject::Published => scripted(published::swap(&environment, &target).await),
        Subject::Broken(kind) => scripted(kind.run(&environment, &target).await),
        Subject::Mutant(mutant) => mutated(environment, part, mutant).await,
    }
}

async fn mutated(environment: impl Environment, mut part: Part, mutant: &Mutant) -> Ended {
    mutant.configure(&mut part.config);
    let interference = mutant.interference();
    let process = Mutant::interfere(environment, &interference, part.target.clone(), 0);
    if let Some(script) = interference.instead(process.seam()) {
        return Ended::of(interference.report(script.await));
    }
    let store = MemoryStore::default();
    let begin = interference.begin(process.seam(), part.begin());
    let run = Run {
        environment: &process,
        access: &Access::new(
            &part.target.endpoint,
            process.tokens(StaticToken::new(TOKEN)),
        ),
        config: &part.config,
        settings: &begin.settings,
        journal: &process.around(&store),
        lease: &process.around(&store),
        observer: &process.around(&part.phases),
    };
    Ended::of(interference.report(begin.verb.act(&run).await))
}

async fn ours(environment: &impl Environment, part: &Part) -> Ended {
    let store = MemoryStore::default();
    let begin = part.begin();
    let run = Run {
        environment,
        access: &Access::new(&part.target.endpoint, StaticToken::new(TOKEN)),
        config: &part.config,
        settings: &begin.settings,
        journal: &store,
        lease: &store,
        observer: &part.phases,
    };
    Ended::of(begin.verb.act(&run).await)
}

impl Part {
    /// How the orchestrator's first process begins.
    fn begin(&self) -> Begin {
        Begin {
            verb: Verb::Swap,
            settings: Settings {
                owner: "scenario".to_owned(),
                ..Settings::default()
            },
        }
    }
}

impl Ended {
    fn of(report: SwapReport) -> Self {
        Self {
            end: End {
                exit_code: report.exit_code(),
                outcome: outcome(&report.outcome),
            },
            residue: report.residue,
            reason: report.reason,
        }
    }
}

const fn outcome(outcome: &turquoise_orchestrator::Outcome) -> Outcome {
    use turquoise_orchestrator::Outcome as Ours;
    match outcome {
        Ours::Completed | Ours::NothingToDo => Outcome::Completed,
        Ours::RolledBack | Ours::RolledBackUnverified => Outcome::RolledBack,
        Ours::GateFailed | Ours::Refused | Ours::LockHeld | Ours::Stale | Ours::Unauthorised => {
            Outcome::Unchanged
        }
        Ours::Parked | Ours::Unavailable => Outcome::Parked,
        Ours::Interrupted => Outcome::Interrupted,
    }
}

/// A script ends in success or in a red line.
fn scripted(ended: Result<(), script::ScriptError>) -> Ended {
    let (exit_code, outcome) = match &ended {
        Ok(()) => (0, Outcome::Completed),
        Err(_) => (1, Outcome::Failed),
    };
    Ended {
        end: End { exit_code, outcome },
        residue: Vec::new(),
        reason: ended.err().map_or_else(String::new, |e| e.to_string()),
    }
}
