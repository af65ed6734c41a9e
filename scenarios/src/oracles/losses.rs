//! Q2: no more requests are lost than the budget allows; strict is none.

use crate::cause::Cause;
use crate::invariant::Invariant;
use crate::ledger::Class;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::Q(2),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let lost = case
        .ledger
        .requests()
        .filter(|request| Class::is_loss(request.class()));
    let caused = lost
        .filter(|request| !Cause::of(case, *request).is_weather())
        .count();
    let total = caused as u64 + case.ledger.unresolved();
    let budget = case.observation.declared.policy.loss_budget;
    if total > budget {
        let at = case.observation.window.swap_end;
        findings.report(at, &["F27"], || {
            format!(
                "{total} of {} requests were lost, {budget} may be",
                case.observation.sent
            )
        });
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use turquoise_emulator::ledger::Fault;

    use crate::sample::{at, clean, fail, secs};
    let mut observation = clean();
    let index = at(&observation, secs(150));
    fail(&mut observation, index, Fault::RequestTimeout);
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::clean;

    #[test]
    fn a_budget_is_kept_to_the_last_request() {
        for (budget, violated) in [(1, false), (0, true)] {
            let mut observation = broken();
            observation.declared.policy.loss_budget = budget;
            assert_eq!(
                crate::judge(&observation).violates(Invariant::Q(2)),
                violated
            );
        }
    }

    #[test]
    fn a_request_that_never_ended_is_lost() {
        let mut observation = clean();
        observation.sent += 1;
        let verdict = crate::judge(&observation);
        assert_eq!(verdict.requests.lost(), 1);
        assert!(verdict.violates(Invariant::Q(2)));
    }
}
