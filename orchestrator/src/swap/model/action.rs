//! What happened between two moments, in words for a counterexample.

use std::fmt;

use super::world::{NEW, OLD};
use crate::swap::event::{Content, Event};
use crate::swap::machine::State;

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// An orchestrator began a run, or took one up.
    Began(usize, &'static str, u8),
    Crashed(usize),
    /// Its run was ended by somebody else.
    NothingLeft(usize),
    /// It stopped at a safe point on request.
    Detached(usize),
    /// Someone asks it for the old side back.
    AbortAsked(usize),
    /// It learned this and went on to that state.
    Stepped(usize, Event, State),
    LeaseAsked(usize),
    Sent(usize, Content),
    /// It gave up waiting for the answer.
    GaveUp(usize),
    Quiet(usize),
    /// It read that the pool no longer lists the side that it scales in next.
    ReleaseChecked(usize),
    Released(usize, usize),
    Delivered(usize, Content, bool),
    Dropped(usize),
    OperationEnded(bool),
    Applied(Content),
    Finished(usize),
    StrangerWrote(Content),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Began(who, how, run) => write!(f, "{} begins: {how}, run {run}", name(who)),
            Self::Crashed(who) => write!(f, "{} crashes", name(who)),
            Self::NothingLeft(who) => write!(f, "{} has nothing left to do", name(who)),
            Self::Detached(who) => write!(f, "{} is stopped at a safe point", name(who)),
            Self::AbortAsked(who) => write!(f, "{} is asked for the old side back", name(who)),
            Self::Stepped(who, event, state) => {
                write!(f, "{} learns {event:?}, goes to {state:?}", name(who))
            }
            Self::LeaseAsked(who) => write!(f, "{} renews the lease", name(who)),
            Self::Sent(who, to) => write!(f, "{} sends: put {to:?}", name(who)),
            Self::GaveUp(who) => write!(f, "{} gets no answer", name(who)),
            Self::Quiet(who) => write!(f, "{} finds the gateway quiet", name(who)),
            Self::ReleaseChecked(who) => write!(f, "{} reads that it may scale in", name(who)),
            Self::Released(who, side) => write!(f, "{} scales in the {}", name(who), named(side)),
            Self::Delivered(who, to, taken) => {
                let answer = if taken { "taken" } else { "refused" };
                write!(f, "azure answers put {to:?} of {}: {answer}", name(who))
            }
            Self::Dropped(who) => write!(f, "the request of {} is lost on its way", name(who)),
            Self::OperationEnded(false) => f.write_str("the operation succeeds"),
            Self::OperationEnded(true) => f.write_str("the operation fails"),
            Self::Applied(content) => write!(f, "a gateway instance applies {content:?}"),
            Self::Finished(side) => write!(f, "the last request on the {} ends", named(side)),
            Self::StrangerWrote(content) => write!(f, "a stranger writes {content:?}"),
        }
    }
}

fn name(who: usize) -> &'static str {
    ["ada", "bob"][who]
}

fn named(side: usize) -> &'static str {
    match side {
        OLD => "old side",
        NEW => "new side",
        _ => unreachable!("there are two sides"),
    }
}
