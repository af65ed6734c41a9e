//! Latency from the intended send time, before and during the swap.

use std::time::Duration;

use serde::Serialize;

use crate::ledger::{Class, Ledger, Request};
use crate::observation::Observation;

/// Latencies of the two windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latencies {
    /// Before the swap.
    pub baseline: Percentiles,
    /// From the swap's start to its end.
    pub swap: Percentiles,
}

/// Percentiles of one window, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many answers they rest on.
    pub samples: u64,
    /// Median.
    pub p50_ms: f64,
    /// One in a hundred is slower.
    pub p99_ms: f64,
    /// One in a thousand is slower.
    pub p999_ms: f64,
}

/// Measures both windows over the short requests that were answered.
pub(crate) fn measure(observation: &Observation, ledger: &Ledger<'_>) -> Latencies {
    let window = observation.window;
    let (mut baseline, mut swap) = (Vec::new(), Vec::new());
    for request in ledger.requests().filter(|request| is_answered(*request)) {
        let client = request.client();
        let felt = client.ended.since(client.due);
        if client.due >= window.baseline_start && client.due < window.swap_start {
            baseline.push(felt);
        } else if client.due >= window.swap_start && client.due < window.swap_end {
            swap.push(felt);
        }
    }
    let percentiles = |spans| percentiles(spans, observation);
    Latencies {
        baseline: percentiles(baseline),
        swap: percentiles(swap),
    }
}

fn is_answered(request: Request<'_>) -> bool {
    let class = request.class();
    request.is_short() && !class.is_loss() && class != Class::ClientAbort
}

/// Exact percentiles by nearest rank: a run has few enough requests to keep them all.
fn percentiles(mut spans: Vec<Duration>, observation: &Observation) -> Percentiles {
    let mut per_mille = |share: usize| {
        let last = spans.len().checked_sub(1)?;
        let (_, span, _) = spans.select_nth_unstable(last * share / 1000);
        Some(observation.felt(*span).as_secs_f64() * 1000.0)
    };
    Percentiles {
        p50_ms: per_mille(500).unwrap_or_default(),
        p99_ms: per_mille(990).unwrap_or_default(),
        p999_ms: per_mille(999).unwrap_or_default(),
        samples: spans.len() as u64,
    }
}
