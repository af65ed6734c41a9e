//! S3: a request that is not idempotent runs at most once.

use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(3),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    for request in case
        .ledger
        .requests()
        .filter(|request| request.is_unrepeatable())
    {
        let runs = request.effects().count();
        let Some(second) = request.effects().nth(1) else {
            continue;
        };
        let id = request.client().id;
        findings.report_request(second.started, id, &["F43", "F45", "F48", "F112"], || {
            format!(
                "request {id} must run at most once and ran {runs} times, again on {}",
                second.address
            )
        });
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{at, clean, secs};
    let mut observation = clean();
    let write = at(&observation, secs(130));
    let write = (write..)
        .find(|index| observation.ledgers.clients[*index].id.is_multiple_of(5))
        .expect("a write");
    let again = observation.ledgers.instances[write];
    observation.ledgers.instances.push(again);
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, clean, secs};

    #[test]
    fn a_read_may_run_twice() {
        let mut observation = clean();
        let read = at(&observation, secs(130));
        let read = (read..)
            .find(|index| !observation.ledgers.clients[*index].id.is_multiple_of(5))
            .expect("a read");
        let again = observation.ledgers.instances[read];
        observation.ledgers.instances.push(again);
        assert!(!crate::judge(&observation).violates(Invariant::S(3)));
    }
}
