//! Crashes, leases and unfinished runs: what another process finds, and what it makes of it.

use super::*;

#[test]
fn a_lease_in_other_hands_keeps_a_run_out() {
    let lab = lab();
    let other = crate::lease::Lease {
        owner: "bob@there".to_owned(),
        run: "another".to_owned(),
        epoch: 7,
        renewed_unix_ms: lab.fake.unix_millis(),
        ttl_ms: 60_000,
        ..crate::lease::Lease::default()
    };
    lab.fake
        .run(lab.store.put(None, &other))
        .expect("nobody holds it");
    let report = lab.swap();
    assert_eq!((report.exit_code(), report.changed), (8, false));
    assert!(report.reason.contains("bob@there"), "{}", report.reason);
    assert!(lab.fake.azure.borrow().writes.is_empty());
}

#[test]
fn a_lease_whose_holder_died_is_taken_over() {
    let lab = lab();
    let dead = crate::lease::Lease {
        owner: "bob@there".to_owned(),
        run: "another".to_owned(),
        ttl_ms: 60_000,
        ..crate::lease::Lease::default()
    };
    lab.fake
        .run(lab.store.put(None, &dead))
        .expect("nobody holds it");
    assert_eq!(lab.swap().outcome, Outcome::Completed);
}

#[test]
fn an_interrupt_stops_at_a_safe_point_and_the_run_goes_on_later() {
    for at in (5_000..310_000).step_by(23_000) {
        let lab = lab();
        lab.fake.interrupt_at.set(Some(at));
        let stopped = lab.swap();
        assert_eq!(stopped.exit_code(), 130, "at {at}: {}", stopped.reason);
        lab.fake.interrupt_at.set(None);
        let last = Settings {
            start: Start::ResumeLast,
            ..settings()
        };
        let report = lab.swap_with(&last);
        assert_eq!(
            report.outcome,
            Outcome::Completed,
            "at {at}: {}",
            report.reason
        );
        assert_eq!(lab.puts(), [vec![GREEN, BLUE], vec![BLUE]], "at {at}");
        assert_eq!(
            (lab.minimum("green"), lab.minimum("blue")),
            (3, 3),
            "at {at}"
        );
    }
}

#[test]
fn a_crash_after_any_journal_line_ends_as_if_there_had_been_none() {
    for lines in 1.. {
        let lab = lab();
        lab.set_capacity("green", 5);
        if lab.swap_until(&settings(), lines).is_some() {
            assert!(lines > 25, "a swap writes more than {lines} lines");
            return;
        }
        let last = Settings {
            start: Start::ResumeLast,
            ..settings()
        };
        if lab.ended() {
            continue;
        }
        let report = lab.swap_with(&last);
        assert_eq!(
            report.outcome,
            Outcome::Completed,
            "line {lines}: {}",
            report.reason
        );
        assert_eq!(lab.puts(), [vec![GREEN, BLUE], vec![BLUE]], "line {lines}");
        assert_eq!(
            (lab.minimum("green"), lab.minimum("blue")),
            (3, 3),
            "line {lines}"
        );
        assert_eq!(lab.capacity("green"), Some(3), "line {lines}");
    }
}

#[test]
fn a_write_that_someone_undid_while_nobody_looked_is_not_made_again() {
    let mut undone = 0;
    for lines in 1.. {
        let lab = lab();
        if lab.swap_until(&settings(), lines).is_some() {
            assert!(
                undone > 2,
                "the write had landed after {undone} of the lines"
            );
            return;
        }
        // Whatever was under way has ended by then.
        lab.fake.run(
            lab.fake
                .sleep_until(lab.fake.now() + Duration::from_secs(600)),
        );
        if lab.puts() != [vec![GREEN, BLUE]] {
            continue;
        }
        let gateway = &lab.config.target.gateway;
        lab.fake.azure.borrow_mut().edit(gateway, |gateway| {
            let undone = crate::view::pool::with_members(gateway, "pool01", &[GREEN]);
            *gateway = undone.expect("the pool is there");
        });
        let last = Settings {
            start: Start::ResumeLast,
            ..settings()
        };
        let report = lab.swap_with(&last);
        assert_eq!(
            report.outcome,
            Outcome::Parked,
            "line {lines}: {}",
            report.reason
        );
        assert_eq!(lab.puts(), [vec![GREEN, BLUE]], "line {lines}");
        undone += 1;
    }
}

#[test]
fn a_crash_on_the_way_back_still_ends_with_the_old_side() {
    for lines in 20.. {
        let lab = lab();
        lab.fake.azure.borrow_mut().failing.insert(BLUE, 300_000);
        if lab.swap_until(&settings(), lines).is_some() {
            assert!(lines > 30, "a way back writes more than {lines} lines");
            return;
        }
        let last = Settings {
            start: Start::ResumeLast,
            ..settings()
        };
        if lab.ended() {
            continue;
        }
        let report = lab.swap_with(&last);
        let told = (report.outcome, lab.fake.azure.borrow().effective.clone());
        assert_eq!(
            told,
            (Outcome::RolledBack, vec![GREEN]),
            "line {lines}: {}",
            report.reason
        );
    }
}

#[test]
fn an_unfinished_run_keeps_a_new_one_from_beginning() {
    let lab = lab();
    lab.fake.interrupt_at.set(Some(60_000));
    let stopped = lab.swap();
    lab.fake.interrupt_at.set(None);
    let report = lab.swap();
    assert_eq!((report.exit_code(), report.changed), (9, false));
    assert_eq!(
        report.resume,
        Some(format!("turquoise resume {}", stopped.run))
    );
}

#[test]
fn a_rollback_of_an_unfinished_run_brings_the_old_side_back() {
    for (at, puts) in [(15_000, 0), (100_000, 2), (250_000, 4)] {
        let lab = lab();
        lab.fake.interrupt_at.set(Some(at));
        lab.swap();
        lab.fake.interrupt_at.set(None);
        let report = lab.rollback();
        let expected = if puts == 0 {
            Outcome::GateFailed
        } else {
            Outcome::RolledBack
        };
        assert_eq!(report.outcome, expected, "at {at}: {}", report.reason);
        assert_eq!(lab.puts().len(), puts, "at {at}");
        assert_eq!(lab.fake.azure.borrow().effective, [GREEN], "at {at}");
    }
}

/// The run that a process chose to go on with is ended by its last process, which only was frozen,
/// while the lease is waited for: beginning it anew would do what nobody asked for.
#[test]
fn a_run_that_ended_while_its_lease_was_waited_for_is_not_begun_again() {
    let lab = lab();
    assert_eq!(lab.swap().outcome, Outcome::Completed);
    let (id, before) = lab
        .fake
        .run(last_run(&lab.store))
        .expect("the store is in memory")
        .expect("a run has ended");
    let last = Settings {
        start: Start::ResumeLast,
        ..settings()
    };
    let run = lab.with(&last, &lab.store);
    let opening = async {
        let lease = hold(&run, &id).await?;
        open(&run, &id, &lease, Verb::Swap).await.map(drop)
    };
    let told = lab.fake.run(opening).expect_err("the run is over");
    assert_eq!((told.outcome, told.changed), (Outcome::Completed, false));
    let after = lab.fake.run(last_run(&lab.store));
    let (_, after) = after.expect("as above").expect("as above");
    assert_eq!(after.state, before.state);
}

/// Who names the last run after its process died with its last word hears how it ended; a run that
/// another one followed is over.
#[test]
fn the_last_run_named_after_its_end_tells_it() {
    let lab = lab();
    assert_eq!(lab.swap().outcome, Outcome::Completed);
    let last = lab.fake.run(last_run(&lab.store));
    let (id, _) = last
        .expect("the store is in memory")
        .expect("a run has ended");
    let named = Settings {
        start: Start::Resume(id),
        ..settings()
    };
    let told = lab.swap_with(&named);
    assert_eq!((told.outcome, told.changed), (Outcome::Completed, false));
    assert_eq!(lab.swap().outcome, Outcome::Completed);
    assert_eq!(lab.swap_with(&named).outcome, Outcome::Stale);
}

/// A pipeline repeats its command because its machine died after the last line of the journal: the
/// lease still lies there. Swapping back is not what it wants.
#[test]
fn who_repeats_a_swap_that_ended_without_a_word_hears_how_it_ended() {
    let lab = lab();
    let first = lab.swap();
    let (version, mut lease) = lab
        .fake
        .run(LeaseStore::read(&lab.store))
        .expect("the store is in memory")
        .expect("it was held");
    lease.run.clone_from(&first.run);
    let put = LeaseStore::put(&lab.store, Some(&version), &lease);
    lab.fake.run(put).expect("nobody else is there");
    let puts = lab.puts().len();
    let last = Settings {
        start: Start::ResumeLast,
        ..settings()
    };
    let told = lab.swap_with(&last);
    assert_eq!((told.outcome, told.run.as_str()), (Outcome::Completed, ""));
    assert_eq!(lab.puts().len(), puts, "nothing was written");
}

/// The clock was set back between two runs, so that the unfinished one has the older name (F92).
#[test]
fn an_unfinished_run_is_found_behind_a_finished_one_of_a_later_name() {
    let lab = lab();
    lab.fake.interrupt_at.set(Some(60_000));
    let stopped = lab.swap();
    lab.fake.interrupt_at.set(None);
    let later = RunId::begin(lab.fake.unix_millis() + 7_200_000, 1);
    let ended = Record::Ended {
        outcome: Outcome::Completed,
        reason: String::new(),
    };
    let closing = async {
        let (journal, _) = Journal::open(&lab.store, &later).await?;
        journal.write(&lab.fake, 1, ended).await
    };
    lab.fake.run(closing).expect("the store is in memory");
    let found = lab.fake.run(last_run(&lab.store));
    let (id, _) = found.expect("as above").expect("two runs are there");
    assert_eq!(id.to_string(), stopped.run);
}
