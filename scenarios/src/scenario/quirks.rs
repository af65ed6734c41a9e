//! Where a scenario's Azure differs from its profile, for clients of one class.

use serde::{Deserialize, Serialize};
use turquoise_emulator::data_plane::{ClientConnections, Goaway, InitialHealth, Knobs};

/// What the data plane does otherwise than the profile says; empty by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// By which configuration a kept client connection is served (F42).
    pub client_connections: Option<ClientConnections>,
    /// How long an unused client connection stays open, in seconds (F42).
    pub client_idle_s: Option<u32>,
    /// How HTTP/2 connections end (F43).
    pub goaway: Option<Goaway>,
    /// Whether idle connections to a removed member are used again (F39).
    pub reuse_removed: Option<bool>,
    /// How long an application's closing of an idle connection can be missed, in milliseconds (F40).
    pub idle_race_ms: Option<u32>,
    /// Whether the gateway tries again after a reset (F48).
    pub retry_on_connect_error: Option<bool>,
    /// Whether it repeats what is not idempotent (F48).
    pub retry_writes: Option<bool>,
    /// Whether a member gets traffic before its first probe (F54).
    pub initial_health: Option<InitialHealth>,
}

impl Quirks {
    /// Whether the profile holds as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn apply(&self, knobs: &mut Knobs) {
        fn set<T: Copy>(to: &mut T, from: Option<T>) {
            *to = from.unwrap_or(*to);
        }
        set(&mut knobs.client_connections, self.client_connections);
        set(&mut knobs.goaway, self.goaway);
        set(&mut knobs.reuse_removed, self.reuse_removed);
        set(
            &mut knobs.retry_on_connect_error,
            self.retry_on_connect_error,
        );
        set(&mut knobs.retry_writes, self.retry_writes);
        set(&mut knobs.initial_health, self.initial_health);
        let idle = self
            .client_idle_s
            .map(|s| std::time::Duration::from_secs(u64::from(s)));
        set(&mut knobs.client_idle, idle);
        let race = self
            .idle_race_ms
            .map(|ms| std::time::Duration::from_millis(u64::from(ms)));
        set(&mut knobs.idle_race, race);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays_as_the_profile_has_it() {
        let mut knobs = Knobs::pessimistic();
        Quirks::default().apply(&mut knobs);
        assert_eq!(knobs, Knobs::pessimistic());
        let quirks = Quirks {
            goaway: Some(Goaway::TwoPhase),
            ..Quirks::default()
        };
        quirks.apply(&mut knobs);
        assert_eq!(knobs.goaway, Goaway::TwoPhase);
        assert_eq!(knobs.retry_writes, Knobs::pessimistic().retry_writes);
    }
}
