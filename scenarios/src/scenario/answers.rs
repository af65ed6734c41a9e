//! What a scenario's Azure answers where its profile would answer otherwise.

use serde::{Deserialize, Serialize};
use turquoise_emulator::data_plane::{InitialHealth, Knobs, ProbeConnection, ProbeStateOnConfig};

/// Answers to open questions (azure-facts.md §9); absent ones are the profile's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answers {
    /// What a gateway thinks of a member it has not probed yet (F17).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_health: Option<InitialHealth>,
    /// What a configuration update does to what probes learnt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_state_on_config: Option<ProbeStateOnConfig>,
    /// Whether gateway probes keep their connection (F07).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_connection: Option<ProbeConnection>,
}

impl Answers {
    /// A gateway that sends nothing to a member before it has probed it, and forgets no member.
    pub const CAUTIOUS: Self = Self {
        initial_health: Some(InitialHealth::UnhealthyUntilFirstSuccess),
        probe_state_on_config: Some(ProbeStateOnConfig::Keep),
        probe_connection: None,
    };

    /// These answers, and the profile's for the rest.
    #[must_use]
    pub fn over(self, profile: Knobs) -> Knobs {
        Knobs {
            initial_health: self.initial_health.unwrap_or(profile.initial_health),
            probe_state_on_config: self
                .probe_state_on_config
                .unwrap_or(profile.probe_state_on_config),
            probe_connection: self.probe_connection.unwrap_or(profile.probe_connection),
            ..profile
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_answer_is_the_profiles() {
        let profile = Knobs::pessimistic();
        assert_eq!(Answers::default().over(profile.clone()), profile);
        let cautious = Answers::CAUTIOUS.over(profile.clone());
        assert_eq!(cautious.probe_connection, profile.probe_connection);
        assert_ne!(cautious.initial_health, profile.initial_health);
    }
}
