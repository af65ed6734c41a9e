//! One ARM request and its answer, kept as they are and made readable when somebody asks.
//!
//! Keeping one costs a few reference counts: nothing is parsed or copied on a request's way.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::redact::redacted;

/// The longest body that is kept and shown.
const SHOWN_BYTES: usize = 64 * 1024;

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    pub(crate) caller: Option<HeaderValue>,
    /// 0 when the connection ended without an answer.
    pub(crate) status: u16,
    pub(crate) request: Bytes,
    pub(crate) answer: Bytes,
}

impl Exchange {
    /// The caller's name for itself.
    pub(crate) fn caller(&self) -> String {
        let caller = self.caller.as_ref().and_then(|name| name.to_str().ok());
        caller.unwrap_or_default().to_owned()
    }

    /// Bytes held for it.
    pub(crate) fn body_bytes(&self) -> usize {
        self.request.len() + self.answer.len()
    }

    /// As a document, without secrets.
    pub(crate) fn document(&self, number: u64) -> Value {
        json!({
            "number": number,
            "method": self.method.as_str(),
            "target": self.target.as_str(),
            "caller": self.caller(),
            "status": self.status,
            "request": shown(&self.request),
            "answer": shown(&self.answer),
        })
    }
}

/// A body as JSON without secrets. What is no JSON is not shown: nobody could tell its secrets.
fn shown(body: &Bytes) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    if body.len() > SHOWN_BYTES {
        return format!("a body of {} bytes", body.len()).into();
    }
    match serde_json::from_slice(body) {
        Ok(document) => redacted(document),
        Err(_) => format!("{} bytes that are no JSON", body.len()).into(),
    }
}
