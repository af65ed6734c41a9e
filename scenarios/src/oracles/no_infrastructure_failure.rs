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
        findings.report_request(client.ended, client.id, cause.catalogue(), || {
            let why = cause.sentence(&case.observation.declared);
            format!("request {} {}: {why}", client.id, seen(request.class()))
        });
    }
}
