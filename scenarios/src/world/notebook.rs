//! What a world writes down while its processes run.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use turquoise_emulator::Instant;
use turquoise_orchestrator::{Observer, Progress};

use super::core::cloud_time;
use super::names::OLD_SIDE;
use super::play::Ended;
use crate::observation::{
    End, Ending, JournalLine, LeasePut, Notice, Outcome, PhaseMark, Process, Record, WORLD,
};
use crate::scale::Told;
use crate::scenario::{Verb, Want};

/// Shared by everything that runs in one world.
#[derive(Clone, Debug, Default)]
pub(super) struct Notebook(Rc<RefCell<Pages>>);

/// Everything written down.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) record: Record,
    pub(super) phases: Vec<PhaseMark>,
    pub(super) notices: Vec<Notice>,
    /// What processes said they could not restore.
    pub(super) residue: Vec<String>,
    /// Whether the last plan leads from the scenario's new side to its old one.
    reversed: bool,
    /// Who judges while the run goes on.
    judge: Option<Told>,
}

impl Notebook {
    /// A process begins; its number.
    pub(super) fn begin(&self, process: Process) -> u16 {
        let mut pages = self.0.borrow_mut();
        pages.record.processes.push(process);
        u16::try_from(pages.record.processes.len() - 1)
            .expect("because a scenario has a handful of processes")
    }

    /// The number that the next process will get.
    pub(super) fn next_process(&self) -> u16 {
        let count = self.0.borrow().record.processes.len();
        u16::try_from(count).expect("because a scenario has a handful of processes")
    }

    /// A process has ended by itself.
    pub(super) fn exited(&self, process: u16, at: Instant, ended: &Ended) {
        let mut pages = self.0.borrow_mut();
        pages.residue.extend(ended.residue.iter().cloned());
        let page = &mut pages.record.processes[usize::from(process)];
        page.ended = Some(at);
        page.ending = Ending::Exited {
            exit_code: ended.end.exit_code,
            outcome: ended.end.outcome,
        };
        page.reason.clone_from(&ended.reason);
    }

    /// A process has died.
    pub(super) fn died(&self, process: u16, at: Instant, ending: Ending) {
        let page = &mut self.0.borrow_mut().record.processes[usize::from(process)];
        page.ended = Some(at);
        page.ending = ending;
    }

    pub(super) fn happened(&self, at: Instant, name: &str) {
        self.0
            .borrow_mut()
            .record
            .happened
            .push((at, name.to_owned()));
    }

    pub(super) fn journal(&self, line: JournalLine) {
        self.0.borrow_mut().record.journal.push(line);
    }

    pub(super) fn lease(&self, put: LeasePut) {
        self.0.borrow_mut().record.leases.push(put);
    }

    /// The run that a process wrote its last line about; of one that wrote nothing, the last run in
    /// its store.
    pub(super) fn run_of(&self, process: u16) -> Option<String> {
        let pages = self.0.borrow();
        let store = pages.record.processes.get(usize::from(process))?.store;
        let stored = |line: &&JournalLine| line.stored && line.store == store;
        let mut lines = pages.record.journal.iter().rev().filter(stored);
        let own = lines.clone().find(|line| line.process == process);
        Some(own.or_else(|| lines.next())?.run.clone())
    }

    /// Has a judge told of each phase from now on.
    pub(super) fn tell(&self, judge: &Told) {
        self.0.borrow_mut().judge = Some(judge.clone());
    }

    /// How it all ended, as far as that is known.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        let pages = self.0.borrow();
        let end = pages.last_word().and_then(Process::claim)?;
        Some(end.outcome)
    }

    pub(super) fn take(&self) -> Pages {
        self.0.take()
    }

    /// Who hears what a process tells. Its new side may be the scenario's old one: a plan says so,
    /// and whoever goes on with a run goes on with its plan.
    pub(super) fn watch(&self, process: u16, verb: Verb) -> Watch {
        let as_before = self.0.borrow().reversed;
        Watch {
            notebook: self.clone(),
            process,
            reversed: Rc::new(Cell::new(as_before && verb != Verb::Swap)),
        }
    }
}

impl Pages {
    fn enter(&mut self, mark: PhaseMark) {
        self.phases.push(mark);
        if let Some(judge) = &self.judge {
            judge.entered(mark);
        }
    }

    /// The process that has the last word on how it all ended: the last that exited, those that were
    /// turned away aside where somebody was not. `None` while one runs, and where the last one died.
    pub(super) fn last_word(&self) -> Option<&Process> {
        let processes = &self.record.processes;
        if processes.iter().any(|p| p.ending == Ending::Running) {
            return None;
        }
        let last = processes.iter().max_by_key(|process| process.ended)?;
        last.claim()?;
        let claims = |process: &&Process| process.claim().is_some();
        // What a dead process did nobody told: who came after it and was turned away has to.
        let deaths = processes.iter().filter(|p| p.claim().is_none());
        let last_death = deaths.filter_map(|process| process.ended).max();
        let acted = |process: &&Process| {
            process.ended >= last_death && process.claim().is_some_and(|end| !is_turned_away(end))
        };
        let exited = processes.iter().filter(claims);
        let last_actor = exited.filter(acted).max_by_key(|process| process.ended);
        last_actor.or(Some(last))
    }

    /// The process that an order given at `at` reaches.
    pub(super) fn who_hears(&self, at: Instant, want: Want) -> u16 {
        let mut processes = (0..).zip(&self.record.processes);
        let hears = |process: &Process| match want {
            Want::Rollback => process.verb == Verb::Rollback && process.started == at,
            Want::Interrupt { .. } | Want::Abort => {
                process.started <= at && process.ended.is_none_or(|ended| at <= ended)
            }
        };
        let found = processes.find(|(_, process)| process.orchestrator == 0 && hears(process));
        found.map_or(WORLD, |(number, _)| number)
    }
}

/// Whether a process was turned away before it did anything: refused, lease held, nothing to resume.
const fn is_turned_away(end: End) -> bool {
    matches!(end.outcome, Outcome::Unchanged) && matches!(end.exit_code, 3 | 8 | 9)
}

/// Writes a process's phases down as they are entered, so that a run that never ends has them.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    notebook: Notebook,
    process: u16,
    reversed: Rc<Cell<bool>>,
}

impl Watch {
    /// Whether the process's new side is the scenario's old one.
    pub(super) fn is_reversed(&self) -> bool {
        self.reversed.get()
    }
}

impl Observer for Watch {
    fn on(&self, at: turquoise_orchestrator::Instant, progress: &Progress) {
        let mut pages = self.notebook.0.borrow_mut();
        match progress {
            Progress::Planned { new, .. } => {
                self.reversed.set(new == OLD_SIDE);
                pages.reversed = self.reversed.get();
            }
            Progress::Entered { phase, reverse } => pages.enter(PhaseMark {
                at: cloud_time(at),
                phase: *phase as u8,
                reverse: *reverse != self.reversed.get(),
            }),
            Progress::Waiting {
                phase,
                elapsed,
                ceiling,
                missing,
            } => pages.notices.push(Notice {
                at: cloud_time(at),
                process: self.process,
                phase: *phase as u8,
                elapsed: *elapsed,
                ceiling: *ceiling,
                explained: missing.iter().any(|what| !what.trim().is_empty()),
            }),
            _ => {}
        }
    }
}
