//! What an ARM call can end with when it does not end well.

use turquoise_arm::{ArmError, ErrorBody};

use crate::access::TokenError;
use crate::environment::TransportError;

/// Why an ARM call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArmFailure {
    /// Azure answered with an error.
    #[error("azure refused")]
    Refused(#[source] ArmError),
    /// The operation that a write began ended badly.
    #[error("the operation ended as {}: {} ({})", .state, .error.message, .error.code)]
    Operation {
        /// `Failed` or `Canceled`.
        state: &'static str,
        /// What the operation document says.
        error: ErrorBody,
    },
    /// No answer.
    #[error("azure did not answer")]
    Transport(#[source] TransportError),
    /// No token.
    #[error("azure was not asked")]
    Token(#[source] TokenError),
    /// An answer that is not what the contract says.
    #[error("azure answered something unexpected: {0}")]
    Unexpected(String),
    /// It took longer than the ceiling allows.
    #[error("waited {waited_s} s for {what}; ask again later, nothing is lost")]
    Ceiling {
        /// What was awaited.
        what: String,
        /// How long, in seconds.
        waited_s: u64,
    },
}

impl ArmFailure {
    /// Whether the resource does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(error) if error.status == http::StatusCode::NOT_FOUND)
    }

    /// Whether Azure did not take the token: it has not heard the rest.
    #[must_use]
    pub(crate) fn is_unauthenticated(&self) -> bool {
        matches!(self, Self::Refused(error) if error.status == http::StatusCode::UNAUTHORIZED)
    }

    /// Whether Azure does not let us: authentication, authorisation or a lock.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Refused(error) => {
                matches!(error.status.as_u16(), 401 | 403) || error.body.mentions("ScopeLocked")
            }
            Self::Token(_) => true,
            _ => false,
        }
    }

    /// Whether asking again later can help: throttling, server errors, lost answers.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(error) => {
                matches!(error.status.as_u16(), 408 | 409 | 412 | 429) && !self.is_denied()
                    || error.status.is_server_error()
            }
            Self::Transport(_) | Self::Ceiling { .. } => true,
            Self::Operation { .. } | Self::Token(_) | Self::Unexpected(_) => false,
        }
    }

    /// The process exit code for a verb that failed with this: 11 denied, 12 unavailable, 3 else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.is_denied() {
            11
        } else if self.is_transient() {
            12
        } else {
            3
        }
    }
}
