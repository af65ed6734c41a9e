//! The conservation law of D.1: what was sent ended once, and what ran was sent.

use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::Conservation,
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    for contradiction in case.ledger.contradictions() {
        findings.report(case.observation.window.swap_end, &["H05"], || {
            contradiction.clone()
        });
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    let mut observation = crate::sample::clean();
    // The sampler lost its last request (H05).
    observation.ledgers.clients.pop();
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, clean, secs};

    #[test]
    fn an_execution_that_no_request_claims_is_a_contradiction() {
        let mut observation = clean();
        let index = at(&observation, secs(50));
        let stray = observation.ledgers.instances[index];
        observation
            .ledgers
            .instances
            .push(turquoise_emulator::ledger::InstanceEntry {
                id: 99_999,
                ..stray
            });
        let verdict = crate::judge(&observation);
        assert_eq!(
            verdict.conservation,
            Err(
                "1 executions belong to no request that ended, the first to request 99999"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_good_answer_without_an_execution_is_a_contradiction() {
        let mut observation = clean();
        let index = at(&observation, secs(50));
        observation.ledgers.instances[index].id = 0;
        assert!(crate::judge(&observation).violates(Invariant::Conservation));
    }

    #[test]
    fn probes_without_an_id_are_nobodys_requests() {
        let mut observation = clean();
        let index = at(&observation, secs(50));
        let mut probe = observation.ledgers.instances[index];
        probe.id = 0;
        observation.ledgers.instances.push(probe);
        assert!(crate::judge(&observation).conservation.is_ok());
    }
}
