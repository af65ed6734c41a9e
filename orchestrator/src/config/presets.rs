//! Ready-made configurations.

use std::path::Path;
use std::time::Duration;

use turquoise_arm::ResourceId;

use super::Config;
use super::span::Span;

const EXAMPLE: &str = include_str!("example.toml");

impl Config {
    /// The published topology as a commented file, with a production run's patience.
    #[must_use]
    pub fn example_toml() -> &'static str {
        EXAMPLE
    }

    /// The published topology (azure-facts.md §0.3), with SKUs that can still be bought.
    #[must_use]
    pub fn example() -> Self {
        Self::parse(Path::new("example.toml"), EXAMPLE)
            .expect("the example is in the binary and a test parses it")
    }

    /// The example with phases of about a minute, for rehearsals: some eight minutes in all.
    #[must_use]
    pub fn rehearsal() -> Self {
        let mut config = Self::example();
        config.phases.bake = Span::minutes(1);
        config.phases.final_bake = Span::minutes(1);
        config.phases.retain = Span::seconds(30);
        config.phases.quiet = Span::seconds(20);
        config.gates.span = Span::seconds(15);
        config.lease.ttl = Span::minutes(1);
        config
    }

    /// The same configuration in another subscription.
    #[must_use]
    pub fn in_subscription(mut self, subscription: &str) -> Self {
        self.target.gateway = moved(&self.target.gateway, subscription);
        for side in self.sides.values_mut() {
            side.image = moved(&side.image, subscription);
        }
        self
    }

    /// The rough length of a swap without trouble: the phases that last by configuration.
    #[must_use]
    pub fn planned_duration(&self) -> Duration {
        let phases = &self.phases;
        let drain = self.frontend.drain_timeout.0 + phases.propagation_margin.0;
        phases.bake.0 + drain + phases.final_bake.0 + phases.retain.0
    }
}

fn moved(id: &ResourceId, subscription: &str) -> ResourceId {
    let text = id.as_str().replacen(id.subscription(), subscription, 1);
    ResourceId::parse(&text).unwrap_or_else(|_| id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_the_published_topology() {
        let config = Config::example();
        assert_eq!(config.target.group().group_name(), Some("Frontend-P-RG"));
        assert_eq!(config.sides["green"].address.to_string(), "10.0.0.5");
        assert_eq!(config.sides["blue"].address.to_string(), "10.0.0.6");
        assert_eq!(config.frontend.network.subnets.len(), 4);
    }

    #[test]
    fn the_example_spells_out_the_production_defaults() {
        let config = Config::example();
        assert_eq!(config.phases, super::super::Phases::default());
        assert_eq!(config.gates, super::super::Gates::default());
        assert_eq!(config.ceilings, super::super::Ceilings::default());
        assert_eq!(config.breach, super::super::Breach::default());
    }

    #[test]
    fn a_configuration_survives_its_own_text() {
        let config = Config::rehearsal().in_subscription("another");
        let read = Config::parse(Path::new("turquoise.toml"), &config.to_toml());
        assert_eq!(read, Ok(config.clone()));
        assert_eq!(config.target.subscription(), "another");
        assert_eq!(config.sides["blue"].image.subscription(), "another");
    }
}
