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
