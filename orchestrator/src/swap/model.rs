//! The swap explored to the end: every interleaving in a small world, not a sample of them.
//!
//! Two orchestrators play the real table ([`super::machine::step`]) and the real rule for what is
//! an open run, with a lease, a journal, up to two crashes, one stranger's write, one abort and
//! three gateway instances that take up a configuration each in its own time. The moves around the
//! table are `drive/` in miniature; [`world::World`] is all that is remembered.
//!
//! What the model takes for granted: gates are sound (they pass only on what is so, and may fail at
//! any time); a conditional write is refused when its condition does not hold (azure-facts.md, fact
//! 2); a write that was sent before the gateway was quiet does not land after it (F64); and a
//! process is not held up between renewing the lease and sending the write that follows.
//! [`rules::Rules`] breaks rules one at a time, to show that the model would notice.

mod action;
mod cloud;
mod explore;
mod orchestrator;
mod properties;
mod put;
mod rules;
mod world;

use explore::{Explored, explore};
use rules::{Rules, Wrong};
use world::Budget;

const NOTHING_GOES_WRONG: Budget = Budget {
    crashes: 0,
    excuses: 0,
    strangers: 0,
    aborts: 0,
    failures: 0,
    losses: 0,
    stops: 0,
};

/// More moments than any of these worlds has: an exploration that reaches it did not end.
const LIMIT: usize = 20_000_000;

/// Explores a world to its end with the production rules.
fn check_everything(name: &str, left: Budget, at_least: usize) {
    let explored = explore(left, Rules::default(), LIMIT);
    let Explored { moments, moves, .. } = explored;
    println!("{name}: {moments} moments, {moves} moves, all of them looked at");
    if let Some(counterexample) = explored.counterexample {
        panic!("{name}: {counterexample}");
    }
    assert!(explored.exhausted, "{name} is larger than {LIMIT} moments");
    assert!(moments > at_least, "{name} has only {moments} moments");
}

#[test]
fn two_orchestrators_two_crashes_and_a_stranger_break_nothing() {
    let left = Budget {
        crashes: 2,
        strangers: 1,
        ..NOTHING_GOES_WRONG
    };
    check_everything("two crashes and a stranger's write", left, 3_000_000);
}

#[test]
fn an_abort_a_failed_operation_and_a_lost_answer_break_nothing() {
    let left = Budget {
        crashes: 1,
        aborts: 1,
        failures: 1,
        losses: 1,
        ..NOTHING_GOES_WRONG
    };
    check_everything(
        "a crash, an abort, a failure, a lost answer",
        left,
        1_000_000,
    );
}

#[test]
fn an_interrupt_or_an_outage_anywhere_breaks_nothing() {
    let left = Budget {
        crashes: 1,
        failures: 1,
        losses: 1,
        stops: 1,
        ..NOTHING_GOES_WRONG
    };
    check_everything("a crash, a failure, a lost answer, a stop", left, 400_000);
}

#[test]
fn an_abort_beside_a_stranger_breaks_nothing() {
    let left = Budget {
        strangers: 1,
        aborts: 1,
        ..NOTHING_GOES_WRONG
    };
    check_everything("an abort and a stranger's write", left, 400_000);
}

/// Explores a world with a rule broken on purpose: the shortest way to the damage is told.
fn check_caught(wrong: Wrong, left: Budget, invariant: &str) {
    let explored = explore(left, Rules::broken(wrong), LIMIT);
    let caught = explored.counterexample;
    let caught = caught.unwrap_or_else(|| panic!("{wrong:?} is not caught"));
    println!("{wrong:?}: {caught}");
    assert_eq!(caught.broken.invariant, invariant, "{wrong:?}: {caught}");
}

#[test]
fn every_planted_wrong_rule_is_caught_with_a_shortest_counterexample() {
    let none = NOTHING_GOES_WRONG;
    let crash = Budget { crashes: 1, ..none };
    let stranger = Budget {
        strangers: 1,
        ..none
    };
    let loss = Budget {
        losses: 1,
        ..stranger
    };
    for (wrong, left, invariant) in [
        (Wrong::Unfenced, none, "S15"),
        (Wrong::EtagAtLastMoment, none, "S14"),
        (Wrong::Unguarded, stranger, "S15"),
        (Wrong::StaleBodyAgain, loss, "S15"),
        (Wrong::ResumeGuesses, none, "S19"),
        (Wrong::SucceededIsEvidence, none, "S4"),
        (Wrong::RollbackDirectly, none, "S11"),
        (Wrong::SwapDirectly, none, "S11"),
        (Wrong::NotQuiet, crash, "S13"),
        (Wrong::IntentAfterwards, none, "S17"),
        (Wrong::LeaseForever, crash, "L1"),
        (Wrong::EarlySuccess, none, "S4"),
        (Wrong::ReleasesUnproven, none, "S13"),
        (Wrong::AbandonsAfterWrite, stranger, "S13"),
    ] {
        check_caught(wrong, left, invariant);
    }
}

/// What the assumption is worth: fencing at the lease and an etag cannot catch a process that is
/// held up for longer than a lease lives exactly between the two. Azure knows no fencing token.
#[test]
fn a_process_held_up_between_lease_and_write_is_the_risk_that_remains() {
    let rules = Rules {
        held_up: true,
        ..Rules::default()
    };
    let explored = explore(NOTHING_GOES_WRONG, rules, LIMIT);
    let risk = explored.counterexample.expect("the gap is real");
    println!("{risk}");
    assert_eq!(risk.broken.invariant, "S13", "{risk}");
}
