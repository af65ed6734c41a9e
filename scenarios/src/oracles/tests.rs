//! Every oracle passes a clean run and fails on a run with its one defect.

use super::*;
use crate::sample::clean;

/// Makes a run with one defect.
type Defect = fn() -> Observation;

/// A minimally wrong run for each oracle, from the oracle's own file.
const BROKEN: &[(Invariant, Defect)] = &[
    (
        one_complete_answer::ORACLE.invariant,
        one_complete_answer::broken,
    ),
    (
        no_infrastructure_failure::ORACLE.invariant,
        no_infrastructure_failure::broken,
    ),
    (at_most_once::ORACLE.invariant, at_most_once::broken),
    (allowed_sides::ORACLE.invariant, allowed_sides::broken),
    (
        no_dispatch_after_removal::ORACLE.invariant,
        no_dispatch_after_removal::broken,
    ),
    (
        no_kill_with_work::ORACLE.invariant,
        no_kill_with_work::broken,
    ),
    (
        single_version_after::ORACLE.invariant,
        single_version_after::broken,
    ),
    (capacity::ORACLE.invariant, capacity::broken),
    (never_empty::ORACLE.invariant, never_empty::broken),
    (old_intact::ORACLE.invariant, old_intact::broken),
    (delete_guard::ORACLE.invariant, delete_guard::broken),
    (no_lost_update::ORACLE.invariant, no_lost_update::broken),
    (fresh_truth::ORACLE.invariant, fresh_truth::broken),
    (sound_gates::ORACLE.invariant, sound_gates::broken),
    (no_residue::ORACLE.invariant, no_residue::broken),
    (truthful_report::ORACLE.invariant, truthful_report::broken),
    (write_economy::ORACLE.invariant, write_economy::broken),
    (converges::ORACLE.invariant, converges::broken),
    (max_gap::ORACLE.invariant, max_gap::broken),
    (losses::ORACLE.invariant, losses::broken),
    (
        latency_inflation::ORACLE.invariant,
        latency_inflation::broken,
    ),
    (
        rollback_no_worse::ORACLE.invariant,
        rollback_no_worse::broken,
    ),
    (blast_radius::ORACLE.invariant, blast_radius::broken),
    (drain_ends::ORACLE.invariant, drain_ends::broken),
    (mixed_time::ORACLE.invariant, mixed_time::broken),
    (one_writer::ORACLE.invariant, one_writer::broken),
    (
        legal_transitions::ORACLE.invariant,
        legal_transitions::broken,
    ),
    (
        idempotent_resume::ORACLE.invariant,
        idempotent_resume::broken,
    ),
    (never_wedged::ORACLE.invariant, never_wedged::broken),
    (lock_liveness::ORACLE.invariant, lock_liveness::broken),
    (rollback_latency::ORACLE.invariant, rollback_latency::broken),
    (explained_waits::ORACLE.invariant, explained_waits::broken),
    (
        session_monotonicity::ORACLE.invariant,
        session_monotonicity::broken,
    ),
    (contract_kept::ORACLE.invariant, contract_kept::broken),
    (imbalance::ORACLE.invariant, imbalance::broken),
    (unavailability::ORACLE.invariant, unavailability::broken),
    (stream_cuts::ORACLE.invariant, stream_cuts::broken),
    (conservation::ORACLE.invariant, conservation::broken),
];

#[test]
fn a_clean_run_violates_nothing() {
    let verdict = crate::judge(&clean());
    assert_eq!(verdict.violations, []);
    assert!(verdict.holds());
    assert_eq!(verdict.requests.ok(), 2000);
    assert_eq!(verdict.gateway_puts, 2);
}

#[test]
fn every_oracle_fails_on_its_own_defect() {
    for oracle in ORACLES {
        let broken = BROKEN
            .iter()
            .find(|(invariant, _)| *invariant == oracle.invariant);
        let (_, broken) = broken.expect("every oracle has a failing case");
        let verdict = crate::judge(&broken());
        assert!(
            verdict.violates(oracle.invariant),
            "{} misses its defect",
            oracle.invariant
        );
        assert!(!verdict.holds());
    }
}

#[test]
fn every_violation_names_its_symptoms_and_explains_itself() {
    for (_, broken) in BROKEN {
        for violation in crate::judge(&broken()).violations {
            assert!(!violation.catalogue.is_empty(), "{violation:?}");
            assert!(
                violation.what.len() > 15 && !violation.what.ends_with('.'),
                "{violation:?}"
            );
        }
    }
}

#[test]
fn no_two_oracles_judge_the_same_invariant() {
    let invariants: std::collections::BTreeSet<Invariant> = judged().collect();
    assert_eq!(invariants.len(), ORACLES.len());
}

#[test]
fn only_the_first_breaches_are_named_and_all_are_counted() {
    let mut observation = clean();
    for entry in &mut observation.ledgers.clients {
        entry.seen = turquoise_emulator::ledger::Seen::Reset;
    }
    let verdict = crate::judge(&observation);
    assert_eq!(verdict.violated[&Invariant::S(2)], 2000);
    let named = verdict
        .violations
        .iter()
        .filter(|violation| violation.invariant == Invariant::S(2));
    assert_eq!(named.count() as u64, NAMED);
}
