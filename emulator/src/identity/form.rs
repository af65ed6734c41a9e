//! `application/x-www-form-urlencoded` bodies.

/// More fields than any client sends.
const MOST_FIELDS: usize = 100;

/// A form's fields, decoded.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body; what is no form has no fields.
    pub(super) fn read(body: &[u8]) -> Self {
        let text = std::str::from_utf8(body).unwrap_or_default();
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let fields = pairs.take(MOST_FIELDS).map(crate::control_plane::parameter);
        Self(fields.collect())
    }

    /// A field that is there and not empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        let found = fields.find(|(field, _)| field == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}
