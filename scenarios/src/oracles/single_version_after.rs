//! S8: once the swap has ended, every answer comes from one build.

use turquoise_emulator::ledger::ConnectionClass;

use crate::invariant::Invariant;
use crate::ledger::Class;
use crate::observation::{Outcome, Role};
use crate::oracles::writes::overtaken_at_the_end;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(8),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let Some(role) = case.observation.end.and_then(|end| serving(end.outcome)) else {
        return;
    };
    if overtaken_at_the_end(case) {
        return;
    }
    let (declared, window) = (&case.observation.declared, case.observation.window);
    let expected = declared.side(role).build;
    let done = window.swap_end + declared.policy.epsilon;
    let after = case
        .ledger
        .requests()
        // Whoever bypasses the gateway was sent by nobody (F53).
        .filter(|request| request.client().connection != ConnectionClass::Direct)
        .filter(|request| request.dispatched() > done);
    for request in after {
        if request.class() == Class::WrongVersion {
            let id = request.client().id;
            findings.report_request(request.dispatched(), id, &["F52", "F56", "F114"], || {
                format!("request {id} was answered by another build than the one that ran it, or by one that nobody declared")
            });
            continue;
        }
        let Some(build) = request.build().filter(|build| *build != expected) else {
            continue;
        };
        let id = request.client().id;
        findings.report_request(request.dispatched(), id, &["F76", "F94", "F101"], || {
            format!(
                "request {id} was answered by {} after the swap had ended with {}",
                case.observation.build_name(build),
                case.observation.build_name(expected)
            )
        });
    }
}

/// The side that serves alone after this outcome, where it says.
const fn serving(outcome: Outcome) -> Option<Role> {
    match outcome {
        Outcome::Completed => Some(Role::New),
        Outcome::RolledBack => Some(Role::Old),
        _ => None,
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use turquoise_emulator::ledger::Seen;

    use crate::sample::{at, clean, secs};
    let mut observation = clean();
    let late = at(&observation, secs(205));
    observation.ledgers.clients[late].seen = Seen::Answer {
        status: 200,
        build: Some(0),
        complete: true,
    };
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::End;
    use crate::sample::clean;

    #[test]
    fn the_side_that_must_serve_follows_from_the_outcome() {
        let cases = [
            (Outcome::Completed, false),
            (Outcome::RolledBack, true),
            (Outcome::Parked, false),
        ];
        for (outcome, violated) in cases {
            let mut observation = clean();
            observation.end = Some(End {
                exit_code: 0,
                outcome,
            });
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(8)), violated, "{outcome:?}");
        }
    }
}
