//! What the model plays: the production rules, or one of them broken on purpose.

use crate::swap::event::{Content, Event};
use crate::swap::machine::{self, Illegal, State};

/// A rule that is broken on purpose, so that the model shows that it would notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Writes without asking the lease and without `If-Match` (F79).
    Unfenced,
    /// Reads the etag again right before it writes what it had decided before (F67).
    EtagAtLastMoment,
    /// Writes without `If-Match` (F58).
    Unguarded,
    /// Sends the same body again when the answer was lost (F59).
    StaleBodyAgain,
    /// After a crash takes the way forward, whatever the journal says (F76).
    ResumeGuesses,
    /// Takes the operation's end for the configuration's effect (F68).
    SucceededIsEvidence,
    /// Goes back to the old side without both sides in between (F83).
    RollbackDirectly,
    /// Goes forward to the new side without both in between.
    SwapDirectly,
    /// After a crash does not wait for a write that may still be on its way (F64).
    NotQuiet,
    /// Writes down the intent only after the write (S17).
    IntentAfterwards,
    /// Lets a dead holder keep the lease (F80).
    LeaseForever,
    /// Scales the new side in although the way back could not be proven.
    ReleasesUnproven,
    /// Calls a run abandoned although a write of it acted.
    AbandonsAfterWrite,
    /// Calls a run completed as soon as the second write is sent (F94).
    EarlySuccess,
}

/// What holds in this exploration.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules {
    pub(super) wrong: Option<Wrong>,
    /// Whether a process can be held up between its last look at the lease and the write that
    /// follows, for longer than a lease lives. The reference assumes that it cannot.
    pub(super) held_up: bool,
}

impl Rules {
    pub(super) fn broken(wrong: Wrong) -> Self {
        Self {
            wrong: Some(wrong),
            // What a fence is for shows only where there is a gap that it would close.
            held_up: matches!(wrong, Wrong::Unfenced | Wrong::EtagAtLastMoment),
        }
    }

    pub(super) fn has(self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    /// The production table, or what is planted over it.
    pub(super) fn step(self, state: State, event: Event) -> Result<State, Illegal> {
        if let Some(planted) = self.wrong.and_then(|wrong| planted(wrong, state, event)) {
            return Ok(planted);
        }
        machine::step(state, event).map(|(next, _)| next)
    }
}

fn planted(wrong: Wrong, state: State, event: Event) -> Option<State> {
    use Content::{Both, New, Old};
    Some(match (wrong, state, event) {
        (Wrong::RollbackDirectly, State::Draining | State::BakingFinal, Event::OnBreach) => {
            State::Reverting
        }
        (Wrong::SwapDirectly, State::Gating, Event::OnPass) => State::Removing,
        (Wrong::ResumeGuesses, _, Event::OnResume(Old)) => State::Warming,
        (Wrong::ResumeGuesses, _, Event::OnResume(Both)) => State::ConfirmingAdd,
        (Wrong::ResumeGuesses, _, Event::OnResume(New)) => State::Draining,
        (Wrong::EarlySuccess, State::Removing, Event::OnSettled(New)) => {
            State::Releasing(machine::Ending::Completed)
        }
        _ => return None,
    })
}
