//! Analysis: metrics that have a say in the bake phases.

use serde::{Deserialize, Serialize};

use super::span::Span;
use crate::environment::Web;

/// A question to a source of metrics, with what counts as a good answer.
///
/// `{{side}}` and `{{build}}` in a query stand for the side that is asked about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analysis {
    /// Its name, in evidence.
    pub name: String,
    /// A server with Prometheus' HTTP API.
    pub prometheus: Web,
    /// The query for the new side; one value.
    pub new: String,
    /// The query for the old side, which `ratio` compares with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// The new side's value is good up to here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The new side's value is good from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// While both sides serve: good up to so many times the old side's value, plus `margin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// Added to what `ratio` allows.
    #[serde(default)]
    pub margin: f64,
    /// Good readings before it is good.
    #[serde(default = "three")]
    pub samples: u32,
    /// Bad readings in a row before it is bad.
    #[serde(default = "two")]
    pub failures: u32,
    /// From reading to reading.
    #[serde(default = "half_a_minute")]
    pub every: Span,
}

const fn two() -> u32 {
    2
}

const fn three() -> u32 {
    3
}

const fn half_a_minute() -> Span {
    Span::seconds(30)
}
