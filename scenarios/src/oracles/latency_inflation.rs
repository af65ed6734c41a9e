//! Q3: p99 and p99.9 during the swap stay near the baseline of the same run.

use crate::invariant::Invariant;
use crate::latency::Percentiles;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::Q(3),
    judge,
};

/// A percentile says something only with this many samples beyond it.
const BEYOND: f64 = 5.0;

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let policy = &case.observation.declared.policy;
    let latencies = case.latencies;
    let samples = latencies.baseline.samples.min(latencies.swap.samples);
    if samples < policy.least_samples {
        return;
    }
    type Read = fn(&Percentiles) -> f64;
    let tails: [(&str, f64, f64, Read); 2] = [
        ("p99", 0.01, policy.p99_inflation, |percentiles| {
            percentiles.p99_ms
        }),
        ("p99.9", 0.001, policy.p999_inflation, |percentiles| {
            percentiles.p999_ms
        }),
    ];
    let noise = policy.latency_noise.as_secs_f64() * 1000.0;
    for (name, share, factor, read) in tails {
        let (before, during) = (read(&latencies.baseline), read(&latencies.swap));
        let beyond = beyond(samples, share);
        // Their number, and so the percentile's place, has a relative error of one over the root:
        // few samples accuse only of more, by two such errors.
        let allowed = before * factor * (1.0 + 2.0 / beyond.sqrt());
        if beyond >= BEYOND && during > allowed && during > before + noise {
            findings.report(case.observation.window.swap_start, &["F20", "F21", "F25", "F31"], || {
                format!("{name} rose from {before:.1} ms to {during:.1} ms, more than {factor} times")
            });
        }
    }
}

/// How many of the samples are expected beyond a percentile.
#[expect(
    clippy::cast_precision_loss,
    reason = "a sample count is far below 2^53"
)]
fn beyond(samples: u64, share: f64) -> f64 {
    samples as f64 * share
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use std::time::Duration;

    use crate::sample::{clean, secs};
    let mut observation = clean();
    observation.declared.policy.least_samples = 500;
    let during = observation
        .ledgers
        .clients
        .iter_mut()
        .filter(|entry| entry.due >= secs(100));
    // A twentieth of all requests is slow.
    for entry in during.step_by(20) {
        entry.ended = entry.due + Duration::from_millis(80);
    }
    observation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_samples_say_nothing() {
        let mut observation = broken();
        observation.declared.policy.least_samples = 5000;
        assert!(!crate::judge(&observation).violates(Invariant::Q(3)));
    }

    #[test]
    fn growth_within_the_noise_is_forgiven() {
        let mut observation = broken();
        observation.declared.policy.latency_noise = std::time::Duration::from_millis(65);
        assert!(!crate::judge(&observation).violates(Invariant::Q(3)));
    }
}
