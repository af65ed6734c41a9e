//! Waiting for evidence, with an end.

use std::time::Duration;

use super::Driver;
use crate::arm_client::ArmFailure;
use crate::environment::{Environment, Instant};
use crate::gates::Verdict;
use crate::journal::Record;
use crate::swap::event::{Event, Reason};
use crate::swap::machine::step;

/// What one look came to: a verdict, or an event that ends the wait.
pub(super) type Look = Result<Verdict, Event>;

impl<E: Environment> Driver<'_, E> {
    /// Looks every `pace` until the verdict is not Unknown, for at most `ceiling`.
    ///
    /// Between looks is the safe point where an interrupt, an abort or a lost lease is heard.
    pub(super) async fn wait(
        &self,
        ceiling: Duration,
        pace: Duration,
        look: impl AsyncFnMut() -> Look,
    ) -> Event {
        let deadline = self.now() + ceiling;
        self.within(deadline, self.looks(deadline, ceiling, pace, look))
            .await
    }

    /// Does something that ends by then, inside of a wait that has its own end.
    pub(super) async fn within<T>(&self, deadline: Instant, work: impl Future<Output = T>) -> T {
        let around = self.give_up_at(deadline);
        let done = work.await;
        if let Some(around) = around {
            self.give_up_at(around);
        }
        done
    }

    /// Says when the present wait ends: notices tell it, and no read is repeated beyond it. Gives
    /// back what the wait around it said.
    pub(super) fn give_up_at(&self, deadline: Instant) -> Option<Instant> {
        self.arm.set_limit(Some(deadline));
        self.memory.borrow_mut().set_deadline(deadline)
    }

    async fn looks(
        &self,
        deadline: Instant,
        ceiling: Duration,
        pace: Duration,
        mut look: impl AsyncFnMut() -> Look,
    ) -> Event {
        loop {
            if let Some(event) = self.stopped() {
                return event;
            }
            match look().await {
                Ok(Verdict::Pass(proofs)) => return self.passed(proofs).await,
                Ok(Verdict::Fail(why)) => {
                    self.memory.borrow_mut().reason = why;
                    return Event::OnFail;
                }
                Ok(Verdict::Unknown(missing)) => self.memory.borrow_mut().set_missing(missing),
                Err(event) => return event,
            }
            if self.now() >= deadline {
                let mut memory = self.memory.borrow_mut();
                memory.reason = format!("after {} s: {}", ceiling.as_secs(), memory.missing());
                return Event::OnDeadline;
            }
            self.run.environment.sleep_until(self.now() + pace).await;
        }
    }

    async fn passed(&self, proofs: Vec<String>) -> Event {
        self.memory.borrow_mut().set_evidence(proofs.clone());
        match self.record(Record::Evidence { lines: proofs }).await {
            Ok(()) => Event::OnPass,
            Err(blocked) => blocked,
        }
    }

    /// What was asked of us meanwhile.
    pub(super) fn stopped(&self) -> Option<Event> {
        if self.lease.is_lost() {
            return Some(self.blocked(Reason::LeaseLost));
        }
        if self.run.environment.interrupted() || self.paused.borrow().is_some() {
            return Some(Event::OnInterrupt);
        }
        let state = self.memory.borrow().state()?;
        let next = step(state, Event::OnAbort).map(|(next, _)| next);
        if self.abort.get() && next.is_ok_and(|next| next != state) {
            self.abort.set(false);
            "someone asked for the old side back".clone_into(&mut self.memory.borrow_mut().reason);
            return Some(Event::OnAbort);
        }
        None
    }

    /// Parks with a reason in words.
    pub(super) fn blocked(&self, reason: Reason) -> Event {
        self.memory.borrow_mut().reason = reason.to_string();
        Event::OnBlocked(reason)
    }

    /// Parks because of what Azure said.
    pub(super) fn blocked_by(&self, reason: Reason, failure: &ArmFailure) -> Event {
        self.memory.borrow_mut().reason = format!("{reason}: {}", crate::error_text(failure));
        Event::OnBlocked(reason)
    }

    /// What a failed read means for a wait: a refusal of us ends it, anything else is missing
    /// evidence, for which the ceiling is there (F73).
    pub(super) fn unread(&self, what: &str, failure: &ArmFailure) -> Look {
        if failure.is_denied() {
            return Err(self.blocked_by(Reason::Denied, failure));
        }
        let text = crate::error_text(failure);
        Ok(Verdict::unknown(format!("reading {what}: {text}")))
    }
}
