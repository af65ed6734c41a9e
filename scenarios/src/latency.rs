//! Latency from the intended send time, before and during the swap.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use turquoise_emulator::Instant;

use crate::oracles::Case;

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
pub(crate) fn measure(case: &Case<'_>) -> Latencies {
    let window = case.observation.window;
    Latencies {
        baseline: percentiles(case, window.baseline_start, window.swap_start),
        swap: percentiles(case, window.swap_start, window.swap_end),
    }
}

fn percentiles(case: &Case<'_>, from: Instant, to: Instant) -> Percentiles {
    // One microsecond to an hour: more than any patience. A histogram with bounds never grows, so
    // recording cannot fail.
    let mut histogram = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3)
        .expect("because the bounds are in order and three digits are within 0 to 5");
    let answered = case.ledger.requests().filter(|request| {
        let in_time = (from..to).contains(&request.client().due);
        let answered = !request.class().is_loss() && request.class() != crate::Class::ClientAbort;
        in_time && answered && request.is_short()
    });
    for request in answered {
        let client = request.client();
        let felt = case.observation.felt(client.ended.since(client.due));
        histogram.saturating_record(micros(felt));
    }
    Percentiles {
        samples: histogram.len(),
        p50_ms: millis(histogram.value_at_quantile(0.50)),
        p99_ms: millis(histogram.value_at_quantile(0.99)),
        p999_ms: millis(histogram.value_at_quantile(0.999)),
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn millis(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1000.0
}
