//! Hooks: programs of the operator's that are asked at a boundary of phases.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::span::Span;
use crate::environment::Web;
use crate::phase::Phase;

/// Somebody to ask at one moment of every swap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// Its name, in the journal and in every call; no two share one.
    pub name: String,
    /// When it is asked.
    pub at: Moment,
    /// A web service that takes a POST with JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Web>,
    /// A program with its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// How long one call may take.
    #[serde(default = "half_a_minute")]
    pub timeout: Span,
    /// From an answer that decides nothing to the next call.
    #[serde(default = "ten_seconds")]
    pub interval: Span,
    /// When an answer that decides nothing counts as a failure, from the first call on.
    #[serde(default = "ten_minutes")]
    pub deadline: Span,
    /// Whether a failure stops the swap or brings it back; without it, wherever that is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
}

const fn half_a_minute() -> Span {
    Span::seconds(30)
}

const fn ten_seconds() -> Span {
    Span::seconds(10)
}

const fn ten_minutes() -> Span {
    Span::minutes(10)
}

impl Hook {
    /// Whether a failure stops the swap or brings it back.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required.unwrap_or_else(|| self.at.can_refuse())
    }
}

/// A moment of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Moment {
    /// The phase is next.
    Before(Phase),
    /// The phase has passed.
    After(Phase),
    /// The way back to the old side begins, after a gateway write.
    OnRollback,
    /// The run is over, however it ended; a parked run is not.
    OnEnd,
}

impl Moment {
    /// Whether a hook may stop the run there: nothing may stand between a sick new side and the way
    /// back.
    #[must_use]
    pub const fn can_refuse(self) -> bool {
        matches!(self, Self::Before(_) | Self::After(_))
    }
}

/// Why a text is not a [`Moment`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no moment of a swap; write `before P4`, `after P7`, `on rollback` or `on end` (after \
     P11 is `on end`)"
)]
pub struct InvalidMoment(String);

impl TryFrom<String> for Moment {
    type Error = InvalidMoment;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let phase = |name: &str| {
            let all = Phase::ALL.into_iter();
            all.rev().find(|phase| format!("{phase:?}") == name)
        };
        let moment = match text.split_once(' ') {
            Some(("on", "rollback")) => Some(Self::OnRollback),
            Some(("on", "end")) => Some(Self::OnEnd),
            Some(("before", name)) => phase(name).map(Self::Before),
            Some(("after", name)) => phase(name).filter(|p| *p != Phase::P11).map(Self::After),
            _ => None,
        };
        moment.ok_or(InvalidMoment(text))
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(phase) => write!(f, "before {phase:?}"),
            Self::After(phase) => write!(f, "after {phase:?}"),
            Self::OnRollback => f.write_str("on rollback"),
            Self::OnEnd => f.write_str("on end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_it_prints() {
        for text in [
            "before P0",
            "before P4",
            "after P10",
            "on rollback",
            "on end",
        ] {
            let moment = Moment::try_from(text.to_owned()).expect(text);
            assert_eq!(moment.to_string(), text);
        }
        for text in ["", "P4", "before P12", "after P11", "on fire", "Before P4"] {
            let refused = Moment::try_from(text.to_owned()).expect_err(text);
            assert!(refused.to_string().contains("before P4"), "{refused}");
        }
    }
}
