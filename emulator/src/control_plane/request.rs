//! An ARM request, read leniently: path segments, query, caller, body.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use turquoise_arm::ArmError;

use crate::identity::Standing;

/// More than ARM lets through (4 MB for templates; azure-facts.md §1.4 knows 8 MB for answers).
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// Deeper than any resource; serde itself stops at 128.
const MAX_NESTING: usize = 64;

/// A request in parts.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The method.
    pub(crate) method: &'a Method,
    /// The path as sent.
    pub(crate) path: &'a str,
    /// Path and query as sent.
    pub(crate) target: &'a str,
    /// The path's segments, decoded; empty ones are dropped, because az doubles slashes.
    pub(crate) segments: Vec<String>,
    /// The query's parameters, decoded.
    pub(crate) query: Vec<(String, String)>,
    /// The headers.
    pub(crate) headers: &'a HeaderMap,
    /// What whoever checks tokens said; `None` where nobody does.
    pub(crate) standing: Option<&'a Standing>,
    authority: Option<&'a str>,
    body: &'a Bytes,
}

impl<'a> Request<'a> {
    /// Takes a request apart.
    pub(crate) fn read(request: &'a http::Request<Bytes>) -> Self {
        let uri = request.uri();
        let query = uri.query().unwrap_or_default();
        Self {
            method: request.method(),
            path: uri.path(),
            target: uri
                .path_and_query()
                .map_or_else(|| uri.path(), http::uri::PathAndQuery::as_str),
            segments: segments(uri.path()),
            query: query
                .split('&')
                .filter(|p| !p.is_empty())
                .map(parameter)
                .collect(),
            headers: request.headers(),
            standing: request.extensions().get(),
            authority: uri.authority().map(http::uri::Authority::as_str),
            body: request.body(),
        }
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The host the client used.
    pub(crate) fn host(&self) -> &'a str {
        self.header("host")
            .or(self.authority)
            .unwrap_or("localhost")
    }

    /// Where a refused caller gets a token, as whoever checks tokens said.
    pub(crate) fn login(&self) -> Option<&'a str> {
        match self.standing {
            Some(Standing::Refused { login, .. }) => Some(login),
            Some(Standing::Admitted) | None => None,
        }
    }

    /// A query parameter, by name without case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.query.iter();
        let found = parameters.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The caller's name for itself, as in [`Event::Arm`](crate::Event::Arm).
    pub(crate) fn caller(&self) -> &'a str {
        self.header("x-ms-client-request-id")
            .or_else(|| self.header("user-agent"))
            .unwrap_or_default()
    }

    /// The request's `api-version`.
    ///
    /// # Errors
    /// `MissingApiVersionParameter`, `InvalidApiVersionParameter` (azure-facts.md §1.3).
    pub(crate) fn api_version(&self) -> Result<&str, ArmError> {
        match self.parameter("api-version") {
            None | Some("") => Err(ArmError::bad_request(
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )),
            Some(version) if is_dated(version) => Ok(version),
            Some(version) => Err(ArmError::bad_request(
                "InvalidApiVersionParameter",
                format!(
                    "The api-version '{version}' is invalid. It must be a date in the form \
                     YYYY-MM-DD, optionally followed by '-preview' or the like."
                ),
            )),
        }
    }

    /// The body as text.
    ///
    /// # Errors
    /// `RequestContentTooLarge`, `InvalidRequestContent`.
    pub(crate) fn text(&self) -> Result<&'a str, ArmError> {
        self.check_length()?;
        std::str::from_utf8(self.body).map_err(|error| invalid_content(&error))
    }

    fn check_length(&self) -> Result<(), ArmError> {
        if self.body.len() <= MAX_BODY_BYTES {
            return Ok(());
        }
        Err(ArmError::new(
            http::StatusCode::PAYLOAD_TOO_LARGE,
            "RequestContentTooLarge",
            format!("The request content exceeds {MAX_BODY_BYTES} bytes."),
        ))
    }

    /// The body as JSON; `Null` when there is none.
    ///
    /// # Errors
    /// `RequestContentTooLarge`, `InvalidRequestContent`.
    pub(crate) fn json(&self) -> Result<Value, ArmError> {
        self.check_length()?;
        let text = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.body);
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        let read: Value = serde_json::from_slice(text).map_err(|error| invalid_content(&error))?;
        if nesting(&read) > MAX_NESTING {
            return Err(invalid_content(&"it nests too deeply"));
        }
        Ok(read)
    }

    /// The body as a JSON object.
    ///
    /// # Errors
    /// As [`Request::json`], and when there is none or it is something else.
    pub(crate) fn object(&self) -> Result<Value, ArmError> {
        let read = self.json()?;
        if read.is_object() {
            Ok(read)
        } else {
            Err(invalid_content(&"a JSON object was expected"))
        }
    }
}

fn invalid_content(reason: &dyn std::fmt::Display) -> ArmError {
    ArmError::bad_request(
        "InvalidRequestContent",
        format!("The request content was invalid and could not be deserialized: '{reason}'."),
    )
}

fn nesting(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(nesting).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(nesting).max().unwrap_or(0),
        _ => 0,
    }
}

fn segments(path: &str) -> Vec<String> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.map(|segment| decode(segment, false)).collect()
}

/// A `name=value` pair of a query or a form, decoded.
pub(crate) fn parameter(pair: &str) -> (String, String) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (decode(name, true), decode(value, true))
}

/// Percent-decodes; what does not decode stays as it is.
fn decode(text: &str, plus_is_space: bool) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                let plus = bytes[at] == b'+' && plus_is_space;
                decoded.push(if plus { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

/// `YYYY-MM-DD[-preview|-alpha|-beta|-rc|-privatepreview]`.
fn is_dated(version: &str) -> bool {
    let (date, suffix) = version.split_at_checked(10).unwrap_or((version, ""));
    let digits = |range: std::ops::Range<usize>| {
        let number = date
            .get(range)
            .filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
        number.and_then(|d| d.parse::<u16>().ok())
    };
    let known = ["", "-preview", "-alpha", "-beta", "-rc", "-privatepreview"];
    date.len() == 10
        && digits(0..4).is_some()
        && date.as_bytes()[4] == b'-'
        && digits(5..7).is_some_and(|month| (1..=12).contains(&month))
        && date.as_bytes()[7] == b'-'
        && digits(8..10).is_some_and(|day| (1..=31).contains(&day))
        && known.iter().any(|known| suffix.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_dates_with_known_suffixes() {
        for (version, dated) in [
            ("2024-11-01", true),
            ("2015-05-01-preview", true),
            ("2026-01-01-PREVIEW", true),
            ("2024-13-01", false),
            ("2024-1-01", false),
            ("latest", false),
            ("2024-11-01x", false),
            ("20241101", false),
            ("2024-11-ä1", false),
        ] {
            assert_eq!(is_dated(version), dated, "{version}");
        }
    }

    #[test]
    fn paths_and_parameters_are_decoded_once() {
        assert_eq!(segments("//a/b%20c//d%2Fe/"), ["a", "b c", "d/e"]);
        assert_eq!(decode("a%2", false), "a%2");
        assert_eq!(decode("a+b", false), "a+b");
        let expected = ("$filter".to_owned(), "name eq 'x'".to_owned());
        assert_eq!(parameter("%24filter=name+eq%20%27x%27"), expected);
    }
}
