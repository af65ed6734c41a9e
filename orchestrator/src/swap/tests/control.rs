//! Pausing, going back and going on, from outside and twice.

use std::cell::Cell;

use futures_util::FutureExt;

use super::*;
use crate::control::{Ask, Asked, Request, ask, break_lease};
use crate::swap::{abort, gc, history, resume};

/// Asks the run that drives, when it enters a phase.
struct Asker<'a> {
    store: &'a MemoryStore,
    phase: Phase,
    ask: Ask,
    asked: Cell<bool>,
}

impl Observer for Asker<'_> {
    fn on(&self, at: Instant, progress: &Progress) {
        let entered = matches!(progress, Progress::Entered { phase, .. } if *phase == self.phase);
        if !entered || self.asked.replace(true) {
            return;
        }
        let lease = LeaseStore::read(self.store).now_or_never();
        let (_, lease) = lease
            .expect("a store in memory is always there")
            .expect("it serves")
            .expect("the run holds it");
        let request = Request {
            run: RunId::parse(&lease.run).expect("the holder is a run"),
            ask: self.ask,
            by: "bob@there".to_owned(),
            reason: "errors in the shop".to_owned(),
            unix_ms: at.0,
        };
        let stored = self.store.ask(&request).now_or_never();
        assert_eq!(stored, Some(Ok(())));
    }
}

impl Lab {
    fn swap_asked(&self, phase: Phase, ask: Ask) -> SwapReport {
        let asker = Asker {
            store: &self.store,
            phase,
            ask,
            asked: Cell::new(false),
        };
        let settings = settings();
        let run = Run {
            observer: &asker,
            ..self.with(&settings, &self.store)
        };
        let report = self.fake.run(swap(&run));
        assert!(asker.asked.get(), "{phase} was never entered");
        report
    }

    fn abort(&self) -> SwapReport {
        let settings = settings();
        self.fake.run(abort(&self.with(&settings, &self.store)))
    }

    fn resume(&self) -> SwapReport {
        let settings = Settings {
            start: Start::ResumeLast,
            ..settings()
        };
        self.fake.run(resume(&self.with(&settings, &self.store)))
    }

    fn writes(&self) -> usize {
        self.fake.azure.borrow().writes.len()
    }
}

#[test]
fn a_paused_run_stands_still_until_it_is_resumed() {
    for phase in [
        Phase::P2,
        Phase::P3,
        Phase::P5,
        Phase::P6,
        Phase::P8,
        Phase::P9,
        Phase::P10,
    ] {
        let lab = lab();
        let paused = lab.swap_asked(phase, Ask::Pause);
        assert_eq!(
            paused.outcome,
            Outcome::Paused,
            "{phase}: {}",
            paused.reason
        );
        assert_eq!(paused.exit_code(), 10);
        assert!(
            paused.reason.contains("errors in the shop"),
            "{}",
            paused.reason
        );
        let resumed = lab.resume();
        assert_eq!(
            resumed.outcome,
            Outcome::Completed,
            "{phase}: {}",
            resumed.reason
        );
        assert_eq!(resumed.gateway_puts, 2, "{phase}");
        assert_eq!(lab.resume().outcome, Outcome::NothingToDo, "{phase}");
    }
}

#[test]
fn an_abort_brings_the_old_side_back_from_every_phase_and_twice_is_once() {
    for (phase, outcome, puts) in [
        (Phase::P2, Outcome::GateFailed, 0),
        (Phase::P3, Outcome::GateFailed, 0),
        (Phase::P4, Outcome::RolledBack, 2),
        (Phase::P5, Outcome::RolledBack, 2),
        (Phase::P6, Outcome::RolledBack, 2),
        (Phase::P7, Outcome::RolledBack, 4),
        (Phase::P8, Outcome::RolledBack, 4),
        (Phase::P9, Outcome::RolledBack, 4),
        (Phase::P10, Outcome::RolledBack, 4),
    ] {
        let lab = lab();
        let aborted = lab.swap_asked(phase, Ask::Abort);
        assert_eq!(aborted.outcome, outcome, "{phase}: {}", aborted.reason);
        assert_eq!(aborted.gateway_puts, puts, "{phase}");
        assert_eq!(aborted.pool.arm, [GREEN], "{phase}");
        let before = lab.writes();
        for again in [lab.abort(), lab.rollback()] {
            assert_eq!(
                again.outcome,
                Outcome::NothingToDo,
                "{phase}: {}",
                again.reason
            );
        }
        assert_eq!(lab.writes(), before, "{phase}: the second one wrote");
    }
}

#[test]
fn a_paused_run_can_be_aborted_by_whoever_comes() {
    let lab = lab();
    lab.swap_asked(Phase::P6, Ask::Pause);
    let aborted = lab.abort();
    assert_eq!(aborted.outcome, Outcome::RolledBack, "{}", aborted.reason);
    assert_eq!(aborted.pool.arm, [GREEN]);
}

/// The second rollback used to swap forward again.
#[test]
fn a_second_rollback_has_nothing_to_do() {
    let lab = lab();
    assert_eq!(lab.swap().outcome, Outcome::Completed);
    let first = lab.rollback();
    assert_eq!(first.outcome, Outcome::Completed, "{}", first.reason);
    assert_eq!(first.pool.arm, [GREEN]);
    let before = lab.writes();
    for _ in 0..3 {
        let again = lab.rollback();
        assert_eq!(again.outcome, Outcome::NothingToDo, "{}", again.reason);
    }
    assert_eq!(lab.writes(), before);
    assert_eq!(lab.swap().pool.arm, [BLUE], "a swap still swaps");
}

/// It used to swap the idle side in, whatever that was.
#[test]
fn a_rollback_without_a_run_before_it_writes_nothing() {
    let lab = lab();
    let refused = lab.rollback();
    assert_eq!(refused.outcome, Outcome::Refused, "{}", refused.reason);
    assert!(refused.reason.contains("swap --to"), "{}", refused.reason);
    assert_eq!(lab.writes(), 0);

    let settings = Settings {
        to: Some("blue".to_owned()),
        ..settings()
    };
    let run = lab.with(&settings, &lab.store);
    let named = lab.fake.run(rollback(&run));
    assert_eq!(named.outcome, Outcome::Completed, "{}", named.reason);
    assert_eq!(named.pool.arm, [BLUE]);
}

#[test]
fn a_rollback_that_died_is_gone_on_with_by_the_next_one() {
    for lines in 1..120 {
        let lab = lab();
        assert_eq!(lab.swap().outcome, Outcome::Completed);
        let store = CrashingStore::after(&lab.store, lines);
        let settings = settings();
        let run = lab.with(&settings, &store);
        if lab
            .fake
            .run_until(|| store.crashed(), rollback(&run))
            .is_some()
        {
            assert!(lines > 10, "a rollback writes more than {lines} lines");
            return;
        }
        let mut report = lab.rollback();
        // It died after its last line and before it gave the lease back: its time has to run out.
        if report.outcome == Outcome::LockHeld {
            let over = lab.fake.run(history(&lab.store)).expect("it is in memory");
            assert!(!over[1].open, "{lines}: {}", report.reason);
            let later = Instant(lab.fake.millis() + 61_000);
            lab.fake.run(lab.fake.sleep_until(later));
            report = lab.rollback();
        }
        assert_eq!(report.pool.arm, [GREEN], "{lines}: {}", report.reason);
        assert_eq!(lab.rollback().outcome, Outcome::NothingToDo, "{lines}");
    }
    panic!("a rollback ends within 120 lines");
}

#[test]
fn a_broken_lease_is_free_and_its_holder_parks() {
    let lab = lab();
    let settings = settings();
    let run = lab.with(&settings, &lab.store);
    assert_eq!(lab.fake.run(break_lease(&run, "nobody")), Ok(None));
    let dead = lab.swap_until(&settings, 8);
    assert!(dead.is_none(), "it died holding the lease");
    let broken = lab.fake.run(break_lease(&run, "the agent is gone"));
    let lease = broken.expect("the store serves").expect("someone held it");
    assert_eq!(lease.owner, "ada@here");
    let before = lab.fake.millis();
    let last = Settings {
        start: Start::ResumeLast,
        ..settings.clone()
    };
    let taking = take(&lab.fake, &lab.store, "bob", "2", Duration::from_secs(60));
    assert!(matches!(lab.fake.run(taking), Ok(Taken::Ours(held)) if held.epoch() > lease.epoch));
    assert_eq!(lab.fake.millis(), before, "nobody had to be watched");
    assert_eq!(last.owner, "ada@here");
}

#[test]
fn whom_to_ask_is_told() {
    let lab = lab();
    let settings = settings();
    let run = lab.with(&settings, &lab.store);
    let asked = lab.fake.run(ask(&run, Ask::Pause, ""));
    assert_eq!(asked, Ok(Asked::NothingOpen));
    lab.swap_asked(Phase::P6, Ask::Pause);
    let asked = lab.fake.run(ask(&run, Ask::Pause, ""));
    assert!(matches!(asked, Ok(Asked::NobodyDrives(_))), "{asked:?}");
}

#[test]
fn history_tells_every_run_with_its_end() {
    let lab = lab();
    lab.swap();
    lab.rollback();
    let runs = lab.fake.run(history(&lab.store)).expect("it is in memory");
    let told: Vec<_> = runs
        .iter()
        .map(|run| {
            (
                run.rollback,
                run.gateway_puts,
                run.open,
                run.broken.is_some(),
            )
        })
        .collect();
    assert_eq!(told, [(false, 2, false, false), (true, 2, false, false)]);
    assert_eq!(runs[1].new.as_deref(), Some("green"));
}

#[test]
fn nothing_is_collected_while_a_run_is_unfinished_or_when_nothing_is_left() {
    let lab = lab();
    let settings = settings();
    let run = lab.with(&settings, &lab.store);
    lab.swap_asked(Phase::P6, Ask::Pause);
    assert_eq!(lab.fake.run(gc(&run, false)).outcome, Outcome::Stale);
    lab.resume();
    let before = lab.writes();
    let report = lab.fake.run(gc(&run, false));
    assert_eq!(
        (report.outcome, report.pinned.len()),
        (Outcome::NothingToDo, 0)
    );
    assert_eq!(lab.writes(), before);
}
