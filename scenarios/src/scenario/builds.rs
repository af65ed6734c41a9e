//! The two builds: how each starts, how fast it is and how it misbehaves.

use serde::{Deserialize, Serialize};
use turquoise_emulator::data_plane::{Flaws, Mixture};
use turquoise_emulator::faults::Sickness;

/// The builds that the two sides run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Builds {
    /// The live side's.
    pub old: Build,
    /// The idle side's.
    pub new: Build,
}

/// How a build behaves; the default is the emulator's well-behaved application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Build {
    /// From a machine's boot to its first accepted connection, in milliseconds.
    pub startup_ms: u32,
    /// From then until it is ready, in milliseconds; 503 meanwhile (F19).
    pub warm_up_ms: u32,
    /// How long a short request takes a worker on average, in percent of the topology's
    /// `service_ms`.
    pub service_percent: u32,
    /// How requests spread around that.
    pub service: Service,
    /// How long it keeps an unused connection, in seconds (F40).
    pub keep_alive_s: u32,
    /// How it misbehaves, always.
    pub sickness: Option<Sickness>,
    /// How it breaks the application's contract (S9).
    #[serde(skip_serializing_if = "Flaws::is_none")]
    pub flaws: Flaws,
    /// Which of its instances run another build (F52, F56, F114).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixture: Option<Mixture>,
}

/// The distribution of service times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case", deny_unknown_fields)]
pub enum Service {
    /// Always the mean.
    #[default]
    Constant,
    /// Memoryless.
    Exponential,
    /// Heavy-tailed.
    Pareto {
        /// The tail's exponent, above 1; lower is heavier.
        alpha: f64,
        /// No request takes more than this many times the mean.
        cap: u32,
    },
}

impl Default for Build {
    fn default() -> Self {
        Self {
            startup_ms: 20_000,
            warm_up_ms: 0,
            service_percent: 100,
            service: Service::Constant,
            keep_alive_s: 120,
            sickness: None,
            flaws: Flaws::default(),
            mixture: None,
        }
    }
}
