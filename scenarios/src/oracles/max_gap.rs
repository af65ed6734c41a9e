//! Q1: no due request waits longer than the limit for a good answer, per connection class and
//! gateway instance.
//!
//! The limit is the policy's, but never finer than the traffic can resolve (two arrivals, H08) nor
//! than twice what the same traffic showed before the swap began.

use std::time::Duration;

use crate::gap::{Kind, Longest};
use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::Q(1),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    for (kind, during) in case.gaps.during() {
        let felt = case.observation.felt(during.shared.length());
        let limit = limit(case, kind, during);
        if felt > limit {
            findings.report(during.shared.from, &["F06", "F44", "F54"], || {
                format!(
                    "no request over {} was answered for {felt:.1?} from {}, more than {limit:.1?}",
                    name(kind),
                    during.shared.from
                )
            });
        }
    }
}

fn limit(case: &Case<'_>, kind: Kind, during: Longest) -> Duration {
    let resolution = during
        .mean_arrival
        .map(|mean| case.observation.felt(mean) * 2);
    let usual = case.observation.felt(case.gaps.before(kind).gap.length());
    let policy = case.observation.declared.policy.max_gap;
    policy.max(resolution.unwrap_or_default()).max(usual * 2)
}

fn name((connection, instance): Kind) -> String {
    let connections = format!("{connection:?} connections").to_lowercase();
    match instance {
        None => connections,
        Some(instance) => format!("{connections} to gateway instance {instance}"),
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use turquoise_emulator::ledger::Fault;

    use crate::sample::{at, clean, fail, secs};
    let mut observation = clean();
    // Three seconds in which nothing is answered, at one request each 100 ms.
    let (from, to) = (at(&observation, secs(150)), at(&observation, secs(153)));
    for index in from..to {
        fail(&mut observation, index, Fault::Refused);
    }
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, clean, secs};

    #[test]
    fn a_pause_in_which_nothing_was_due_is_no_gap() {
        let mut observation = clean();
        let (from, to) = (at(&observation, secs(150)), at(&observation, secs(153)));
        observation.ledgers.clients.drain(from..to);
        observation.ledgers.gateway.drain(from..to);
        observation.ledgers.instances.drain(from..to);
        observation.sent -= (to - from) as u64;
        assert!(!crate::judge(&observation).violates(Invariant::Q(1)));
    }

    #[test]
    fn one_slow_request_in_a_lull_is_no_gap() {
        let mut observation = clean();
        let (from, to) = (at(&observation, secs(150)), at(&observation, secs(153)));
        observation.ledgers.clients.drain(from + 1..to);
        observation.ledgers.gateway.drain(from + 1..to);
        observation.ledgers.instances.drain(from + 1..to);
        observation.sent -= (to - from - 1) as u64;
        observation.ledgers.clients[from].ended = secs(152);
        let verdict = crate::judge(&observation);
        assert!(!verdict.violates(Invariant::Q(1)));
        assert!(
            (verdict.max_gap_ms() - 2000.0).abs() < 1.0,
            "reported all the same"
        );
    }

    #[test]
    fn the_gap_is_measured_from_raw_time_stamps() {
        let verdict = crate::judge(&broken());
        // The first request due at 150 s fails; the first good one is due at 153 s and ends 20 ms
        // later. New connections carry every second request.
        assert!(
            (verdict.max_gap_ms() - 3020.0).abs() <= 100.0,
            "{}",
            verdict.max_gap_ms()
        );
    }

    #[test]
    fn time_is_what_clients_felt() {
        let mut observation = broken();
        observation.speed = 20.0;
        assert!((crate::judge(&observation).max_gap_ms() - 151.0).abs() <= 5.0);
    }
}
