//! Does what the machine says, and tells it what happened.
//!
//! The driver decides nothing about the order of things: it performs one [`Effect`], turns what it
//! saw into an [`Event`] and asks [`step`] what comes next. Beside the work it keeps the lease alive
//! and says at least every ten seconds which evidence is missing.

mod analysis;
mod answers;
mod bake;
mod confirm;
mod gc;
mod hear;
mod hooks;
mod memory;
mod observe;
mod put;
mod read;
mod release;
mod retire;
mod wait;
mod warm;
mod watch;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::future::{Either, join, select};
use futures_util::pin_mut;

use super::effect::Effect;
use super::event::{Content, Event, Reason};
use super::machine::{State, enter, step};
use super::moments::with_hooks;
use crate::arm_client::ArmClient;
use crate::environment::Environment;
use crate::journal::{Journal, JournalError, Record, Recovered, StoreError};
use crate::lease::Held;
use crate::observer::Progress;
use crate::run::Run;

pub use gc::{GcReport, gc};
pub(super) use memory::Memory;
pub(super) use read::{health_of, side_facts};
pub use retire::retire;

/// Between two notices of a wait; half of what is promised.
pub(super) const NOTICE: Duration = Duration::from_secs(5);

/// A run under way in this process.
pub(super) struct Driver<'a, E: Environment> {
    pub(super) run: Run<'a, E>,
    pub(super) arm: ArmClient<'a, E>,
    pub(super) journal: Journal<'a>,
    pub(super) lease: Held<'a>,
    pub(super) memory: RefCell<Memory>,
    /// Whether someone wants the old side back; heard at the next safe point.
    pub(super) abort: Cell<bool>,
    /// Why it was paused, once someone asked for that.
    pub(super) paused: RefCell<Option<String>>,
}

/// How the driving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Driven {
    /// In a final state.
    Final(State),
    /// Detached in this state.
    Detached(State),
}

impl<E: Environment> Driver<'_, E> {
    /// Drives from the beginning, or from where the journal says.
    pub(super) async fn drive(&self, recovered: &Recovered) -> Driven {
        self.hear().await;
        self.beside_upkeep(self.work(recovered)).await
    }

    /// Does something while keeping the lease alive and saying what is awaited.
    pub(super) async fn beside_upkeep(&self, work: impl Future<Output = Driven>) -> Driven {
        let upkeep = join(self.lease.keep(self.run.environment), self.notice());
        pin_mut!(work);
        pin_mut!(upkeep);
        match select(work, upkeep).await {
            Either::Left((driven, _)) => driven,
            Either::Right(_) => unreachable!("notices never end, so neither does the upkeep"),
        }
    }

    async fn work(&self, recovered: &Recovered) -> Driven {
        let (mut state, mut effects) = match recovered.state {
            Some(state @ State::Ended(_)) if recovered.died_unaccounted() => {
                self.memory.borrow_mut().take_up(state, self.now());
                self.perform_all(state, &self.among_hooks(state, Vec::new()))
                    .await;
                return Driven::Final(state);
            }
            Some(state) if recovered.is_open() => {
                self.memory.borrow_mut().take_up(state, self.now());
                self.arm.set_limit(self.memory.borrow().deadline());
                let event = self.resume(recovered).await;
                self.stepped(state, event)
            }
            _ => self.entering(State::Observing),
        };
        loop {
            self.memory.borrow_mut().enter(state, self.now());
            self.arm.set_limit(self.memory.borrow().deadline());
            match self.perform_all(state, &effects).await {
                _ if state.is_final() => return Driven::Final(state),
                Some(Event::OnInterrupt) => return Driven::Detached(state),
                Some(event) => {
                    self.leave();
                    (state, effects) = self.stepped(state, event);
                }
                None => return Driven::Final(state),
            }
        }
    }

    /// One step of the machine. An event without a place is a bug of ours: then the safest state is
    /// to stop, since both sides are up in every state.
    fn stepped(&self, state: State, event: Event) -> (State, Vec<Effect>) {
        let event = self.undoing(state, event);
        let (next, effects) = step(state, event).unwrap_or_else(|illegal| {
            self.memory.borrow_mut().reason = illegal.to_string();
            let parked = State::Parked(Reason::Unconfirmed);
            (parked, enter(parked))
        });
        (next, self.among_hooks(next, effects))
    }

    fn entering(&self, state: State) -> (State, Vec<Effect>) {
        (state, self.among_hooks(state, enter(state)))
    }

    /// The same effects with the calls of configured hooks among them.
    fn among_hooks(&self, state: State, effects: Vec<Effect>) -> Vec<Effect> {
        let hooks = &self.run.config.hooks;
        with_hooks(state, effects, |moment| {
            hooks.iter().any(|hook| hook.at == moment)
        })
    }

    /// Giving up before the first confirmation means going back with proof once a write of ours may
    /// have acted: a gateway instance may still have it, although the pool lists the old side alone
    /// again because someone else wrote it (F61).
    fn undoing(&self, state: State, event: Event) -> Event {
        let early = matches!(state, State::Warming | State::Gating | State::Adding);
        let gives_up = matches!(event, Event::OnFail | Event::OnDeadline | Event::OnAbort);
        if early && gives_up && self.memory.borrow().may_have_written() {
            return Event::OnUndo;
        }
        event
    }

    /// Performs a state's effects; `None` when the state asks for no work.
    async fn perform_all(&self, state: State, effects: &[Effect]) -> Option<Event> {
        let mut event = None;
        for effect in effects {
            event = match effect {
                Effect::Record => match self.begin_state(state).await {
                    Ok(()) => None,
                    // Where nothing can be written down nothing may be done.
                    Err(_) if state.is_final() => None,
                    Err(blocked) => return Some(blocked),
                },
                Effect::CallHooks(moment) => match self.call_hooks(*moment).await {
                    None => event,
                    refused => return refused,
                },
                _ if self.abort.get() && step(state, Event::OnAbort).is_ok() => {
                    self.abort.set(false);
                    "someone asked for the old side back"
                        .clone_into(&mut self.memory.borrow_mut().reason);
                    self.abort_unless_there(state, *effect).await
                }
                work => Some(self.perform(*work).await),
            };
            // Only complete evidence leads to what follows a state's work.
            if event.is_some_and(|event| event != Event::OnPass) {
                return event;
            }
        }
        event
    }

    /// Writes a state down and announces it. Whoever stood still meanwhile asks first whether it is
    /// still the one who may: its lease may have passed to another (F79).
    async fn begin_state(&self, state: State) -> Result<(), Event> {
        let since = self.now();
        self.record(Record::Entered { state }).await?;
        if self.now().since(since) >= self.run.config.lease.ttl.0 {
            self.still_ours().await?;
        }
        self.announce();
        Ok(())
    }

    /// Asks the lease's store whether this process still may act (F79); the error is what follows where
    /// it may not.
    async fn still_ours(&self) -> Result<(), Event> {
        self.lease.beat(self.run.environment).await;
        if self.lease.is_lost() {
            return Err(self.blocked(Reason::LeaseLost));
        }
        Ok(())
    }

    /// An abort of a state that already is the way back is that state's own work.
    async fn abort_unless_there(&self, state: State, effect: Effect) -> Option<Event> {
        let stays = step(state, Event::OnAbort).is_ok_and(|(next, _)| next == state);
        Some(if stays {
            self.perform(effect).await
        } else {
            Event::OnAbort
        })
    }

    async fn perform(&self, effect: Effect) -> Event {
        match effect {
            Effect::Record | Effect::Detach | Effect::CallHooks(_) => Event::OnInterrupt,
            Effect::Observe => self.observe().await,
            Effect::Check => self.check().await,
            Effect::Warm => self.warm().await,
            Effect::ProveNewSide => self.prove_new_side().await,
            Effect::PutPool(content) => self.put_pool(content).await,
            Effect::Confirm(Content::Old) => self.drain(Content::Old).await,
            Effect::Confirm(_) => self.confirm_both().await,
            Effect::BakeMixed => self.bake_mixed().await,
            Effect::Drain => self.drain(Content::New).await,
            Effect::BakeFinal => self.bake_final().await,
            Effect::Retain => self.retain().await,
            Effect::Release(ending) => self.release(ending).await,
        }
    }

    /// What the pool lists now, after everything this run ever sent has ended.
    async fn resume(&self, recovered: &Recovered) -> Event {
        let early = matches!(
            recovered.state,
            Some(State::Observing | State::Preflighting)
        );
        if early {
            return Event::OnResume(Content::Other);
        }
        if recovered.is_unheard()
            && let Err(blocked) = self.quiet_gateway().await
        {
            return blocked;
        }
        match self.content_after(recovered).await {
            Ok(content) => Event::OnResume(content),
            Err(blocked) => blocked,
        }
    }

    /// What the pool lists, once nothing of ours runs. Where Azure had done what the last write asks
    /// for and the pool does not list it any more, somebody has undone it since: that is not ours to
    /// write over (F58, F102).
    async fn content_after(&self, recovered: &Recovered) -> Result<Content, Event> {
        let succeeded = self.settled_operations().await?;
        let last = recovered.operations.last();
        let landed = recovered.landed
            || last.is_some_and(|url| succeeded.iter().any(|operation| operation.url == *url));
        if landed {
            let mut memory = self.memory.borrow_mut();
            memory.replaced.extend(recovered.replaces.clone());
        }
        let gateway = self.settled_gateway().await?;
        if let Some(members) = self.members_of(&gateway)
            && recovered.is_unheard()
        {
            self.settle_write(&members);
            self.record(Record::Settled { members }).await?;
        }
        let content = self.content_of(&gateway);
        let Some(Effect::PutPool(wanted)) = recovered.state.and_then(State::work) else {
            return Ok(content);
        };
        if content == wanted && put::has_failed(&gateway) {
            return Ok(before_failed(recovered.state, content));
        }
        let asked = recovered.writes.last().map(|write| write.to.clone());
        let undone = landed && content != wanted && asked == Some(self.sides().members(wanted));
        Ok(if undone { Content::Other } else { content })
    }

    /// Writes a record; the error is the event that follows from not being able to.
    async fn record(&self, record: Record) -> Result<(), Event> {
        let epoch = self.lease.epoch();
        let written = self
            .journal
            .write(self.run.environment, epoch, record)
            .await;
        written.map_err(|error| {
            self.memory.borrow_mut().reason = crate::error_text(&error);
            match error {
                JournalError::Store {
                    source: StoreError::Conflict { .. },
                    ..
                } => Event::OnBlocked(Reason::LeaseLost),
                _ => Event::OnBlocked(Reason::Unavailable),
            }
        })
    }

    fn now(&self) -> crate::Instant {
        self.run.environment.now()
    }

    fn tell(&self, progress: &Progress) {
        self.run.observer.on(self.now(), progress);
    }

    /// Only what is written down has begun: a process that lost its lease enters nothing any more.
    fn announce(&self) {
        let begun = self.memory.borrow_mut().announce(self.now());
        if let Some((phase, reverse)) = begun {
            self.tell(&Progress::Entered { phase, reverse });
        }
    }

    fn leave(&self) {
        let left = self.memory.borrow_mut().leave(self.now());
        if let Some((phase, evidence)) = left {
            self.tell(&Progress::Left { phase, evidence });
        }
    }

    /// Says for ever what is being waited for.
    async fn notice(&self) {
        loop {
            self.run.environment.sleep_until(self.now() + NOTICE).await;
            self.hear().await;
            let waiting = self.memory.borrow().waiting(self.now());
            if let Some(progress) = waiting {
                self.tell(&progress);
            }
        }
    }
}

/// A write that ended as failed is stored, and yet a gateway instance may never have heard of it: its
/// state goes on as if it had not been sent, and sends it again (F62). Taking the old side out leans on
/// a new proof that both serve, which such a gateway cannot give; its drain ends in the way back.
const fn before_failed(state: Option<State>, content: Content) -> Content {
    match state {
        Some(State::Adding) => Content::Old,
        Some(State::Readding) => Content::New,
        Some(State::Reverting) => Content::Both,
        _ => content,
    }
}
