//! A subject plays its part in an environment, on whatever level.

use std::rc::Rc;

use turquoise_orchestrator::{
    Access, Config, Environment, JournalStore, LeaseStore, Run, SwapReport, TokenSource,
};

use super::names::OLD_SIDE;
use super::notebook::Watch;
use crate::adapter::{Azure, Claim};
use crate::mutants::{Begin, Interference, Mutant, Verb as Deed};
use crate::observation::{End, Outcome};
use crate::subject::Subject;
use crate::target::Target;
use crate::{published, script};

/// What one process of a subject is given, beside its world.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) subject: Subject,
    pub(super) config: Rc<Config>,
    pub(super) target: Target,
    /// What makes the subject wrong, where it is a mutant.
    pub(super) interference: Option<Rc<dyn Interference>>,
    pub(super) process: u16,
    pub(super) begin: Begin,
    /// Where phases are written down as they are entered, so that a run that never ends has them.
    pub(super) watch: Watch,
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
pub(super) async fn play<S: JournalStore + LeaseStore>(
    environment: impl Environment,
    store: S,
    tokens: impl TokenSource + 'static,
    part: Part,
) -> Ended {
    let target = &part.target;
    match (part.subject, &part.interference) {
        (Subject::Published, _) => scripted(published::swap(&environment, target).await),
        (Subject::Broken(kind), _) => scripted(kind.run(&environment, target).await),
        (Subject::Own(own), _) => {
            let azure = Azure::new(&environment, own.name());
            Ended::claimed(own.swap(&azure, target).await)
        }
        (_, Some(interference)) => {
            let interference = Rc::clone(interference);
            mutated(environment, &store, tokens, &part, &interference).await
        }
        (_, None) => ours(&environment, &store, tokens, &part).await,
    }
}

async fn mutated<S: JournalStore + LeaseStore>(
    environment: impl Environment,
    store: &S,
    tokens: impl TokenSource + 'static,
    part: &Part,
    interference: &Rc<dyn Interference>,
) -> Ended {
    let number = u32::from(part.process);
    let process = Mutant::interfere(environment, interference, part.target.clone(), number);
    if let Some(script) = interference.instead(process.seam()) {
        return Ended::of(interference.report(script.await), part.watch.is_reversed());
    }
    let begin = interference.begin(process.seam(), part.begin.clone());
    let run = Run {
        environment: &process,
        access: &Access::new(&part.target.endpoint, process.tokens(tokens)),
        config: &part.config,
        settings: &begin.settings,
        journal: &process.around(store),
        lease: &process.around(store),
        observer: &process.around(&part.watch),
    };
    let report = interference.report(begin.verb.act(&run).await);
    let reversed = part.is_reversed(&report);
    Ended::of(report, reversed)
}

async fn ours<S: JournalStore + LeaseStore>(
    environment: &impl Environment,
    store: &S,
    tokens: impl TokenSource + 'static,
    part: &Part,
) -> Ended {
    let run = Run {
        environment,
        access: &Access::new(&part.target.endpoint, tokens),
        config: &part.config,
        settings: &part.begin.settings,
        journal: store,
        lease: store,
        observer: &part.watch,
    };
    let report = part.begin.verb.act(&run).await;
    let reversed = part.is_reversed(&report);
    Ended::of(report, reversed)
}

impl Part {
    /// Whether what the process brings in is the scenario's old side. Who finds that it serves
    /// already has no plan to tell: it was asked for that side by name, or its rollback found out by
    /// itself which side to bring back and says which one serves. A rollback that has not even asked
    /// knows from its journal that no run has brought the new side in.
    fn is_reversed(&self, report: &SwapReport) -> bool {
        if report.outcome == turquoise_orchestrator::Outcome::NothingToDo {
            return match (&self.begin.settings.to, self.begin.verb) {
                (Some(side), _) => side == OLD_SIDE,
                (None, Deed::Rollback) => {
                    report.pool.arm.is_empty() || report.pool.arm == [self.target.old.address]
                }
                (None, _) => false,
            };
        }
        self.watch.is_reversed()
    }
}

impl Ended {
    fn claimed(claim: Claim) -> Self {
        Self {
            end: claim.end,
            residue: Vec::new(),
            reason: claim.reason,
        }
    }

    fn of(report: SwapReport, reversed: bool) -> Self {
        let end = End {
            exit_code: report.exit_code(),
            outcome: outcome(&report),
        };
        Self {
            end: if reversed { seen_from_behind(end) } else { end },
            residue: report.residue,
            reason: report.reason,
        }
    }
}

/// A swap back that completed has, for the scenario, brought the old side back: so it is judged.
const fn seen_from_behind(end: End) -> End {
    match end.outcome {
        Outcome::Completed => End {
            exit_code: 5,
            outcome: Outcome::RolledBack,
        },
        Outcome::RolledBack => End {
            exit_code: 0,
            outcome: Outcome::Completed,
        },
        _ => end,
    }
}

const fn outcome(report: &SwapReport) -> Outcome {
    use turquoise_orchestrator::Outcome as Ours;
    match report.outcome {
        // Azure refused us on the way: what was begun stays where it is.
        Ours::Unauthorised if report.changed => Outcome::Parked,
        Ours::Completed | Ours::NothingToDo => Outcome::Completed,
        Ours::RolledBack | Ours::RolledBackUnverified => Outcome::RolledBack,
        Ours::GateFailed | Ours::Refused | Ours::LockHeld | Ours::Stale | Ours::Unauthorised => {
            Outcome::Unchanged
        }
        Ours::Parked | Ours::Unavailable => Outcome::Parked,
        Ours::Interrupted | Ours::Paused => Outcome::Interrupted,
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
