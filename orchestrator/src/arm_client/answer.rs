//! An answer of Azure, its body read as JSON.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use turquoise_arm::{ArmError, lro};

/// Status, headers and tree.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `null` for an empty body and for what is not JSON.
    pub(crate) body: Value,
    bytes: Bytes,
}

impl Answer {
    pub(super) fn read(response: http::Response<Bytes>) -> Self {
        let (parts, bytes) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            bytes,
        }
    }

    /// The answer as a refusal, with the patience it asks for.
    pub(super) fn refusal(&self) -> ArmError {
        let mut error = ArmError::from_answer(self.status, &self.bytes);
        error.retry_after =
            lro::retry_after(&self.headers).and_then(|seconds| u32::try_from(seconds).ok());
        error
    }
}
