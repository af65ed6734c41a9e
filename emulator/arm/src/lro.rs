//! Long-running operations: header names, states and the operation document.
//!
//! Source: azure-facts.md §2 (the RPC async contract, recordings) and client-contract.md §5.

use http::HeaderMap;
use serde_json::Value;

use crate::error::ErrorBody;
use crate::json;

/// Header that names the operation document of network and compute writes.
pub const AZURE_ASYNC_OPERATION: &str = "azure-asyncoperation";
/// Header that asks for patience: whole seconds.
pub const RETRY_AFTER: &str = "retry-after";

/// What an operation document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationStatus {
    /// Any state that is not terminal: `InProgress`, `Accepted`, `Running` and what Azure invents.
    Running(String),
    /// It ended well.
    Succeeded,
    /// It ended badly; the error says how.
    Failed(ErrorBody),
    /// It was cancelled, for a gateway usually by a newer write (azure-facts.md §0.2 fact 3).
    Canceled(ErrorBody),
}

impl OperationStatus {
    /// Reads an operation document, or a resource's `properties.provisioningState`.
    #[must_use]
    pub fn read(document: &Value) -> Option<Self> {
        let word = json::text(document, "status")
            .or_else(|| json::text(document, "properties.provisioningState"))?;
        let error = || {
            json::get(document, "error")
                .and_then(|error| serde_json::from_value(error.clone()).ok())
                .unwrap_or_else(|| ErrorBody::new(word, "the operation gave no reason"))
        };
        Some(match word.to_ascii_lowercase().as_str() {
            "succeeded" => Self::Succeeded,
            "failed" => Self::Failed(error()),
            "canceled" | "cancelled" => Self::Canceled(error()),
            _ => Self::Running(word.to_owned()),
        })
    }

    /// Whether the operation has ended.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        !matches!(self, Self::Running(_))
    }
}

/// Where an answer says its operation can be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poll {
    /// An operation document: always 200, read `status`.
    Operation(String),
    /// A location: 202 while running, then the final answer.
    Location(String),
}

impl Poll {
    /// `Azure-AsyncOperation` wins over `Location`, as in every client (azure-facts.md §2.4).
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| {
            let value = headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        text(AZURE_ASYNC_OPERATION)
            .map(Self::Operation)
            .or_else(|| text("location").map(Self::Location))
    }

    /// The absolute URL to ask.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Operation(url) | Self::Location(url) => url,
        }
    }
}

/// `Retry-After` in whole seconds, where an answer carries one.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_three_states_are_terminal_in_any_case() {
        for (word, terminal) in [
            ("InProgress", false),
            ("Accepted", false),
            ("SomethingNew", false),
            ("succeeded", true),
            ("FAILED", true),
            ("Canceled", true),
        ] {
            let status =
                OperationStatus::read(&json!({"status": word})).expect("a status was given");
            assert_eq!(status.is_terminal(), terminal, "{word}");
        }
    }
}
