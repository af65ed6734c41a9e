//! The ARM error envelope: `{"error":{"code":…,"message":…,"target":…,"details":[…]}}`.
//!
//! Clients match on `code` and HTTP status alone (azure-facts.md §1.5, §1.6); texts are ours.

use http::StatusCode;
use serde::{Deserialize, Serialize};

/// The inner object of the envelope; `details` nests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What clients match on, such as `ResourceNotFound`.
    pub code: String,
    /// What people read.
    #[serde(default)]
    pub message: String,
    /// The member or resource at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Causes, innermost last.
    #[serde(default)]
    pub details: Vec<Self>,
}

impl ErrorBody {
    /// A body with a code and a message and nothing else.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            ..Self::default()
        }
    }

    /// Whether this body or one of its details carries `code`.
    #[must_use]
    pub fn mentions(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code) || self.details.iter().any(|d| d.mentions(code))
    }
}

/// A refusal as it travels: the HTTP status and the envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} ({}): {}", .body.code, .status.as_u16(), .body.message)]
pub struct ArmError {
    /// The HTTP status of the answer.
    pub status: StatusCode,
    /// The envelope's inner object.
    pub body: ErrorBody,
    /// Whole seconds for a `Retry-After` header.
    pub retry_after: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    error: ErrorBody,
}

impl ArmError {
    /// A refusal with a status, a code and a message.
    #[must_use]
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            body: ErrorBody::new(code, message),
            retry_after: None,
        }
    }

    /// 400 with `code`.
    #[must_use]
    pub fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404 with `code`.
    #[must_use]
    pub fn not_found(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 409 with `code`.
    #[must_use]
    pub fn conflict(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// The same refusal, naming the member at fault.
    #[must_use]
    pub fn with_target(mut self, target: impl Into<String>) -> Self {
        self.body.target = Some(target.into());
        self
    }

    /// The same refusal with one more detail.
    #[must_use]
    pub fn with_detail(mut self, detail: ErrorBody) -> Self {
        self.body.details.push(detail);
        self
    }

    /// The same refusal, asking the client to wait.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The envelope as JSON bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let envelope = Envelope {
            error: self.body.clone(),
        };
        serde_json::to_vec(&envelope).expect("strings and vectors always serialise")
    }

    /// Reads the envelope of an answer, or the flat form that autoscale's specification allows;
    /// anything else becomes code `Unrecognised` with the text as message.
    #[must_use]
    pub fn from_answer(status: StatusCode, bytes: &[u8]) -> Self {
        let body = serde_json::from_slice::<Envelope>(bytes)
            .map(|envelope| envelope.error)
            .or_else(|_| serde_json::from_slice::<ErrorBody>(bytes))
            .unwrap_or_else(|_| {
                ErrorBody::new("Unrecognised", String::from_utf8_lossy(bytes).into_owned())
            });
        Self {
            status,
            body,
            retry_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_survives_the_wire() {
        let refusal =
            ArmError::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", "no").with_detail(
                ErrorBody::new("PreconditionFailedEtagMismatch", "a is not b"),
            );
        let read = ArmError::from_answer(refusal.status, &refusal.to_bytes());
        assert_eq!(read, refusal);
        assert!(read.body.mentions("preconditionfailedetagmismatch"));
    }

    #[test]
    fn a_flat_error_and_a_page_of_html_are_read_too() {
        let flat = ArmError::from_answer(StatusCode::BAD_REQUEST, br#"{"code":"X","message":"y"}"#);
        assert_eq!(flat.body, ErrorBody::new("X", "y"));
        let html = ArmError::from_answer(StatusCode::BAD_GATEWAY, b"<html>");
        assert_eq!(html.body.code, "Unrecognised");
    }
}
