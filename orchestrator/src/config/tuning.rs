//! Gates, phases, ceilings, budgets: how careful a swap is.
//!
//! The defaults are those of a production run; [`presets`](super::presets) shorten them.

use serde::{Deserialize, Serialize};

use super::span::Span;

/// How an answer tells which build gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// The answer header whose value names the build.
    pub header: String,
    /// A path that every build answers with a 2xx.
    pub path: String,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            header: "x-build-id".to_owned(),
            path: "/".to_owned(),
        }
    }
}

/// What it takes to pass a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gates {
    /// Good looks in a row; one bad look begins anew (F12).
    pub consecutive: u32,
    /// The time those looks span at least.
    pub span: Span,
    /// From look to look.
    pub every: Span,
    /// Requests per look through the gateway, each on a new connection, so that they spread over
    /// the gateway's instances (F14).
    pub connections: u32,
    /// How long one such request may take.
    pub request_timeout: Span,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            consecutive: 3,
            span: Span::seconds(20),
            every: Span::seconds(5),
            connections: 20,
            request_timeout: Span::seconds(10),
        }
    }
}

/// How much the new side must be able to carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capacity {
    /// Instances of the new side per instance of the live side, at least. A gateway splits by pool
    /// member, not by machine, so less than 1 risks overload (F20).
    pub ratio: f64,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { ratio: 1.0 }
    }
}

/// How long the phases last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Phases {
    /// P6: both sides serve and are compared.
    pub bake: Span,
    /// P9: the new side serves alone, the old one is warm.
    pub final_bake: Span,
    /// P10: how long the old side stays as it was.
    pub retain: Span,
    /// P8: how long no answer may come from the old side.
    pub quiet: Span,
    /// P8: added to the drain timeout, since gateway instances apply a configuration one by one.
    pub propagation_margin: Span,
    /// P11: what becomes of the old side.
    pub release: ReleaseTo,
}

impl Default for Phases {
    fn default() -> Self {
        Self {
            bake: Span::minutes(5),
            final_bake: Span::minutes(15),
            retain: Span::minutes(24 * 60),
            quiet: Span::seconds(30),
            propagation_margin: Span::seconds(30),
            release: ReleaseTo::Minimum,
        }
    }
}

/// What becomes of the old side once its retention has passed. It is never deleted by a swap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseTo {
    /// Its autoscale minimum of before the swap.
    #[default]
    Minimum,
    /// No instances; its autoscale minimum becomes 0 too.
    Zero,
    /// As it is.
    Keep,
}

/// The longest each wait may take before what is unknown counts as failed (L6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ceilings {
    /// P2: until the new side has its instances.
    pub warm: Span,
    /// P3: until each of them is proven healthy.
    pub gate: Span,
    /// P4, P7: until one write has taken, refusals and repeats included.
    pub write: Span,
    /// P5: until the gateway has been seen to serve both sides.
    pub confirm: Span,
    /// P8: until the old side has been quiet for long enough.
    pub drain: Span,
}

impl Default for Ceilings {
    fn default() -> Self {
        Self {
            warm: Span::minutes(30),
            gate: Span::minutes(15),
            write: Span::minutes(60),
            confirm: Span::minutes(60),
            drain: Span::minutes(60),
        }
    }
}

/// What traffic may lose during a swap (failure-catalogue.md D.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Requests lost.
    pub losses: u64,
    /// The longest time without a good answer.
    pub max_gap: Span,
    /// How much the 99th percentile of latency may grow.
    pub p99_inflation: f64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            losses: 0,
            max_gap: Span(std::time::Duration::from_millis(250)),
            p99_inflation: 1.5,
        }
    }
}

/// What counts as a breach and what follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Breach {
    /// What follows.
    pub action: BreachAction,
    /// Answers per side before a verdict.
    pub samples: u64,
    /// How much larger the new side's share of errors may be than the old side's, 0 to 1.
    pub error_margin: f64,
}

impl Default for Breach {
    fn default() -> Self {
        Self {
            action: BreachAction::Rollback,
            samples: 20,
            error_margin: 0.02,
        }
    }
}

/// What follows a breach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BreachAction {
    /// The gated way back to the old side.
    #[default]
    Rollback,
    /// Stop where it is safe and ask.
    Park,
}

/// The lease that keeps a second run out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeaseTerms {
    /// How long a holder that has gone silent keeps others out.
    pub ttl: Span,
}

impl Default for LeaseTerms {
    fn default() -> Self {
        Self {
            ttl: Span::minutes(5),
        }
    }
}
