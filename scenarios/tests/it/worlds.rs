//! Worlds with more than one undisturbed process: crashes, other orchestrators, people, stores.

use turquoise_emulator::faults::{FaultKind, Matches};
use turquoise_scenarios::generate;
use turquoise_scenarios::observation::{Ending, Outcome, Role};
use turquoise_scenarios::run::{Level, Ran, Runner};
use turquoise_scenarios::scenario::{
    Act, Actor, ClockJump, Crash, Effect, Goal, Identity, Order, Outage, Pause, Point, Scenario,
    Second, StorageFault, StorageTrouble, Stored, Verb, Want,
};
use turquoise_scenarios::subject::Subject;

fn run(scenario: &Scenario) -> Ran {
    let ran = Runner::default().run(Level::Core, Subject::Turquoise, scenario);
    ran.unwrap_or_else(|error| panic!("{error}"))
}

fn describe(ran: &Ran) -> String {
    let record = &ran.observation.record;
    format!(
        "{:?}\nhappened {:?}\norders {:?}\nlast {:?}\ntwin {:?}\nviolations {:#?}",
        record.processes,
        record.happened,
        record.orders,
        record.last,
        record.twin,
        ran.verdict.violations
    )
}

#[track_caller]
fn holds(ran: &Ran, outcome: Outcome) {
    let end = ran.observation.end.map(|end| end.outcome);
    assert_eq!(end, Some(outcome), "{}", describe(ran));
    assert!(ran.verdict.holds(), "{}", describe(ran));
}

fn with(edit: impl FnOnce(&mut Scenario)) -> Scenario {
    let mut scenario = generate::calm(1);
    edit(&mut scenario);
    scenario
}

fn effect(effect: Effect, ordinal: u32) -> Point {
    Point::Effect { effect, ordinal }
}

fn crash(at: Point, then: Verb) -> Crash {
    Crash {
        orchestrator: 0,
        at,
        down_ms: 30_000,
        then: Some(then),
    }
}

fn actor(at_ms: u64, act: Act) -> Actor {
    Actor { at_ms, act }
}

#[test]
fn a_crash_at_any_kind_of_effect_is_resumed_to_the_twins_end() {
    for kind in Effect::ALL {
        for verb in [Verb::Resume, Verb::ResumeLast] {
            let scenario = with(|s| s.crashes.push(crash(effect(kind, 2), verb)));
            let ran = run(&scenario);
            holds(&ran, Outcome::Completed);
            let record = &ran.observation.record;
            assert!(record.crashed_at(kind), "{}", describe(&ran));
            let twin = record.twin.as_ref().expect("it has crashes");
            assert_eq!(twin.last.pool, record.last.pool);
            assert_eq!(twin.last.autoscale_minimum, record.last.autoscale_minimum);
        }
    }
}

#[test]
fn several_crashes_hit_one_process_after_the_other() {
    let ran = run(&with(|s| {
        s.crashes
            .push(crash(effect(Effect::JournalAfter, 4), Verb::Resume));
        s.crashes
            .push(crash(effect(Effect::ArmAfter, 9), Verb::ResumeLast));
        s.crashes
            .push(crash(Point::Time { at_ms: 400_000 }, Verb::Resume));
    }));
    holds(&ran, Outcome::Completed);
    let endings = ran.observation.record.processes.iter().map(|p| p.ending);
    let crashed = endings.filter(|ending| matches!(ending, Ending::Crashed(_)));
    assert_eq!(crashed.count(), 3, "{}", describe(&ran));
}

#[test]
fn a_second_orchestrator_with_the_same_store_is_turned_away() {
    for to in [Goal::New, Goal::Old, Goal::Idle] {
        let second = Second {
            to,
            shares_stores: true,
            verb: Verb::Swap,
        };
        let scenario = with(|s| {
            s.storage.latency_ms = 10;
            s.actors.push(actor(20_000, Act::Orchestrator(second)));
        });
        let ran = run(&scenario);
        holds(&ran, Outcome::Completed);
        let second = &ran.observation.record.processes[1];
        assert_eq!(second.claim().map(|end| end.exit_code), Some(8), "{to:?}");
    }
}

#[test]
fn an_order_is_obeyed_and_what_was_stopped_is_taken_up() {
    for (want, outcome) in [
        (
            Want::Interrupt {
                resume_after_ms: Some(60_000),
            },
            Outcome::Completed,
        ),
        (Want::Abort, Outcome::RolledBack),
        (Want::Rollback, Outcome::RolledBack),
    ] {
        let ran = run(&with(|s| {
            s.orders.push(Order {
                at_ms: 150_000,
                want,
            })
        }));
        holds(&ran, outcome);
        assert_eq!(ran.observation.record.orders.len(), 1);
    }
}

#[test]
fn a_frozen_process_finds_out_that_it_lost_the_lease() {
    let second = Second {
        to: Goal::New,
        shares_stores: true,
        verb: Verb::ResumeLast,
    };
    let ran = run(&with(|s| {
        s.pauses.push(Pause {
            orchestrator: 0,
            at: effect(Effect::WriteBefore, 2),
            for_ms: 900_000,
        });
        s.actors.push(actor(400_000, Act::Orchestrator(second)));
    }));
    assert!(ran.verdict.holds(), "{}", describe(&ran));
    assert!(ran.observation.record.has("pause"), "{}", describe(&ran));
}

#[test]
fn actors_act_and_their_troubles_are_their_own() {
    for act in [
        Act::OtherTeamPut {
            pool: "team".to_owned(),
        },
        Act::TagWrite {
            value: "1".to_owned(),
        },
        Act::PlatformUpgrade { for_ms: 900_000 },
        Act::LockAdded { for_ms: 120_000 },
        Act::RoleRemoved { for_ms: 120_000 },
        Act::AutoscaleEdit {
            side: Role::New,
            minimum: 1,
            maximum: 10,
        },
        Act::PersonRemovesNew,
        Act::TerraformReapply,
    ] {
        let name = act.name();
        let ran = run(&with(|s| s.actors.push(actor(100_000, act))));
        assert!(ran.observation.record.has(name), "{name}");
        assert!(ran.verdict.holds(), "{name}: {}", describe(&ran));
    }
}

#[test]
fn a_store_that_fails_for_a_while_costs_no_request() {
    let of = Stored::Journal;
    for trouble in [
        StorageTrouble::Unavailable { of, for_ms: 20_000 },
        StorageTrouble::AppendConflict { count: 1 },
        StorageTrouble::ReplyLost { of, count: 1 },
        StorageTrouble::Unavailable {
            of: Stored::Lease,
            for_ms: 20_000,
        },
        StorageTrouble::ReplyLost {
            of: Stored::Lease,
            count: 1,
        },
        StorageTrouble::StaleLeaseRead { for_ms: 200_000 },
    ] {
        let fault = StorageFault {
            at_ms: 60_000,
            trouble,
        };
        let ran = run(&with(|s| s.storage.faults.push(fault)));
        assert!(ran.verdict.holds(), "{trouble:?}: {}", describe(&ran));
    }
}

#[test]
fn tokens_end_and_are_renewed() {
    let identities = [
        Identity {
            ttl_ms: Some(60_000),
            ..Identity::default()
        },
        Identity {
            revoked_at_ms: vec![100_000],
            ..Identity::default()
        },
        Identity {
            ttl_ms: Some(60_000),
            outages: vec![Outage {
                at_ms: 100_000,
                for_ms: 30_000,
            }],
            ..Identity::default()
        },
    ];
    for identity in identities {
        let ran = run(&with(|s| s.identity = identity.clone()));
        holds(&ran, Outcome::Completed);
    }
}

#[test]
fn the_wall_clock_may_jump() {
    for by_ms in [-7_200_000, 7_200_000] {
        let ran = run(&with(|s| {
            s.clocks.jumps.push(ClockJump {
                at_ms: 100_000,
                by_ms,
            });
        }));
        holds(&ran, Outcome::Completed);
    }
}

#[test]
fn each_new_fault_of_the_cloud_hits() {
    let gateway = |method: &str| Matches {
        method: method.to_owned(),
        path: "applicationGateways".to_owned(),
    };
    for kind in [
        FaultKind::Outage { for_ms: 60_000 },
        FaultKind::StaleRead {
            on: gateway("GET"),
            lag_ms: 60_000,
            for_ms: 600_000,
        },
        FaultKind::BareAnswer {
            on: gateway("PUT"),
            count: 2,
        },
        FaultKind::FailApplied {
            code: "InternalServerError".to_owned(),
            instances: 1,
            count: 1,
        },
        FaultKind::PlatformUpgrade { for_ms: 900_000 },
        FaultKind::ThrottleStorm {
            on: gateway("PUT"),
            retry_after: turquoise_emulator::faults::RetryAfter::Date { seconds: 20 },
            for_ms: 600_000,
        },
    ] {
        let name = kind.name();
        let ran = run(&with(|s| {
            s.faults
                .push(turquoise_emulator::faults::Fault { at_ms: 0, kind });
        }));
        assert!(ran.verdict.holds(), "{name}: {}", describe(&ran));
        let hit = ran.observation.events.iter().any(|timed| {
            matches!(&timed.event, turquoise_emulator::Event::FaultHit { name: n, .. } if n == name)
        });
        assert!(hit, "{name}");
    }
}
