//! The configuration file: what to deploy, what to swap, how long to look.
//!
//! Read [`Config`] first. A file is parsed once, at the border: what comes out of
//! [`Config::parse`] is complete and consistent, and an error names the key, the line and what to
//! do. [`example.toml`](Config::example_toml) is the published topology with comments.

mod analysis;
mod check;
mod frontend;
mod hook;
mod notify;
mod presets;
mod side;
mod span;
mod tuning;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use turquoise_arm::ResourceId;

pub use analysis::Analysis;
pub use check::ConfigError;
pub use frontend::{Frontend, GatewayProbe, HttpListener, HttpsListener, Network};
pub use hook::{Hook, InvalidMoment, Moment};
pub use notify::{Notify, NotifyEvent, NotifyFormat};
pub use side::{AutoscaleRange, Built, Side};
pub use span::{InvalidSpan, Span};
pub use tuning::{
    Breach, BreachAction, Budget, Capacity, Ceilings, Gates, Identity, LeaseTerms, Phases,
    ReleaseTo,
};

/// Everything a run needs to know that Azure does not tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which gateway and pool.
    pub target: Target,
    /// The frontend group's resources.
    pub frontend: Frontend,
    /// The two sides by name.
    pub sides: BTreeMap<String, Side>,
    /// How an answer tells which build gave it.
    #[serde(default)]
    pub identity: Identity,
    /// What it takes to pass a gate.
    #[serde(default)]
    pub gates: Gates,
    /// How much the new side must be able to carry.
    #[serde(default)]
    pub capacity: Capacity,
    /// How long the phases last.
    #[serde(default)]
    pub phases: Phases,
    /// How long a wait may last.
    #[serde(default)]
    pub ceilings: Ceilings,
    /// What traffic may lose; judged by whoever sees the traffic.
    #[serde(default)]
    pub budget: Budget,
    /// What counts as a breach and what follows.
    #[serde(default)]
    pub breach: Breach,
    /// The lease that keeps a second run out.
    #[serde(default)]
    pub lease: LeaseTerms,
    /// Who is asked at boundaries of phases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Hook>,
    /// Metrics that have a say in the bakes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analysis: Vec<Analysis>,
    /// Who is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Notify>,
}

/// The gateway and the pool that a swap edits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The gateway's id; names the subscription and the frontend's resource group.
    pub gateway: ResourceId,
    /// The backend pool's name.
    pub pool: String,
    /// The side that a gateway starts with when `deploy` creates it.
    pub initial: String,
}

impl Target {
    /// The subscription of everything this configuration names.
    #[must_use]
    pub fn subscription(&self) -> &str {
        self.gateway.subscription()
    }

    /// The frontend's resource group.
    #[must_use]
    pub fn group(&self) -> ResourceId {
        self.group_named(self.gateway.group_name().unwrap_or_default())
    }

    /// A resource group of the same subscription.
    #[must_use]
    pub fn group_named(&self, name: &str) -> ResourceId {
        ResourceId::resource_group(self.subscription(), name)
    }

    /// The id of the pool.
    #[must_use]
    pub fn pool_id(&self) -> ResourceId {
        self.gateway.child("backendAddressPools", &self.pool)
    }
}

impl Config {
    /// Reads a configuration from TOML text; `path` is only for error texts.
    ///
    /// # Errors
    /// When the text is not TOML, has unknown or missing keys, or contradicts itself.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let config: Self =
            toml::from_str(text).map_err(|error| ConfigError::syntax(path, text, &error))?;
        check::check(&config).map_err(|finding| ConfigError::finding(path, text, finding))?;
        Ok(config)
    }

    /// The configuration as TOML text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("strings, numbers and tables of them always serialise")
    }

    /// The side with that name.
    #[must_use]
    pub fn side(&self, name: &str) -> Option<&Side> {
        self.sides.get(name)
    }

    /// The name of the other of the two sides.
    #[must_use]
    pub fn other_side(&self, name: &str) -> Option<&str> {
        let mut others = self.sides.keys().filter(|side| *side != name);
        others.next().map(String::as_str)
    }
}
