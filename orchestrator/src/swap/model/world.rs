//! Everything that can differ between two moments of a swap, as one small value.

use crate::journal::Recovered;
use crate::swap::event::Content;
use crate::swap::machine::{Ending, State};

/// How many orchestrators there are; each can start once, and again after a crash.
pub(super) const ORCHESTRATORS: usize = 2;
/// How many gateway instances there are.
pub(super) const INSTANCES: usize = 3;

/// One moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) arm: Arm,
    /// Sorted: instances that see the same are the same.
    pub(super) instances: [Instance; INSTANCES],
    /// The old side and the new one.
    pub(super) sides: [Side; 2],
    pub(super) lease: Lease,
    pub(super) journals: [Journal; 2],
    pub(super) orchestrators: [Orchestrator; ORCHESTRATORS],
    /// A gateway write of each orchestrator that Azure has not seen yet. It outlives its sender.
    pub(super) wire: [Option<Request>; ORCHESTRATORS],
    /// The epoch of the last gateway write that Azure took from one of us.
    pub(super) applied_epoch: u8,
    pub(super) left: Budget,
}

/// The gateway as the control plane has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Arm {
    pub(super) content: Content,
    /// Whether a stranger wrote that content.
    pub(super) stranger: bool,
    /// Whether the operation that wrote it ended as `Failed`.
    pub(super) failed: bool,
    /// Whether its operation still runs.
    pub(super) running: bool,
}

/// A gateway instance: what it dispatches to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Instance {
    pub(super) content: Content,
    /// Whether what it dispatches to is a stranger's doing.
    pub(super) excused: bool,
}

/// One side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Side {
    /// Whether it has the capacity that the traffic needs.
    pub(super) up: bool,
    /// Whether requests are in flight there.
    pub(super) busy: bool,
}

/// The stored lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lease {
    pub(super) holder: Option<u8>,
    pub(super) epoch: u8,
}

/// What survives of a run, as far as the rules and the properties ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Journal {
    /// The last state that was entered; `None` before the run began.
    pub(super) state: Option<State>,
    /// Whether an intent to write the gateway has no known outcome.
    pub(super) unresolved: bool,
    /// Whether a gateway write was ever intended, so that none is sent that was not.
    pub(super) intended: bool,
    /// Whether a gateway write is known to have acted.
    pub(super) acted: bool,
    /// Whether it gave the new side its capacity, so that it is its to take back.
    pub(super) scaled: bool,
    /// Whether the way back was entered.
    pub(super) back: bool,
    /// Gateway writes that Azure took.
    pub(super) puts: u8,
}

const NEVER_BEGUN: Journal = Journal {
    state: None,
    unresolved: false,
    intended: false,
    acted: false,
    scaled: false,
    back: false,
    puts: 0,
};

impl Journal {
    /// Whether the run must be finished before another begins: the production rule.
    pub(super) fn is_open(&self) -> bool {
        let recovered = Recovered {
            state: self.state,
            ..Recovered::default()
        };
        recovered.is_open()
    }

    /// Whether its process died before it touched anything, so that `--resume` takes it up.
    pub(super) fn died_early(&self) -> bool {
        matches!(self.state, Some(State::Observing | State::Preflighting))
    }
}

/// A process that swaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Orchestrator {
    pub(super) life: Life,
    /// Whose journal it writes.
    pub(super) run: u8,
    pub(super) state: State,
    pub(super) task: Task,
    /// The epoch it took the lease with.
    pub(super) epoch: u8,
    /// Whether it took its one step without the lease, after it had been held up.
    pub(super) woke: bool,
    /// Whether nobody else wrote to its journal: what a conditional append finds out.
    pub(super) alone: bool,
    /// Whether someone asked it for the old side back.
    pub(super) abort: bool,
    /// Whether it knows the sides: then there may be something to put back.
    pub(super) planned: bool,
    /// Whether the gateway is as it last read it: what `If-Match` finds out.
    pub(super) fresh: bool,
    /// Whether a stranger wrote since it last read.
    pub(super) surprised: bool,
}

/// Whether a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Life {
    Absent,
    Alive,
    Crashed,
    Over,
}

/// Where in a state's work a process is. Between two of these it can crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Task {
    /// It begins with what the journal says.
    Resuming,
    /// The state is in the journal; its work is to be done.
    Working,
    /// The intent is in the journal and the lease was renewed, but the write is not sent yet.
    /// Passed through only where the rules say that a process may be held up just there.
    Beaten,
    /// The write is sent. A crash before the sending is one after it whose request is lost.
    Awaiting,
    /// Nobody knows, so let it land or lose it.
    Quieting,
    /// The pool was read without the side that is to be scaled in.
    Releasing,
    /// That was done.
    Released,
}

/// A gateway write on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub(super) to: Content,
    pub(super) epoch: u8,
    pub(super) run: u8,
    /// Whether the gateway still is what its body was made from.
    pub(super) fresh: bool,
    /// Whether it says so to Azure (`If-Match`).
    pub(super) guarded: bool,
}

/// What may still go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Budget {
    pub(super) crashes: u8,
    /// Crashes, failed operations and pools of strangers so far: each excuses one more write.
    pub(super) excuses: u8,
    pub(super) strangers: u8,
    pub(super) aborts: u8,
    pub(super) failures: u8,
    pub(super) losses: u8,
    pub(super) stops: u8,
}

pub(super) const OLD: usize = 0;
pub(super) const NEW: usize = 1;

/// Whether a pool lists a side.
pub(super) fn lists(content: Content, side: usize) -> bool {
    match content {
        Content::Both => true,
        Content::Old => side == OLD,
        Content::New => side == NEW,
        Content::Other => false,
    }
}

impl World {
    /// The old side serves, nothing has begun.
    pub(super) fn new(left: Budget) -> Self {
        let instance = Instance {
            content: Content::Old,
            excused: false,
        };
        let nobody = Orchestrator {
            life: Life::Absent,
            run: 0,
            state: State::Observing,
            task: Task::Working,
            epoch: 0,
            woke: false,
            alone: false,
            abort: false,
            planned: false,
            fresh: false,
            surprised: false,
        };
        Self {
            arm: Arm {
                content: Content::Old,
                stranger: false,
                failed: false,
                running: false,
            },
            instances: [instance; INSTANCES],
            sides: [
                Side {
                    up: true,
                    busy: true,
                },
                Side {
                    up: false,
                    busy: false,
                },
            ],
            lease: Lease {
                holder: None,
                epoch: 0,
            },
            journals: [NEVER_BEGUN; 2],
            orchestrators: [nobody; ORCHESTRATORS],
            wire: [None; ORCHESTRATORS],
            applied_epoch: 0,
            left,
        }
    }

    /// Whether nobody will do anything any more and Azure is at rest.
    pub(super) fn is_settled(&self) -> bool {
        let active = |o: &Orchestrator| matches!(o.life, Life::Alive | Life::Crashed);
        !self.orchestrators.iter().any(active)
            && self.wire == [None; ORCHESTRATORS]
            && !self.arm.running
    }

    /// Someone wrote the gateway: every etag that was read before is old.
    pub(super) fn outdate(&mut self) {
        for orchestrator in &mut self.orchestrators {
            orchestrator.fresh = false;
        }
        for request in self.wire.iter_mut().flatten() {
            request.fresh = false;
        }
    }

    /// The same moment without what no longer makes a difference: order among equals, what a dead
    /// holder held, how large epochs have grown, what nobody will look at again.
    pub(super) fn canonical(mut self) -> Self {
        self.instances.sort_unstable();
        let alive = |o: &Orchestrator| o.life == Life::Alive;
        if let Some(holder) = self.lease.holder
            && !alive(&self.orchestrators[usize::from(holder)])
        {
            self.lease.holder = None;
        }
        for orchestrator in &mut self.orchestrators {
            orchestrator.fresh &= orchestrator.task == Task::Beaten;
            orchestrator.surprised &= matches!(orchestrator.task, Task::Releasing | Task::Released);
        }
        self.forget_finished_run();
        self.rank_epochs();
        self
    }

    /// Of a run that another one followed and that nobody works for, only whether it wrote counts.
    fn forget_finished_run(&mut self) {
        let used = |o: &Orchestrator| o.life == Life::Alive && o.run == 0;
        let sent = self.wire.iter().flatten().any(|request| request.run == 0);
        if self.journals[1].state.is_none() || self.orchestrators.iter().any(used) || sent {
            return;
        }
        self.journals[0] = Journal {
            state: Some(State::Ended(Ending::Abandoned)),
            puts: self.journals[0].puts.min(1),
            ..NEVER_BEGUN
        };
    }

    /// Epochs are only compared, so their ranks do.
    fn rank_epochs(&mut self) {
        let mut epochs: Vec<&mut u8> = vec![&mut self.lease.epoch, &mut self.applied_epoch];
        let living = self.orchestrators.iter_mut();
        epochs.extend(
            living
                .filter(|o| o.life == Life::Alive)
                .map(|o| &mut o.epoch),
        );
        epochs.extend(
            self.wire
                .iter_mut()
                .flatten()
                .map(|request| &mut request.epoch),
        );
        epochs.sort_unstable();
        let (mut rank, mut before) = (0, None);
        for epoch in epochs {
            rank += u8::from(before.is_some_and(|before| before != *epoch));
            before = Some(*epoch);
            *epoch = rank;
        }
    }

    /// Whether any gateway instance sends requests to a side.
    pub(super) fn is_dispatched_to(&self, side: usize) -> bool {
        self.instances.iter().any(|i| lists(i.content, side))
    }
}
