//! A span of time as people write it: `250ms`, `75s`, `5m`, `24h`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A [`Duration`] that reads and prints as a number with a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

/// Why a text is not a [`Span`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a span of time; write a whole number with ms, s, m or h, such as `75s`")]
pub struct InvalidSpan(String);

impl Span {
    /// A span of whole seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A span of whole minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self::seconds(minutes * 60)
    }
}

/// Units from large to small, each with its length in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl TryFrom<String> for Span {
    type Error = InvalidSpan;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = &text[digits.len()..];
        let length = UNITS.iter().find(|(name, _)| *name == unit);
        let millis =
            length.and_then(|(_, length)| digits.parse::<u64>().ok()?.checked_mul(*length));
        match millis {
            Some(millis) => Ok(Self(Duration::from_millis(millis))),
            None => Err(InvalidSpan(text)),
        }
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (name, length) = UNITS
            .iter()
            .find(|(_, length)| millis > 0 && millis.is_multiple_of(u128::from(*length)))
            .unwrap_or(&("s", 1_000));
        write!(f, "{}{name}", millis / u128::from(*length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_print_in_the_largest_unit_that_fits() {
        for (text, millis, printed) in [
            ("250ms", 250, "250ms"),
            ("75s", 75_000, "75s"),
            ("120s", 120_000, "2m"),
            ("24h", 86_400_000, "24h"),
            ("0s", 0, "0s"),
        ] {
            let span = Span::try_from(text.to_owned()).expect("the literal is a span");
            assert_eq!(span.0.as_millis(), millis, "{text}");
            assert_eq!(span.to_string(), printed, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_span_is_refused_with_an_example() {
        for text in ["", "5", "m", "5 m", "-1s", "1.5h", "99999999999999999h"] {
            let refused = Span::try_from(text.to_owned()).expect_err(text);
            assert!(refused.to_string().contains("such as `75s`"), "{refused}");
        }
    }
}
