//! S1: every request the gateway accepted gets one final, complete answer.

use crate::cause::{Cause, seen};
use crate::invariant::Invariant;
use crate::ledger::Class;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(1),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let unanswered = case.ledger.requests().filter(|request| {
        let class = request.class();
        let admitted = request.attempts().next().is_some();
        class == Class::Truncated || admitted && matches!(class, Class::Reset | Class::Timeout)
    });
    for request in unanswered {
        let client = request.client();
        let cause = Cause::of(case, request);
        if cause.is_weather() {
            continue;
        }
        findings.report_request(client.ended, client.id, cause.catalogue(), || {
            let why = cause.sentence(&case.observation.declared);
            format!(
                "request {} was accepted and {}: {why}",
                client.id,
                seen(request.class())
            )
        });
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use turquoise_emulator::ledger::Seen;

    use crate::sample::{at, clean, secs};
    let mut observation = clean();
    let index = at(&observation, secs(150));
    observation.ledgers.clients[index].seen = Seen::Answer {
        status: 200,
        build: Some(1),
        complete: false,
    };
    observation
}

#[cfg(test)]
mod tests {
    use turquoise_emulator::ledger::{Attempt, Seen};

    use super::*;
    use crate::sample::{OLD, OLD_MACHINE, at, clean, insert, secs, stopped};

    #[test]
    fn a_request_that_never_reached_the_gateway_was_not_accepted() {
        let mut observation = clean();
        let index = at(&observation, secs(150));
        observation.ledgers.clients[index].seen = Seen::Reset;
        observation.ledgers.gateway[index].id = 0;
        observation.ledgers.instances[index].id = 0;
        let verdict = crate::judge(&observation);
        assert!(!verdict.violates(Invariant::S(1)));
        assert!(verdict.violates(Invariant::S(2)));
    }

    #[test]
    fn a_reset_by_a_stopping_machine_names_the_machine() {
        let mut observation = clean();
        let index = at(&observation, secs(110));
        let due = observation.ledgers.clients[index].due;
        observation.ledgers.clients[index].seen = Seen::Reset;
        observation.ledgers.gateway[index].outcome = Attempt::Cut;
        observation.ledgers.instances[index].status = None;
        insert(&mut observation, due, stopped("green", OLD_MACHINE, 1));
        let verdict = crate::judge(&observation);
        let lost = verdict.lost.first().expect("one lost request");
        assert_eq!(
            lost.why,
            "machine 10.0.1.10 of green was stopped at 110.000s while serving it"
        );
        assert_eq!(lost.catalogue, ["F37", "F38"]);
    }

    #[test]
    fn a_cut_of_a_member_that_stays_is_told_from_one_that_was_removed() {
        let cases = [
            (150, "which a later configuration or failed probes"),
            (175, "drain time-out passed"),
        ];
        for (second, why) in cases {
            let mut observation = clean();
            let index = at(&observation, secs(second));
            observation.ledgers.clients[index].seen = Seen::Reset;
            observation.ledgers.gateway[index].member = Some(OLD);
            observation.ledgers.gateway[index].outcome = Attempt::Cut;
            let lost = crate::judge(&observation).lost.remove(0);
            assert!(lost.why.contains(why), "{}", lost.why);
        }
    }
}
