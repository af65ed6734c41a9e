//! Notifications: who is told of a swap, without a say in it.

use serde::{Deserialize, Serialize};

use crate::environment::Web;

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Its name, for warnings.
    pub name: String,
    /// Where the message is sent.
    pub to: Web,
    /// What it looks like.
    #[serde(default)]
    pub format: NotifyFormat,
    /// Of what; without it, of everything.
    #[serde(default = "everything")]
    pub events: Vec<NotifyEvent>,
}

fn everything() -> Vec<NotifyEvent> {
    NotifyEvent::ALL.to_vec()
}

/// What a message looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifyFormat {
    /// A document for programs.
    #[default]
    Json,
    /// For a Slack incoming webhook.
    Slack,
    /// For a Teams workflow that posts an adaptive card.
    Teams,
}

/// What can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotifyEvent {
    /// The direction is decided.
    Started,
    /// The pool lists another side alone.
    LiveSideChanged,
    /// The run ended with the old side back.
    RolledBack,
    /// The run needs a person.
    Parked,
    /// The run ended in any other way.
    Ended,
}

impl NotifyEvent {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Started,
        Self::LiveSideChanged,
        Self::RolledBack,
        Self::Parked,
        Self::Ended,
    ];
}
