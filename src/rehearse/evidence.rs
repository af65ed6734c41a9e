//! What a live rehearsal leaves for the judge: ledgers, events, and what was claimed.

use std::collections::BTreeSet;
use std::time::Duration;

use turquoise_emulator::drive::live::Live;
use turquoise_emulator::ledger::Build;
use turquoise_emulator::{Event, Instant, Timed};
use turquoise_orchestrator::{Config, Outcome as Claim, SwapReport};
use turquoise_scenarios::Observation;
use turquoise_scenarios::clients::live::Recorded;
use turquoise_scenarios::observation::{
    Capacity, Declared, End, Outcome, PhaseMark, Record, Residue, Side, Snapshot, Window,
};

use super::plan::Plan;
use super::watch::Mark;
use crate::exit::Exit;
use crate::session::exit_of;

/// How whoever was rehearsed says that it ended.
#[derive(Debug)]
pub(crate) struct Acted {
    /// The claim, for the judge.
    pub(crate) end: End,
    /// Its word in the result.
    pub(crate) outcome: String,
    /// Why, where it says.
    pub(crate) reason: String,
    /// What it could not restore.
    residue: Vec<String>,
    ours: bool,
}

impl Acted {
    /// Our orchestrator ended.
    pub(crate) fn swap(report: SwapReport) -> Self {
        Self {
            end: End {
                exit_code: report.exit_code(),
                outcome: outcome(&report.outcome),
            },
            outcome: report.outcome.name().to_owned(),
            reason: report.reason,
            residue: report.residue,
            ours: true,
        }
    }

    /// A program ended; what it says is its exit code, in the words of our own contract
    /// (failure-catalogue.md E.4). A code that the contract does not know gives up.
    pub(crate) fn program(exit_code: u8, reason: String) -> Self {
        let outcome = match Exit::from_code(exit_code) {
            Exit::Completed => Outcome::Completed,
            Exit::RolledBack | Exit::RolledBackUnverified => Outcome::RolledBack,
            Exit::Parked | Exit::Forbidden | Exit::Unavailable => Outcome::Parked,
            Exit::Preflight | Exit::GateFailed | Exit::Locked | Exit::Stale => Outcome::Unchanged,
            Exit::Interrupted | Exit::Terminated => Outcome::Interrupted,
            _ => Outcome::Failed,
        };
        Self {
            end: End { exit_code, outcome },
            outcome: outcome.name().to_owned(),
            reason,
            residue: Vec::new(),
            ours: false,
        }
    }

    /// A script ended, in success or with a red line.
    pub(crate) fn script(ended: Result<(), impl std::error::Error>) -> Self {
        let (exit_code, outcome) = match &ended {
            Ok(()) => (0, Outcome::Completed),
            Err(_) => (1, Outcome::Failed),
        };
        Self {
            end: End { exit_code, outcome },
            outcome: outcome.name().to_owned(),
            reason: ended.err().map_or_else(String::new, |error| chain(&error)),
            residue: Vec::new(),
            ours: false,
        }
    }

    /// The exit that the claim stands for.
    pub(crate) fn exit(&self) -> Exit {
        Exit::from_code(self.end.exit_code)
    }

    /// Whether our own orchestrator completed.
    pub(crate) fn is_our_success(&self) -> bool {
        self.ours && self.end.outcome == Outcome::Completed
    }
}

/// Where the evidence comes from.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) config: &'a Config,
    pub(crate) live: &'a Live,
    pub(crate) recorded: Recorded,
    pub(crate) marks: Vec<Mark>,
    /// The cloud's clock when the orchestrator's began.
    pub(crate) offset: Duration,
    /// The baseline's start, the swap's start, the swap's end.
    pub(crate) window: (Instant, Instant, Instant),
    /// Before the swap and after.
    pub(crate) snapshots: (Snapshot, Snapshot),
    pub(crate) acted: &'a Acted,
}

/// Joins everything into one value.
pub(crate) fn collect(sources: Sources<'_>) -> Observation {
    let mut recorded = sources.recorded;
    let mut ledgers = sources.live.drain_ledgers();
    let names = sources.live.with_cloud(|cloud| {
        let builds = cloud.data_plane().builds();
        builds
            .iter()
            .map(|(_, name)| name.to_owned())
            .collect::<Vec<_>>()
    });
    recorded.renumber(&mut ledgers.instances, &names);
    ledgers.clients = recorded.clients;
    let (baseline_start, swap_start, swap_end) = sources.window;
    let (before, after) = sources.snapshots;
    let events = sources.live.drain_events();
    let mut declared = declared(sources.plan, sources.config, &mut recorded.builds);
    if sources.plan.program.is_some() {
        declared.callers = callers(&events, swap_start, swap_end);
    }
    Observation {
        ledgers,
        events,
        declared,
        builds: recorded.builds,
        notices: Vec::new(),
        phases: sources
            .marks
            .iter()
            .map(|mark| phase(*mark, sources.offset))
            .collect(),
        window: Window {
            baseline_start,
            swap_start,
            swap_end,
        },
        end: Some(sources.acted.end),
        residue: Residue {
            before,
            after,
            listed: sources.acted.residue.clone(),
        },
        sent: recorded.sent,
        speed: sources.plan.speed,
        record: Record::default(),
    }
}

fn declared(plan: &Plan, config: &Config, builds: &mut Vec<String>) -> Declared {
    let mut side = |name: &str| {
        let side = &config.sides[name];
        Side {
            name: name.to_owned(),
            address: side.address,
            scale_set: side.scale_set(config.target.subscription(), name),
            build: number(builds, &side.image.name().to_ascii_lowercase()),
            capacity: Capacity::default(),
        }
    };
    let old = config.target.initial.as_str();
    let new = config.other_side(old).unwrap_or(old);
    Declared {
        gateway: config.target.gateway.clone(),
        pool: config.target.pool_id(),
        old: side(old),
        new: side(new),
        callers: plan.subject.callers(),
        stream_cuts: 0,
        policy: plan.policy.clone(),
    }
}

/// Whoever called Resource Manager while a program swapped: a program brings its own names, a new
/// one for each request if it sends `x-ms-client-request-id` (azure-facts.md §2.2).
fn callers(events: &[Timed], from: Instant, to: Instant) -> Vec<String> {
    let during = events
        .iter()
        .filter(|timed| (from..=to).contains(&timed.at));
    let callers = during.filter_map(|timed| match &timed.event {
        Event::Arm { caller, .. } if !caller.is_empty() => Some(caller.clone()),
        _ => None,
    });
    callers.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The number of a build's name, given now if it is new.
fn number(builds: &mut Vec<String>, name: &str) -> Build {
    let index = builds
        .iter()
        .position(|known| known == name)
        .unwrap_or_else(|| {
            builds.push(name.to_owned());
            builds.len() - 1
        });
    Build::try_from(index).expect("because a rehearsal has two builds")
}

fn phase(mark: Mark, offset: Duration) -> PhaseMark {
    PhaseMark {
        at: Instant::from_millis(mark.at.0) + offset,
        phase: mark.phase as u8,
        reverse: mark.reverse,
    }
}

const fn outcome(claim: &Claim) -> Outcome {
    match exit_of(claim) {
        Exit::Completed => Outcome::Completed,
        Exit::RolledBack | Exit::RolledBackUnverified => Outcome::RolledBack,
        Exit::Parked | Exit::Unavailable => Outcome::Parked,
        Exit::Interrupted | Exit::Terminated => Outcome::Interrupted,
        _ => Outcome::Unchanged,
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        text = format!("{text}: {current}");
        cause = current.source();
    }
    text
}
