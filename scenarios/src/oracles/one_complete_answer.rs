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
