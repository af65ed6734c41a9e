//! S2: no request is refused, reset, timed out or answered by the gateway itself with an error.

use crate::cause::{Cause, seen};
use crate::invariant::Invariant;
use crate::ledger::Class;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(2),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    // Truncation is S1's: an answer had begun.
    let failed = case
        .ledger
        .requests()
        .filter(|request| request.class().is_loss() && request.class() != Class::Truncated);
    for request in failed {
        let client = request.client();
        let cause = Cause::of(case, request);
        if cause.is_weather() {
            continue;
        }
        findings.report_request(client.ended, client.id, cause.catalogue(), || {
            let why = cause.sentence(&case.observation.declared);
            format!("request {} {}: {why}", client.id, seen(request.class()))
        });
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use turquoise_emulator::ledger::Fault;

    use crate::sample::{at, clean, fail, secs};
    let mut observation = clean();
    let index = at(&observation, secs(150));
    fail(&mut observation, index, Fault::ConnectTimeout);
    observation
}

#[cfg(test)]
mod tests {
    use turquoise_emulator::ledger::{Attempt, Fault, Seen};

    use super::*;
    use crate::sample::{OLD, at, clean, fail, secs};

    #[test]
    fn an_error_that_the_application_made_is_not_the_infrastructures() {
        let mut observation = clean();
        let index = at(&observation, secs(150));
        observation.ledgers.clients[index].seen = Seen::Answer {
            status: 500,
            build: Some(1),
            complete: true,
        };
        observation.ledgers.gateway[index].outcome = Attempt::Served { status: 500 };
        observation.ledgers.instances[index].status = Some(500);
        let verdict = crate::judge(&observation);
        assert_eq!(verdict.requests.of(Class::AppError), 1);
        assert!(!verdict.violates(Invariant::S(2)));
    }

    #[test]
    fn a_dispatch_to_a_member_that_arm_had_removed_is_explained_so() {
        let mut observation = clean();
        let index = at(&observation, secs(161));
        observation.ledgers.gateway[index].member = Some(OLD);
        fail(&mut observation, index, Fault::Refused);
        let lost = crate::judge(&observation).lost.remove(0);
        assert!(
            lost.why.contains("already out of the pool in ARM"),
            "{}",
            lost.why
        );
        assert_eq!(lost.catalogue, ["F33", "F34"]);
    }
}
