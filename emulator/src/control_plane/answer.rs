//! Answers: status, body and the headers ARM puts on everything.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue,
    LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Method, Response, StatusCode};
use serde_json::Value;
use turquoise_arm::ArmError;

use super::throttle::{Kind, Left};

/// An answer before the common headers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The body; empty for none.
    pub(crate) body: Bytes,
    /// Headers of this answer.
    pub(crate) headers: Vec<(HeaderName, String)>,
    /// The error code of a refusal.
    pub(crate) code: Option<String>,
    /// Whether stored state changed.
    pub(crate) applied: bool,
}

const ASYNC_OPERATION: HeaderName = HeaderName::from_static("azure-asyncoperation");
const ASYNC_NOTIFICATION: HeaderName = HeaderName::from_static("azure-asyncnotification");
const FAILURE_CAUSE: HeaderName = HeaderName::from_static("x-ms-failure-cause");
const LEFT_READS: HeaderName =
    HeaderName::from_static("x-ms-ratelimit-remaining-subscription-reads");
const LEFT_GLOBAL_READS: HeaderName =
    HeaderName::from_static("x-ms-ratelimit-remaining-subscription-global-reads");
const LEFT_WRITES: HeaderName =
    HeaderName::from_static("x-ms-ratelimit-remaining-subscription-writes");
const LEFT_GLOBAL_WRITES: HeaderName =
    HeaderName::from_static("x-ms-ratelimit-remaining-subscription-global-writes");
const LEFT_DELETES: HeaderName =
    HeaderName::from_static("x-ms-ratelimit-remaining-subscription-deletes");
const LEFT_GLOBAL_DELETES: HeaderName =
    HeaderName::from_static("x-ms-ratelimit-remaining-subscription-global-deletes");

impl Answer {
    /// An answer without body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::bytes(status, Bytes::new())
    }

    /// An answer with a JSON document.
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::bytes(status, serialise(body))
    }

    /// 200 with a JSON document.
    pub(crate) fn ok(body: &Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// An answer with bytes that are JSON already.
    pub(crate) fn bytes(status: StatusCode, body: Bytes) -> Self {
        Self {
            status,
            body,
            headers: Vec::new(),
            code: None,
            applied: false,
        }
    }

    /// The envelope of a refusal.
    pub(crate) fn refusal(error: &ArmError) -> Self {
        let mut answer = Self::bytes(error.status, error.to_bytes().into());
        answer.code = Some(error.body.code.clone());
        if let Some(seconds) = error.retry_after {
            answer.headers.push((RETRY_AFTER, seconds.to_string()));
        }
        // ARM itself refused, not a resource provider (azure-facts.md §1.4).
        answer.with(FAILURE_CAUSE, "gateway")
    }

    /// The same answer, which changed stored state.
    pub(crate) fn applied(mut self) -> Self {
        self.applied = true;
        self
    }

    /// The same answer with one more header.
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same answer with an `ETag`, where the type has one.
    pub(crate) fn with_etag(self, etag: &str) -> Self {
        if etag.is_empty() {
            self
        } else {
            self.with(ETAG, etag)
        }
    }

    /// The same answer, naming an operation document.
    pub(crate) fn with_operation(self, url: String) -> Self {
        self.with(ASYNC_OPERATION, url)
            .with(ASYNC_NOTIFICATION, "Enabled")
    }

    /// The same answer, naming where the result will be.
    pub(crate) fn with_location(self, url: String) -> Self {
        self.with(LOCATION, url)
    }

    /// The same answer, but 200 and without a word about an operation.
    pub(crate) fn without_operation(mut self) -> Self {
        if self.status.is_success() {
            self.status = StatusCode::OK;
            self.headers
                .retain(|(name, _)| *name != ASYNC_OPERATION && *name != LOCATION);
        }
        self
    }

    /// The same answer, asking for patience.
    pub(crate) fn with_retry_after(self, seconds: u32) -> Self {
        self.with(RETRY_AFTER, seconds.max(1).to_string())
    }

    /// The same answer, telling where tokens come from (azure-facts.md §7.5).
    pub(crate) fn with_challenge(self, login: &str, tenant: &str) -> Self {
        self.with(
            WWW_AUTHENTICATE,
            format!(
                "Bearer authorization_uri=\"{login}/{tenant}\", error=\"invalid_token\", \
                 error_description=\"The authentication failed because of missing 'Authorization' \
                 header.\""
            ),
        )
    }

    /// The response on the wire.
    pub(crate) fn into_response(self, method: &Method, common: &Common<'_>) -> Response<Bytes> {
        let body = if method == Method::HEAD {
            Bytes::new()
        } else {
            self.body
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let length = response.body().len();
        let headers = response.headers_mut();
        headers.reserve(16);
        if length > 0 {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            headers.insert(CONTENT_TYPE, json);
        }
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        common.write(method, headers);
        for (name, value) in self.headers {
            put(headers, name, &value);
        }
        response
    }
}

/// What ARM says in every answer (azure-facts.md §1.4).
#[derive(Debug)]
pub(crate) struct Common<'a> {
    /// This request's GUID.
    pub(crate) request_id: String,
    /// The client's correlation id, else the request's GUID.
    pub(crate) correlation_id: &'a str,
    /// The client's request id, when it asked for it back.
    pub(crate) echo: Option<&'a str>,
    /// `{REGION}:{time}:{correlation}`.
    pub(crate) compact_time: &'a str,
    /// The `Date` header.
    pub(crate) http_date: &'a str,
    /// What is left of the caller's buckets.
    pub(crate) left: Left,
}

impl Common<'_> {
    fn write(&self, method: &Method, headers: &mut HeaderMap) {
        let name = HeaderName::from_static;
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        put(headers, DATE, self.http_date);
        put(headers, name("x-ms-request-id"), &self.request_id);
        put(
            headers,
            name("x-ms-correlation-request-id"),
            self.correlation_id,
        );
        let routing = format!("EMULATED:{}:{}", self.compact_time, self.request_id);
        put(headers, name("x-ms-routing-request-id"), &routing);
        if let Some(echo) = self.echo {
            put(headers, name("x-ms-client-request-id"), echo);
        }
        let (own, shared) = match Kind::of(method) {
            Kind::Reads => (LEFT_READS, LEFT_GLOBAL_READS),
            Kind::Writes => (LEFT_WRITES, LEFT_GLOBAL_WRITES),
            Kind::Deletes => (LEFT_DELETES, LEFT_GLOBAL_DELETES),
        };
        headers.insert(own, HeaderValue::from(self.left.own));
        headers.insert(shared, HeaderValue::from(self.left.shared));
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // A client may have sent us what no header can carry back; then it gets nothing back.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// JSON bytes of a document.
pub(crate) fn serialise(body: &Value) -> Bytes {
    let bytes = serde_json::to_vec(body).expect("because a JSON tree always serialises");
    bytes.into()
}
