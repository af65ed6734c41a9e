//! The oracles: one invariant per file, each a pure function of the joined run.
//!
//! `ORACLES` is the registry; a test holds that each of them passes a clean run and fails on a
//! minimally wrong one. No oracle shares code with the orchestrator (H11).

use std::collections::BTreeMap;

use turquoise_emulator::Instant;
use turquoise_emulator::ledger::RequestId;

use crate::gap::Gaps;
use crate::invariant::Invariant;
use crate::latency::Latencies;
use crate::ledger::Ledger;
use crate::observation::Observation;
use crate::timeline::Timeline;
use crate::verdict::Violation;

mod allowed_sides;
mod at_most_once;
mod blast_radius;
mod capacity;
mod conservation;
mod contract_kept;
mod converges;
mod delete_guard;
mod drain_ends;
mod explained_waits;
mod fresh_truth;
mod idempotent_resume;
mod imbalance;
mod latency_inflation;
mod legal_transitions;
mod lock_liveness;
mod losses;
mod max_gap;
mod mixed_time;
mod never_empty;
mod never_wedged;
mod no_dispatch_after_removal;
mod no_infrastructure_failure;
mod no_kill_with_work;
mod no_lost_update;
mod no_residue;
mod old_intact;
mod one_complete_answer;
mod one_writer;
mod rollback_latency;
mod rollback_no_worse;
mod session_monotonicity;
mod single_version_after;
mod sound_gates;
mod stream_cuts;
mod truthful_report;
mod unavailability;
mod write_economy;
mod writes;

#[cfg(test)]
mod tests;

/// At most this many violations of one invariant are named; all are counted.
const NAMED: u64 = 20;

/// What an oracle judges: a run, its timeline and its joined ledgers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    /// The run.
    pub(crate) observation: &'a Observation,
    /// What held when.
    pub(crate) timeline: &'a Timeline,
    /// The ledgers joined on request id.
    pub(crate) ledger: &'a Ledger<'a>,
    /// The longest gaps, before the swap and from its start on.
    pub(crate) gaps: &'a Gaps,
    /// Latencies before and during the swap.
    pub(crate) latencies: &'a Latencies,
}

/// The item at a place of a list, which grows to hold it: for what is numbered without gaps, such as
/// users, since a look-up per request is what judging spends its time on.
fn at_place<T: Default>(items: &mut Vec<T>, place: u64) -> &mut T {
    let place = usize::try_from(place).expect("because what is counted fits into memory");
    if place >= items.len() {
        items.resize_with(place + 1, T::default);
    }
    &mut items[place]
}

/// One oracle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Oracle {
    /// What it judges.
    pub(crate) invariant: Invariant,
    /// Reports every breach.
    pub(crate) judge: fn(&Case<'_>, &mut Findings),
}

/// Every oracle, in the catalogue's order.
pub(crate) const ORACLES: &[Oracle] = &[
    one_complete_answer::ORACLE,
    no_infrastructure_failure::ORACLE,
    at_most_once::ORACLE,
    allowed_sides::ORACLE,
    no_dispatch_after_removal::ORACLE,
    no_kill_with_work::ORACLE,
    session_monotonicity::ORACLE,
    single_version_after::ORACLE,
    contract_kept::ORACLE,
    capacity::ORACLE,
    never_empty::ORACLE,
    old_intact::ORACLE,
    delete_guard::ORACLE,
    one_writer::ORACLE,
    no_lost_update::ORACLE,
    fresh_truth::ORACLE,
    legal_transitions::ORACLE,
    idempotent_resume::ORACLE,
    rollback_no_worse::ORACLE,
    sound_gates::ORACLE,
    blast_radius::ORACLE,
    no_residue::ORACLE,
    truthful_report::ORACLE,
    write_economy::ORACLE,
    converges::ORACLE,
    never_wedged::ORACLE,
    lock_liveness::ORACLE,
    rollback_latency::ORACLE,
    drain_ends::ORACLE,
    explained_waits::ORACLE,
    max_gap::ORACLE,
    losses::ORACLE,
    latency_inflation::ORACLE,
    imbalance::ORACLE,
    mixed_time::ORACLE,
    unavailability::ORACLE,
    stream_cuts::ORACLE,
    conservation::ORACLE,
];

/// The invariants that have an oracle.
pub fn judged() -> impl Iterator<Item = Invariant> {
    ORACLES.iter().map(|oracle| oracle.invariant)
}

/// The breaches one oracle found: the first few named, all counted.
#[derive(Debug)]
pub(crate) struct Findings {
    invariant: Invariant,
    named: Vec<Violation>,
    count: u64,
}

impl Findings {
    fn new(invariant: Invariant) -> Self {
        Self {
            invariant,
            named: Vec::new(),
            count: 0,
        }
    }

    /// Reports a breach that concerns no single request.
    pub(crate) fn report(
        &mut self,
        at: Instant,
        catalogue: &[&'static str],
        what: impl FnOnce() -> String,
    ) {
        self.push(at, None, catalogue, what);
    }

    /// Reports a breach on a request.
    pub(crate) fn report_request(
        &mut self,
        at: Instant,
        request: RequestId,
        catalogue: &[&'static str],
        what: impl FnOnce() -> String,
    ) {
        self.push(at, Some(request), catalogue, what);
    }

    fn push(
        &mut self,
        at: Instant,
        request: Option<RequestId>,
        catalogue: &[&'static str],
        what: impl FnOnce() -> String,
    ) {
        self.count += 1;
        if self.count <= NAMED {
            let (invariant, catalogue) = (self.invariant, catalogue.to_vec());
            self.named.push(Violation {
                invariant,
                at,
                request,
                what: what(),
                catalogue,
            });
        }
    }
}

/// Asks every oracle.
pub(crate) fn judge(case: &Case<'_>) -> (Vec<Violation>, BTreeMap<Invariant, u64>) {
    let mut violations = Vec::new();
    let mut violated = BTreeMap::new();
    for oracle in ORACLES {
        let mut findings = Findings::new(oracle.invariant);
        (oracle.judge)(case, &mut findings);
        if findings.count > 0 {
            violated.insert(oracle.invariant, findings.count);
            violations.append(&mut findings.named);
        }
    }
    (violations, violated)
}
