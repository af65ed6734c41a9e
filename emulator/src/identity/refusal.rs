//! What the identity says no with (client-contract.md §3.2).

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Identity;

/// A refusal in OAuth's words, with Entra ID's number.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The status of the answer.
    pub(super) status: StatusCode,
    /// OAuth's word, such as `invalid_client`.
    pub(super) error: &'static str,
    /// Entra ID's number, as in `AADSTS7000215`.
    pub(super) number: u32,
    /// What to do, for people.
    pub(super) text: String,
}

impl Refusal {
    /// 400 with OAuth's `error`.
    pub(super) fn bad_request(error: &'static str, number: u32, text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            number,
            text: text.into(),
        }
    }

    /// 401 `invalid_client`.
    pub(super) fn invalid_client(number: u32, text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            ..Self::bad_request("invalid_client", number, text)
        }
    }

    /// A field that must be there and is not.
    pub(super) fn missing(field: &str) -> Self {
        Self::bad_request(
            "invalid_request",
            900_144,
            format!("The request body must contain the following parameter: '{field}'."),
        )
    }

    /// A tenant that is not ours.
    pub(super) fn unknown_tenant(tenant: &str) -> Self {
        Self::bad_request(
            "invalid_tenant",
            90_002,
            format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID; \
                 `turquoise env` prints the one of this emulator."
            ),
        )
    }

    /// A method that the path does not know.
    pub(super) fn method(method: &Method, wanted: &Method) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            ..Self::bad_request(
                "invalid_request",
                900_561,
                format!(
                    "The endpoint only accepts {wanted} requests. Received a {method} request."
                ),
            )
        }
    }

    /// Sign-in that needs a browser.
    pub(super) fn interactive() -> Self {
        Self {
            status: StatusCode::NOT_IMPLEMENTED,
            ..Self::bad_request(
                "unsupported_response_type",
                700_054,
                "Interactive sign-in is not emulated: sign in as an application, with the client \
                 id and secret that `turquoise env` prints (`az login --service-principal`).",
            )
        }
    }
}

impl Identity {
    pub(super) fn refusal_document(&self, now: u64, refusal: &Refusal) -> Value {
        let (trace, correlation) = (self.trace_id(), self.trace_id());
        let time = timestamp(now);
        json!({
            "error": refusal.error,
            "error_description": format!(
                "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}",
                refusal.number, refusal.text
            ),
            "error_codes": [refusal.number],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
        })
    }
}

/// `2026-01-01 00:00:00Z`, as Entra ID writes times in errors.
fn timestamp(now: u64) -> String {
    let seconds = i64::try_from(now).unwrap_or_default();
    let at = Timestamp::from_second(seconds).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
