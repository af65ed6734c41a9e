//! A request below a resource, and what its provider did with it.

use http::{Method, StatusCode};
use serde_json::Value;
use turquoise_arm::ResourceId;

use crate::time::Instant;

/// A request below a resource that is no inline child.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The method.
    pub(crate) method: &'a Method,
    /// The resource.
    pub(crate) id: &'a ResourceId,
    /// The segments after the resource, decoded, as sent: compare without case.
    pub(crate) rest: &'a [String],
    /// The query's parameters, decoded, names as sent.
    pub(crate) query: &'a [(String, String)],
    /// The body; `Value::Null` when empty.
    pub(crate) body: &'a Value,
    /// Who asks, as in [`Event::Arm`](crate::Event::Arm).
    pub(crate) caller: &'a str,
}

impl Call<'_> {
    /// Whether the method is `method` and the rest reads as `pattern`, without case; `*` stands
    /// for any one segment: `call.is("GET", &["virtualMachines", "*", "instanceView"])`.
    pub(crate) fn is(&self, method: &str, pattern: &[&str]) -> bool {
        self.method == method
            && self.rest.len() == pattern.len()
            && self
                .rest
                .iter()
                .zip(pattern)
                .all(|(segment, pattern)| *pattern == "*" || segment.eq_ignore_ascii_case(pattern))
    }

    /// A query parameter, by name without case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.query.iter();
        let found = parameters.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What a provider did with a [`Call`].
#[derive(Clone, Debug)]
pub(crate) enum Handled {
    /// An answer with a body, at once.
    Answer(StatusCode, Value),
    /// An answer without body, at once.
    Empty(StatusCode),
    /// An operation that ends at an instant; `Provider::settle` is called then, and may give
    /// the result that `Location` answers.
    Operation(Begun),
    /// The route exists for other methods only: 405.
    MethodNotAllowed,
    /// Azure has this route and we do not: 501, with a row in the ledger of unhandled calls.
    NotEmulated,
    /// No such route: 404.
    Unknown,
}

/// An operation a [`Call`] began.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    /// Its verb in events and for `Provider::settle`, such as `backendhealth`.
    pub(crate) verb: &'static str,
    /// When it ends.
    pub(crate) ends_at: Instant,
    /// What `Provider::settle` is to know.
    pub(crate) payload: Value,
    /// The first answer: `None` for 202 without body; a PUT or PATCH gives its status and body.
    pub(crate) answer: Option<(StatusCode, Value)>,
    /// Whether the resource shows `Updating` meanwhile and a new etag.
    pub(crate) updates: bool,
}
