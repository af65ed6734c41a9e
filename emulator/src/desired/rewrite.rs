//! Rewrite rule sets of an Application Gateway, resolved.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// The longest program that a pattern may compile to, in bytes: patterns come from whoever writes the
/// gateway.
const PATTERN_LIMIT: usize = 1 << 20;

/// A rewrite rule set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Its rules, in the order of their sequence.
    pub rules: Vec<RewriteRule>,
}

/// What is changed when all conditions hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewriteRule {
    /// The conditions; none always hold.
    pub conditions: Vec<Condition>,
    /// Request headers with their new value; an empty one removes the header.
    pub request_headers: Vec<(String, String)>,
    /// The same of the answer.
    pub answer_headers: Vec<(String, String)>,
    /// The new URL.
    pub url: Option<UrlRewrite>,
}

/// A condition of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What is looked at, such as `var_uri_path` or `http_req_Accept`.
    pub variable: String,
    /// What it is to match.
    pub pattern: Pattern,
    /// Whether it is not to.
    pub negate: bool,
}

/// A new path, a new query, or both; what is absent stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlRewrite {
    /// The new path.
    pub path: Option<String>,
    /// The new query.
    pub query: Option<String>,
    /// Whether the path map is asked again with the new path.
    pub reroute: bool,
}

/// A regular expression that compares like its text.
#[derive(Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Reads a pattern; `None` when it is none.
    #[must_use]
    pub fn new(text: &str, ignore_case: bool) -> Option<Self> {
        let built = RegexBuilder::new(text)
            .case_insensitive(ignore_case)
            .size_limit(PATTERN_LIMIT)
            .build();
        built.ok().map(Self)
    }

    /// What its groups captured in `text`, the whole match first; `None` when it does not match.
    #[must_use]
    pub fn captures(&self, text: &str) -> Option<Vec<String>> {
        let captures = self.0.captures(text)?;
        let group = |group: Option<regex::Match<'_>>| group.map_or("", |m| m.as_str()).to_owned();
        Some(captures.iter().map(group).collect())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.0.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}
