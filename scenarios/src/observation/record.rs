//! What the world wrote down beside ledgers and events: who ran, what was stored, how it ended.
//!
//! Lines and leases are kept as they were stored, without a type of the orchestrator.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde::Serialize;
use turquoise_emulator::Instant;

use super::{End, Outcome};
use crate::scenario::{Effect, Point, Verb, Want};

/// Separates a caller's own name from the number that its world adds; see [`Caller`].
const MARK: char = '#';

/// The number of callers that are no process of an orchestrator.
pub const WORLD: u16 = u16::MAX;

/// What [`Record::happened`] calls a freeze of a process that had nothing left to do but a call of
/// Azure.
pub(crate) const FROZEN_ON_THE_WAY: &str = "frozen_on_the_way";

/// Everything a world wrote down about processes and stores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Every process of every orchestrator, in the order of their start; a process's number is its
    /// index.
    pub processes: Vec<Process>,
    /// Every append to a journal that was tried.
    pub journal: Vec<JournalLine>,
    /// Every put of a lease that was tried.
    pub leases: Vec<LeasePut>,
    /// Every order, and to whom it was given.
    pub orders: Vec<OrderGiven>,
    /// Names of what was used of the scenario outside the cloud's own faults: actors, crashes,
    /// storage, identity and clock faults, with the instant.
    pub happened: Vec<(Instant, String)>,
    /// How everything stood at the very end.
    pub last: FinalState,
    /// The same scenario without its crashes, where it has some (S18).
    pub twin: Option<Twin>,
}

/// One process of an orchestrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Which orchestrator: 0 is the scenario's own, `n` the `n`-th of its actors.
    pub orchestrator: u16,
    /// The machine; a process that takes over runs on another one, with fresh memory.
    pub machine: u16,
    /// The store it uses; processes of one number share lease and journal.
    pub store: u16,
    /// How it began.
    pub verb: Verb,
    /// When.
    pub started: Instant,
    /// When it ended; absent while it still runs when the world is given up.
    pub ended: Option<Instant>,
    /// How.
    pub ending: Ending,
    /// Why, in its own words.
    pub reason: String,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It exited.
    Exited {
        /// With this code (failure-catalogue.md E.4), as it reads for the scenario's direction: a swap
        /// back that completed has rolled back.
        exit_code: u8,
        /// Claiming this.
        outcome: Outcome,
    },
    /// It was killed there.
    Crashed(Point),
    /// It never ended.
    Running,
}

/// A line that a process tried to add to a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalLine {
    /// When the store decided.
    pub at: Instant,
    /// Whose process.
    pub process: u16,
    /// In which store.
    pub store: u16,
    /// The run it belongs to.
    pub run: String,
    /// Its number, from 0.
    pub number: usize,
    /// The line, as it was to be stored.
    pub line: String,
    /// Whether it is stored.
    pub stored: bool,
}

/// A lease that a process tried to put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeasePut {
    /// When the store decided.
    pub at: Instant,
    /// Whose process.
    pub process: u16,
    /// In which store.
    pub store: u16,
    /// The owner it names.
    pub owner: String,
    /// The run it names; empty for a release.
    pub run: String,
    /// Its epoch.
    pub epoch: u64,
    /// Its beat.
    pub beat: u64,
    /// How long a silent holder keeps others out, in milliseconds.
    pub ttl_ms: u64,
    /// Whether it is stored.
    pub accepted: bool,
}

/// An order that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OrderGiven {
    /// When.
    pub at: Instant,
    /// To the process that then ran, or that carries it out; [`WORLD`] when none ran.
    pub process: u16,
    /// What was wanted.
    pub want: Want,
}

/// How everything stands at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FinalState {
    /// The pool's members as ARM tells them.
    pub pool: Vec<Ipv4Addr>,
    /// The pool's members that each gateway instance dispatches to.
    pub applied: BTreeMap<u16, Vec<Ipv4Addr>>,
    /// Each autoscale minimum, by setting.
    pub autoscale_minimum: BTreeMap<String, u32>,
    /// The capacity of each scale set, by name.
    pub instances: BTreeMap<String, u32>,
    /// Who holds the lease of store 0: the run, empty when nobody does.
    pub lease: String,
}

/// How the same scenario ends without its crashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// How its orchestrator ended, if it did.
    pub end: Option<End>,
    /// How everything stood then.
    pub last: FinalState,
    /// How many writes of the gateway its orchestrator made.
    pub gateway_writes: usize,
    /// The autoscale settings that somebody else edited, by name.
    pub autoscale_edits: BTreeSet<String>,
    /// Whether a fault, an actor or somebody else's write met it: that comes by the clock, and may
    /// miss the slower run that has crashes.
    pub troubled: bool,
}

/// A caller's name in [`Event::Arm`](turquoise_emulator::Event::Arm), taken apart.
///
/// Worlds with several processes add `#` and the process's number to the name under which each
/// calls Azure; the first process, number 0, keeps its plain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// Its own name for itself.
    pub name: &'a str,
    /// The number of its process, where it is one of an orchestrator.
    pub process: u16,
}

impl<'a> Caller<'a> {
    /// Reads a name as it stands in events.
    #[must_use]
    pub fn read(caller: &'a str) -> Self {
        let marked = caller.rsplit_once(MARK);
        let numbered = marked.and_then(|(name, number)| Some((name, number.parse().ok()?)));
        let (name, process) = numbered.unwrap_or((caller, 0));
        Self { name, process }
    }

    /// The name under which process `process` calls.
    #[must_use]
    pub fn mark(name: &str, process: u16) -> String {
        if process == 0 {
            return name.to_owned();
        }
        format!("{name}{MARK}{process}")
    }
}

impl Process {
    /// What it said when it exited.
    #[must_use]
    pub fn claim(&self) -> Option<End> {
        match self.ending {
            Ending::Exited { exit_code, outcome } => Some(End { exit_code, outcome }),
            Ending::Crashed(_) | Ending::Running => None,
        }
    }
}

impl Record {
    /// Whether something of that name happened.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.happened.iter().any(|(_, happened)| happened == name)
    }

    /// The crash points that were reached.
    pub fn crashes(&self) -> impl Iterator<Item = (&Process, Point)> {
        self.processes
            .iter()
            .filter_map(|process| match process.ending {
                Ending::Crashed(point) => Some((process, point)),
                _ => None,
            })
    }

    /// Whether some process died at that kind of effect.
    #[must_use]
    pub fn crashed_at(&self, kind: Effect) -> bool {
        self.crashes()
            .any(|(_, point)| matches!(point, Point::Effect { effect, .. } if effect == kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_name_tells_its_process() {
        for (marked, name, process) in [
            ("turquoise-1", "turquoise-1", 0),
            ("turquoise-1#3", "turquoise-1", 3),
            ("a#b", "a#b", 0),
        ] {
            assert_eq!(Caller::read(marked), Caller { name, process });
        }
        assert_eq!(Caller::read(&Caller::mark("x", 7)).process, 7);
        assert_eq!(Caller::mark("x", 0), "x");
    }
}
