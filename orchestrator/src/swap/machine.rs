//! The swap as a pure table.
//!
//! ```text
//! forward                                                       back
//!
//! Observing ─► Ended(NothingToDo | Refused)
//!     │
//! Preflighting ─► Ended(Refused)
//!     │
//! Warming ──────────────┐
//!     │                 │ gate failed, aborted
//! Gating ───────────────┼──────────► Releasing(Abandoned) ─► Ended
//!     │                 │
//! Adding       PUT 1 ───┘ (Reverting, when a write of ours may have acted)
//!     │  {old} ► {old,new}
//! ConfirmingAdd ────────┐ fail, breach, abort
//!     │                 │
//! BakingMixed ──────────┼──────────► Reverting     PUT {old} ─► ConfirmingRevert
//!     │                 │               ▲                          │
//! Removing     PUT 2 ───┘               │                     Releasing(RolledBack) ─► Ended
//!     │  {old,new} ► {new}        ConfirmingReadd
//! Draining ─────────────┐               ▲
//!     │                 │ breach, abort │
//! BakingFinal ──────────┼──────────► Readding      PUT {new} ► {new,old}
//!     │                 │
//! Retaining ────────────┘
//!     │
//! Releasing(Completed) ─► Ended(Completed)
//!
//! every state ─ blocked ─► Parked            every state ─ interrupt ─► the same, detached
//! ```
//!
//! A transition that is not in the table is [`Illegal`]; a no-op is a transition to the same state.
//! The tests print the whole table; a review reads that.

use serde::{Deserialize, Serialize};

use super::effect::Effect;
use super::event::{Content, Event, Reason};
use crate::phase::Phase;

/// Where a swap stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum State {
    /// P0.
    Observing,
    /// P1.
    Preflighting,
    /// P2.
    Warming,
    /// P3.
    Gating,
    /// P4: {old} to {old, new}.
    Adding,
    /// P5.
    ConfirmingAdd,
    /// P6.
    BakingMixed,
    /// P7: {old, new} to {new}.
    Removing,
    /// P8.
    Draining,
    /// P9.
    BakingFinal,
    /// P10.
    Retaining,
    /// Back, P4: {new} to {new, old}.
    Readding,
    /// Back, P5.
    ConfirmingReadd,
    /// Back, P7: {old, new} to {old}.
    Reverting,
    /// Back, P8.
    ConfirmingRevert,
    /// P11, with the ending it leads to.
    Releasing(Ending),
    /// Over.
    Ended(Ending),
    /// Stopped where it is safe; a person decides, then a process resumes the state before.
    Parked(Reason),
}

/// How a swap ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Ending {
    /// The new side serves alone.
    Completed,
    /// It served already.
    NothingToDo,
    /// Something blocked the way before anything was changed.
    Refused,
    /// Given up before the first gateway write.
    Abandoned,
    /// The old side serves alone again.
    RolledBack,
    /// So says ARM; the gateway could not be made to prove it.
    RolledBackUnverified,
}

/// An event that has no place in a state: a bug in the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} has no place in {state:?}")]
pub(crate) struct Illegal {
    pub(crate) state: State,
    pub(crate) event: Event,
}

impl State {
    /// Whether nothing follows in this process.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Ended(_) | Self::Parked(_))
    }

    /// Whether the state belongs to the way back.
    pub(crate) const fn is_reverse(self) -> bool {
        matches!(
            self,
            Self::Readding
                | Self::ConfirmingReadd
                | Self::Reverting
                | Self::ConfirmingRevert
                | Self::Releasing(Ending::RolledBack | Ending::RolledBackUnverified)
        )
    }

    /// The phase that the state belongs to; `None` for the last states.
    pub(crate) const fn phase(self) -> Option<Phase> {
        Some(match self {
            Self::Observing => Phase::P0,
            Self::Preflighting => Phase::P1,
            Self::Warming => Phase::P2,
            Self::Gating => Phase::P3,
            Self::Adding | Self::Readding => Phase::P4,
            Self::ConfirmingAdd | Self::ConfirmingReadd => Phase::P5,
            Self::BakingMixed => Phase::P6,
            Self::Removing | Self::Reverting => Phase::P7,
            Self::Draining | Self::ConfirmingRevert => Phase::P8,
            Self::BakingFinal => Phase::P9,
            Self::Retaining => Phase::P10,
            Self::Releasing(_) => Phase::P11,
            Self::Ended(_) | Self::Parked(_) => return None,
        })
    }

    /// What being in the state means doing.
    pub(super) fn work(self) -> Option<Effect> {
        Some(match self {
            Self::Observing => Effect::Observe,
            Self::Preflighting => Effect::Check,
            Self::Warming => Effect::Warm,
            Self::Gating => Effect::ProveNewSide,
            Self::Adding | Self::Readding => Effect::PutPool(Content::Both),
            Self::ConfirmingAdd | Self::ConfirmingReadd => Effect::Confirm(Content::Both),
            Self::BakingMixed => Effect::BakeMixed,
            Self::Removing => Effect::PutPool(Content::New),
            Self::Draining => Effect::Drain,
            Self::BakingFinal => Effect::BakeFinal,
            Self::Retaining => Effect::Retain,
            Self::Reverting => Effect::PutPool(Content::Old),
            Self::ConfirmingRevert => Effect::Confirm(Content::Old),
            Self::Releasing(ending) => Effect::Release(ending),
            Self::Ended(_) | Self::Parked(_) => return None,
        })
    }
}

/// The next state and what to do there.
pub(crate) fn step(state: State, event: Event) -> Result<(State, Vec<Effect>), Illegal> {
    if state.is_final() {
        return Err(Illegal { state, event });
    }
    if event == Event::OnInterrupt {
        return Ok((state, vec![Effect::Detach]));
    }
    let next = next(state, event).ok_or(Illegal { state, event })?;
    Ok((next, enter(next)))
}

/// What a state that was just entered asks for.
pub(crate) fn enter(state: State) -> Vec<Effect> {
    [Some(Effect::Record), state.work()]
        .into_iter()
        .flatten()
        .collect()
}

fn next(state: State, event: Event) -> Option<State> {
    match event {
        Event::OnBlocked(reason) => Some(State::Parked(reason)),
        Event::OnResume(content) => Some(resumed(state, content)),
        Event::OnSettled(content) => settled(state, content),
        Event::OnAbort => aborted(state),
        _ => advanced(state, event),
    }
}

/// The table proper.
fn advanced(state: State, event: Event) -> Option<State> {
    use Event::{OnBreach, OnDeadline, OnFail, OnNothingToDo, OnPass, OnPlan, OnRefusal, OnUndo};
    use State::{
        Adding, BakingFinal, BakingMixed, ConfirmingAdd, ConfirmingReadd, ConfirmingRevert,
        Draining, Ended, Gating, Observing, Parked, Preflighting, Readding, Releasing, Removing,
        Retaining, Reverting, Warming,
    };
    Some(match (state, event) {
        (Observing, OnPlan) => Preflighting,
        (Observing, OnNothingToDo) => Ended(Ending::NothingToDo),
        (Observing | Preflighting, OnRefusal) => Ended(Ending::Refused),
        (Preflighting, OnPass) => Warming,

        (Warming, OnPass) => Gating,
        (Gating, OnPass) => Adding,
        (Warming | Gating | Adding, OnFail | OnDeadline) => Releasing(Ending::Abandoned),
        // Nobody may take for untouched what a write of ours may have touched.
        (Warming | Gating | Adding, OnUndo) => Reverting,

        (ConfirmingAdd, OnPass) => BakingMixed,
        (BakingMixed, OnPass) => Removing,
        // The old side still serves, so taking the new one out is the gated way back.
        (ConfirmingAdd | BakingMixed, OnFail | OnDeadline | OnBreach) => Reverting,
        (Removing, OnFail) => Reverting,
        (Removing, OnDeadline) => Parked(Reason::Unconfirmed),

        (Draining, OnPass) => BakingFinal,
        (BakingFinal, OnPass) => Retaining,
        (Retaining, OnPass) => Releasing(Ending::Completed),
        (Draining | BakingFinal | Retaining, OnFail | OnBreach) => Readding,
        // Some gateway instance still sends to the old side: both are up, so it is safe to stop.
        (Draining, OnDeadline) => Parked(Reason::Unconfirmed),
        // What stays unknown for too long counts as failed.
        (BakingFinal | Retaining, OnDeadline) => Readding,

        (Readding | Reverting, OnFail) => Parked(Reason::TargetSick),
        (Readding | Reverting, OnDeadline) => Parked(Reason::Unconfirmed),
        (ConfirmingReadd, OnPass) => Reverting,
        (ConfirmingReadd, OnFail | OnDeadline) => Parked(Reason::Unconfirmed),
        // The new side is on its way out already; how it answers meanwhile changes nothing.
        (ConfirmingReadd, OnBreach) => ConfirmingReadd,
        (ConfirmingRevert, OnPass) => Releasing(Ending::RolledBack),
        (ConfirmingRevert, OnFail | OnDeadline) => Releasing(Ending::RolledBackUnverified),

        (Releasing(ending), OnPass) => Ended(ending),
        (Releasing(_), OnFail | OnDeadline) => Parked(Reason::Residue),
        _ => return None,
    })
}

/// A write has ended, one way or another: what counts is what the pool lists (F61).
fn settled(state: State, content: Content) -> Option<State> {
    Some(match (state, content) {
        (State::Adding, Content::Both) => State::ConfirmingAdd,
        (State::Removing, Content::New) => State::Draining,
        (State::Readding, Content::Both) => State::ConfirmingReadd,
        (State::Reverting, Content::Old) => State::ConfirmingRevert,
        (State::Adding | State::Removing | State::Readding | State::Reverting, _) => {
            State::Parked(Reason::Drift)
        }
        _ => return None,
    })
}

/// Back before a write, out again after it. While a write is under way an abort waits (F82).
fn aborted(state: State) -> Option<State> {
    Some(match state {
        State::Observing | State::Preflighting | State::Warming | State::Gating => {
            State::Releasing(Ending::Abandoned)
        }
        State::ConfirmingAdd | State::BakingMixed => State::Reverting,
        State::Draining | State::BakingFinal | State::Retaining => State::Readding,
        State::Readding | State::ConfirmingReadd | State::Reverting | State::ConfirmingRevert => {
            state
        }
        State::Releasing(Ending::Abandoned | Ending::RolledBack | Ending::RolledBackUnverified) => {
            state
        }
        State::Adding | State::Removing | State::Releasing(_) => return None,
        State::Ended(_) | State::Parked(_) => return None,
    })
}

/// Where to go on after a crash: the journal says what was intended, the pool says what is (F76).
fn resumed(state: State, content: Content) -> State {
    use Content::{Both, New, Old};
    match (state, content) {
        (State::Observing | State::Preflighting, _) => State::Observing,
        (State::Warming | State::Gating, Old) => State::Warming,
        // The intent was written; the write never acted. What was proven before is stale.
        (State::Adding, Old) => State::Gating,
        (State::Adding | State::ConfirmingAdd | State::BakingMixed, Both) => State::ConfirmingAdd,
        (State::Removing, Both) => State::ConfirmingAdd,
        (State::Removing | State::Draining | State::BakingFinal, New) => State::Draining,
        (State::Retaining, New) => State::Retaining,
        (State::Readding, New) => State::Readding,
        (State::Readding | State::ConfirmingReadd, Both) => State::ConfirmingReadd,
        (State::Reverting, Both) => State::Reverting,
        (State::Reverting | State::ConfirmingRevert, Old) => State::ConfirmingRevert,
        (State::Releasing(Ending::Completed), New) => state,
        (State::Releasing(ending), Old) if !matches!(ending, Ending::Completed) => state,
        _ => State::Parked(Reason::Drift),
    }
}

#[cfg(test)]
mod tests;
