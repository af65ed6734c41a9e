//! What an orchestrator can do next: the driver in miniature around the real table.

use super::action::Action;
use super::explore::Next;
use super::properties::{all_instances, on_end, on_release};
use super::put;
use super::rules::{Rules, Wrong};
use super::world::{Life, NEW, OLD, ORCHESTRATORS, Orchestrator, Task, World};
use crate::swap::event::{Content, Event, Reason};
use crate::swap::machine::{Ending, State};

pub(super) fn moves(world: &World, rules: Rules, out: &mut Vec<Next>) {
    for slot in 0..ORCHESTRATORS {
        match world.orchestrators[slot].life {
            Life::Absent => begins(world, slot, &["new", "resume", "rollback"], out),
            Life::Crashed if rules.has(Wrong::LeaseForever) => {}
            Life::Crashed => begins(world, slot, &["resume", "rollback"], out),
            Life::Alive => Turn { world, slot, rules }.moves(out),
            Life::Over => {}
        }
    }
}

/// Takes the lease, from whoever is silent, and the journal.
///
/// A holder that lives is silent when it is held up; that it wakes up later and does not know is
/// what fencing is for. A contender that finds it renewing goes away, which changes nothing.
fn begins(world: &World, slot: usize, hows: &[&'static str], out: &mut Vec<Next>) {
    if world.orchestrators[slot].life == Life::Crashed && which_run(world, false).is_none() {
        // The run is over and the world is too small for another: nobody needs to come back.
        let mut next = *world;
        next.orchestrators[slot].life = Life::Over;
        out.push(Next::new(Action::NothingLeft(slot), next));
    }
    for how in hows {
        let Some(run) = which_run(world, *how == "new") else {
            continue;
        };
        let back = *how == "rollback";
        let mut next = *world;
        match world.left.aborts.checked_sub(u8::from(back)) {
            Some(left) => next.left.aborts = left,
            None => continue,
        }
        let journal = world.journals[usize::from(run)];
        let open = journal.is_open();
        next.lease.epoch += 1;
        next.lease.holder = Some(holder(slot));
        next.orchestrators[slot] = Orchestrator {
            life: Life::Alive,
            run,
            state: journal.state.filter(|_| open).unwrap_or(State::Observing),
            task: if open { Task::Resuming } else { Task::Working },
            epoch: next.lease.epoch,
            woke: false,
            alone: true,
            abort: open && back,
            planned: open,
            fresh: false,
            surprised: false,
        };
        if !open {
            next.journals[usize::from(run)].state = Some(State::Observing);
        }
        appended(&mut next, slot);
        out.push(Next::new(Action::Began(slot, how, run), next));
    }
}

fn which_run(world: &World, new: bool) -> Option<u8> {
    let begun = world.journals.iter().filter(|j| j.state.is_some()).count();
    let last = begun.checked_sub(1);
    let is_open = last.is_some_and(|last| world.journals[last].is_open());
    let died_early = last.is_some_and(|last| world.journals[last].died_early());
    let free = (begun < world.journals.len()).then_some(begun);
    let run = match (new, is_open || died_early) {
        (true, _) if is_open => None,
        (false, true) => last,
        _ => free,
    };
    run.and_then(|run| u8::try_from(run).ok())
}

pub(super) fn holder(slot: usize) -> u8 {
    u8::try_from(slot).expect("there are two orchestrators")
}

/// Another line: whoever else writes to that journal will find it longer than it knew.
pub(super) fn appended(world: &mut World, slot: usize) {
    let run = world.orchestrators[slot].run;
    for (other, orchestrator) in world.orchestrators.iter_mut().enumerate() {
        if other != slot && orchestrator.run == run {
            orchestrator.alone = false;
        }
    }
}

/// One orchestrator's turn.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) world: &'a World,
    pub(super) slot: usize,
    pub(super) rules: Rules,
}

impl Turn<'_> {
    pub(super) fn me(&self) -> &Orchestrator {
        &self.world.orchestrators[self.slot]
    }

    fn moves(&self, out: &mut Vec<Next>) {
        self.interrupted_from_outside(out);
        let first = out.len();
        match self.me().task {
            _ if self.me().woke && !self.is_writing() => out.push(self.lease_lost()),
            Task::Resuming => self.resume(out),
            Task::Working => self.work(out),
            Task::Releasing => out.push(self.scale_in()),
            Task::Released => out.push(self.on(Event::OnPass)),
            _ => put::moves(self, out),
        }
        if !self.holds_lease() {
            for next in &mut out[first..] {
                let me = &mut next.world.orchestrators[self.slot];
                me.woke = me.life == Life::Alive;
            }
        }
    }

    /// A write is followed to its answer, lease or not.
    fn is_writing(&self) -> bool {
        matches!(self.me().task, Task::Beaten | Task::Awaiting)
    }

    fn interrupted_from_outside(&self, out: &mut Vec<Next>) {
        if self.world.left.crashes > 0 {
            let mut next = *self.world;
            next.left.crashes -= 1;
            next.left.excuses += 1;
            next.orchestrators[self.slot] = gone(self.me(), Life::Crashed);
            out.push(Next::new(Action::Crashed(self.slot), next));
        }
        if self.world.left.aborts > 0 && !self.me().abort {
            let mut next = *self.world;
            next.left.aborts -= 1;
            next.orchestrators[self.slot].abort = true;
            out.push(Next::new(Action::AbortAsked(self.slot), next));
        }
    }

    pub(super) fn holds_lease(&self) -> bool {
        let lease = self.world.lease;
        lease.holder == Some(holder(self.slot)) && lease.epoch == self.me().epoch
    }

    /// Everything sent has landed or is lost, nothing runs: the pool says where to go on.
    fn resume(&self, out: &mut Vec<Next>) {
        let unresolved = self.world.journals[usize::from(self.me().run)].unresolved;
        let quiet = self.world.wire.iter().all(Option::is_none) || self.rules.has(Wrong::NotQuiet);
        if self.world.arm.running || (unresolved && !quiet) {
            return;
        }
        out.push(self.on(Event::OnResume(self.world.arm.content)));
    }

    /// The safe points first, then the state's own work.
    fn work(&self, out: &mut Vec<Next>) {
        // The renewal beside the work tells it, unless it was held up and takes one step first.
        if !self.holds_lease() {
            out.push(self.lease_lost());
        }
        if self.me().abort {
            match self.rules.step(self.me().state, Event::OnAbort) {
                Ok(next) if next != self.me().state => {
                    let mut heard = *self.world;
                    heard.orchestrators[self.slot].abort = false;
                    let turn = Turn {
                        world: &heard,
                        ..*self
                    };
                    out.push(turn.on(Event::OnAbort));
                    return;
                }
                _ => {}
            }
        }
        if self.world.left.stops > 0 {
            out.push(self.stop());
            out.push(self.blocked(Reason::Unavailable));
        }
        self.own_work(out);
    }

    fn own_work(&self, out: &mut Vec<Next>) {
        use Event::{OnBreach, OnDeadline, OnFail, OnNothingToDo, OnPass, OnPlan, OnRefusal};
        let world = self.world;
        match self.me().state {
            State::Observing => out.push(self.on(match world.arm.content {
                Content::Old => OnPlan,
                Content::New => OnNothingToDo,
                Content::Both | Content::Other => OnRefusal,
            })),
            State::Preflighting => {
                out.push(self.on(OnRefusal));
                if !world.arm.running && world.sides[OLD].up {
                    out.push(self.on(OnPass));
                }
            }
            State::Warming => {
                out.push(self.warmed());
                out.push(self.on(OnFail));
            }
            State::Gating => {
                self.evidence(world.sides[NEW].up, &[OnFail], out);
            }
            State::ConfirmingAdd => {
                let proven = all_instances(world, Content::Both);
                self.watched(Content::Both, proven, &[OnFail], out);
            }
            State::ConfirmingReadd => {
                let proven = all_instances(world, Content::Both);
                self.watched(Content::Both, proven, &[OnDeadline], out);
            }
            State::BakingMixed => self.watched(Content::Both, true, &[OnBreach], out),
            State::Draining => {
                let proven = self.drained(Content::New, OLD);
                self.watched(Content::New, proven, &[OnBreach, OnDeadline], out);
            }
            State::BakingFinal | State::Retaining => {
                self.watched(Content::New, true, &[OnBreach], out);
            }
            State::ConfirmingRevert => {
                let proven = self.drained(Content::Old, NEW);
                self.watched(Content::Old, proven, &[OnDeadline], out);
            }
            State::Adding | State::Removing | State::Readding | State::Reverting => {
                put::read(self, out);
            }
            State::Releasing(ending) => self.release(ending, out),
            State::Ended(_) | State::Parked(_) => unreachable!("a final state has no process"),
        }
    }

    fn evidence(&self, proven: bool, otherwise: &[Event], out: &mut Vec<Next>) {
        if proven {
            out.push(self.on(Event::OnPass));
        }
        out.extend(otherwise.iter().map(|event| self.on(*event)));
    }

    /// Evidence that is only looked for while the pool lists what it should.
    fn watched(&self, content: Content, proven: bool, otherwise: &[Event], out: &mut Vec<Next>) {
        if self.world.arm.content != content {
            out.push(self.on(Event::OnBlocked(Reason::Drift)));
            return;
        }
        self.evidence(proven, otherwise, out);
    }

    fn drained(&self, content: Content, gone: usize) -> bool {
        if self.rules.has(Wrong::SucceededIsEvidence) {
            return !self.world.arm.running;
        }
        all_instances(self.world, content) && !self.world.sides[gone].busy
    }

    fn warmed(&self) -> Next {
        let mut warm = *self.world;
        let journal = &mut warm.journals[usize::from(self.me().run)];
        journal.scaled |= !warm.sides[NEW].up;
        warm.sides[NEW].up = true;
        let turn = Turn {
            world: &warm,
            ..*self
        };
        turn.on(Event::OnPass)
    }

    /// P11 reads the pool first.
    fn release(&self, ending: Ending, out: &mut Vec<Next>) {
        if !self.me().planned {
            out.push(self.on(Event::OnPass));
            return;
        }
        if self.world.arm.running {
            return;
        }
        let completed = ending == Ending::Completed;
        let serving = if completed {
            Content::New
        } else {
            Content::Old
        };
        if self.world.arm.content != serving {
            out.push(self.on(Event::OnBlocked(Reason::Drift)));
            return;
        }
        let unproven = ending == Ending::RolledBackUnverified;
        let kept = unproven && !self.rules.has(Wrong::ReleasesUnproven);
        let scaled = self.world.journals[usize::from(self.me().run)].scaled;
        if kept || (!completed && !scaled) {
            out.push(self.on(Event::OnPass));
            return;
        }
        let mut next = *self.world;
        next.orchestrators[self.slot].task = Task::Releasing;
        next.orchestrators[self.slot].surprised = false;
        out.push(Next::new(Action::ReleaseChecked(self.slot), next));
    }

    fn scale_in(&self) -> Next {
        // As before a gateway write: are we still the one who may?
        if !self.holds_lease() {
            return self.lease_lost();
        }
        let completed = self.me().state == State::Releasing(Ending::Completed);
        let side = if completed { OLD } else { NEW };
        let broken = on_release(self.world, side, self.me().surprised);
        let mut next = *self.world;
        next.sides[side].up = false;
        next.orchestrators[self.slot].task = Task::Released;
        Next {
            action: Action::Released(self.slot, side),
            world: next,
            broken,
        }
    }

    pub(super) fn lease_lost(&self) -> Next {
        self.blocked(Reason::LeaseLost)
    }

    fn blocked(&self, reason: Reason) -> Next {
        let mut next = self.on(Event::OnBlocked(reason));
        if reason == Reason::Unavailable {
            next.world.left.stops -= 1;
        }
        next
    }

    /// Someone stops the process at a safe point: the lease goes back, the run stays open.
    fn stop(&self) -> Next {
        let mut next = *self.world;
        next.left.stops -= 1;
        self.leaves(&mut next);
        Next::new(Action::Detached(self.slot), next)
    }

    fn leaves(&self, next: &mut World) {
        if self.holds_lease() {
            next.lease.holder = None;
        }
        next.orchestrators[self.slot] = gone(self.me(), Life::Over);
    }

    /// What the real table makes of an event: into the journal, and on; or over.
    pub(super) fn on(&self, event: Event) -> Next {
        let state = self.me().state;
        let event = self.undoing(state, event);
        let to = self.rules.step(state, event);
        let to = to.unwrap_or_else(|illegal| panic!("the driver cannot say this: {illegal}"));
        if !self.me().alone && !matches!(to, State::Parked(_)) {
            // The journal belongs to someone else now: nothing can be written down, so stop.
            return self.entered(event, State::Parked(Reason::LeaseLost));
        }
        self.entered(event, to)
    }

    /// As `Driver::undoing`.
    fn undoing(&self, state: State, event: Event) -> Event {
        let early = matches!(state, State::Warming | State::Gating | State::Adding);
        let gives_up = matches!(event, Event::OnFail | Event::OnDeadline | Event::OnAbort);
        let journal = &self.world.journals[usize::from(self.me().run)];
        let written = journal.acted || journal.unresolved;
        if early && gives_up && written && !self.rules.has(Wrong::AbandonsAfterWrite) {
            return Event::OnUndo;
        }
        event
    }

    fn entered(&self, event: Event, to: State) -> Next {
        let mut next = *self.world;
        let me = self.me();
        let mut broken = None;
        let action = Action::Stepped(self.slot, event, to);
        if !matches!(to, State::Parked(_)) {
            let journal = &mut next.journals[usize::from(me.run)];
            journal.state = Some(to);
            journal.back |= to.is_reverse();
            appended(&mut next, self.slot);
        }
        if let State::Ended(ending) = to {
            let blind = ending == Ending::Abandoned && !me.planned;
            broken = on_end(&next, me.run, ending, me.surprised || blind);
        }
        if to.is_final() {
            self.leaves(&mut next);
        } else {
            let orchestrator = &mut next.orchestrators[self.slot];
            orchestrator.state = to;
            orchestrator.task = Task::Working;
            orchestrator.planned |= to == State::Preflighting;
            orchestrator.fresh = false;
        }
        Next {
            action,
            world: next,
            broken,
        }
    }
}

/// What is left of a process: nothing that could tell two moments apart.
pub(super) fn gone(me: &Orchestrator, life: Life) -> Orchestrator {
    Orchestrator {
        life,
        state: State::Observing,
        task: Task::Working,
        epoch: 0,
        woke: false,
        alone: false,
        abort: false,
        planned: false,
        fresh: false,
        surprised: false,
        run: me.run,
    }
}
