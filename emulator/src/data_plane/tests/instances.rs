//! Instances boot, serve, fall sick, die and come back.

use super::rig::{BLUE, GREEN, Plan, Rig, SETTLED, at, fault, key, ms, request, requests};
use crate::data_plane::{InstanceState, Knobs};
use crate::desired::Desired;
use crate::event::Event;
use crate::faults::{FaultKind, Sickness};
use crate::ledger::{Attempt, Fault};
use crate::reported::{Power, Reported};
use crate::time::Instant;

fn served_since(rig: &Rig) -> Vec<(Instant, String)> {
    rig.events_of(|timed| match &timed.event {
        Event::InstanceServing { build, .. } => Some((timed.at, build.clone())),
        _ => None,
    })
}

fn stops(rig: &Rig) -> Vec<(u32, u64)> {
    rig.events_of(|timed| match &timed.event {
        Event::InstanceStopped {
            instance,
            in_flight,
            ..
        } => Some((instance.number, *in_flight)),
        _ => None,
    })
}

fn state(rig: &Rig, side: &str, number: u32) -> InstanceState {
    rig.plane
        .instances()
        .iter()
        .find(|view| view.key == key(side, number))
        .expect("it exists")
        .state
}

fn kill(at: Instant, count: u32) -> crate::faults::Fault {
    fault(
        at.as_millis(),
        FaultKind::Kill {
            scale_set: "green".to_owned(),
            count,
        },
    )
}

#[test]
fn an_instance_boots_then_starts_then_serves() {
    let mut rig = Plan::default().build();
    let spec = rig.instance("green", 2, SETTLED + ms(10_000));
    rig.wants(Desired::Instance(spec));
    let cases = [
        (9_999, InstanceState::NotListening, Power::Starting, false),
        (10_000, InstanceState::Refusing, Power::Running, true),
        (14_999, InstanceState::Refusing, Power::Running, true),
        (15_000, InstanceState::Serving, Power::Running, true),
    ];
    for (after, expected, power, provisioned) in cases {
        rig.run_to(SETTLED + ms(after));
        assert_eq!(state(&rig, "green", 2), expected, "after {after} ms");
        let report = rig.plane.instance(&key("green", 2)).expect("it exists");
        assert_eq!((report.power, report.provisioned), (power, provisioned));
    }
    let last = served_since(&rig).pop();
    assert_eq!(last, Some((SETTLED + ms(15_000), "app-green".to_owned())));
}

#[test]
fn a_warming_application_answers_503_until_it_is_ready() {
    let mut plan = Plan {
        pool: vec![GREEN],
        ..Plan::default()
    };
    plan.application.warm_up = ms(60_000);
    plan.balancer_probe.http = None;
    plan.gateway_probe.http = None;
    let mut rig = plan.build();
    rig.send(vec![
        request(1, at(64_999), 1.0),
        request(2, at(65_000), 1.0),
    ]);
    rig.run_to(at(70_000));
    assert_eq!(rig.statuses(), [503, 200]);
}

#[test]
fn a_kill_cuts_what_was_in_flight_and_the_gateway_answers_502() {
    let died = SETTLED + ms(500);
    let mut rig = Plan {
        knobs: Knobs {
            retry_on_connect_error: false,
            ..Knobs::calibrated()
        },
        instances_per_side: 1,
        faults: vec![kill(died, 1)],
        ..Plan::default()
    }
    .build();
    rig.send(vec![
        request(1, SETTLED, 25.0),
        request(2, SETTLED, 26.0),
        request(3, SETTLED, 50.0),
    ]);
    rig.run_for(ms(1_000));
    let failed = Attempt::Failed {
        fault: Fault::Reset,
        status: 502,
    };
    assert_eq!(
        rig.attempts(1),
        [(Some(GREEN), Attempt::Served { status: 200 })]
    );
    assert_eq!(rig.attempts(2), [(Some(GREEN), failed)]);
    assert_eq!(rig.seen(3).1, died);
    assert_eq!(stops(&rig), [(0, 2)]);
    let stopped = rig
        .ledgers
        .instances
        .iter()
        .filter(|run| run.status.is_none());
    assert!(stopped.clone().all(|run| run.ended == died));
    assert_eq!(stopped.count(), 2);
    let report = rig.plane.instance(&key("green", 0)).expect("it exists");
    assert_eq!(report.power, Power::Stopped);
    assert_eq!(rig.plane.in_flight(&key("green", 0)), Some(0));
}

#[test]
fn after_a_kill_the_other_side_may_be_tried() {
    let died = SETTLED + ms(500);
    let mut rig = Plan {
        pool: vec![GREEN, BLUE],
        instances_per_side: 1,
        faults: vec![kill(died, 1)],
        ..Plan::default()
    }
    .build();
    rig.send(vec![request(1, SETTLED, 50.0)]);
    rig.run_for(ms(5_000));
    let served = Attempt::Served { status: 200 };
    let attempts = [
        (Some(GREEN), Attempt::Retried(Fault::Reset)),
        (Some(BLUE), served),
    ];
    assert_eq!(rig.attempts(1), attempts);
    assert_eq!(rig.seen(1).1, died + ms(1_000));
}

#[test]
fn an_execution_nobody_waits_for_still_counts_as_in_flight() {
    let mut rig = Plan {
        instances_per_side: 1,
        ..Plan::default()
    }
    .build();
    let mut left = request(1, SETTLED, 50.0);
    left.patience = ms(100);
    rig.send(vec![left]);
    let in_flight = |rig: &Rig| rig.plane.in_flight(&key("green", 0));
    rig.run_for(ms(500));
    assert_eq!(in_flight(&rig), Some(1));
    rig.run_for(ms(500));
    assert_eq!(in_flight(&rig), Some(0));
}

#[test]
fn a_removed_instance_is_gone_and_may_come_back() {
    let mut rig = Plan {
        instances_per_side: 1,
        ..Plan::default()
    }
    .build();
    let gone = SETTLED + ms(1_000);
    rig.wants(Desired::InstanceGone {
        at: gone,
        key: key("green", 0),
    });
    rig.send(vec![request(1, SETTLED, 500.0), request(2, gone, 1.0)]);
    rig.run_for(ms(1_001));
    assert_eq!(rig.plane.instance(&key("green", 0)), None);
    assert_eq!(stops(&rig), [(0, 1)]);
    rig.run_for(ms(10_000));
    assert_eq!(rig.statuses(), [502, 502]);
    let spec = rig.instance("green", 0, rig.plane.now);
    rig.wants(Desired::Instance(spec));
    rig.run_for(ms(20_000));
    rig.send(vec![request(3, rig.plane.now, 1.0)]);
    rig.run_for(ms(1_000));
    assert_eq!(rig.statuses(), [502, 502, 200]);
}

#[test]
fn a_reimage_ends_one_life_and_begins_another_with_its_image() {
    let mut rig = Plan::default().build();
    let mut spec = rig.instance("green", 0, SETTLED + ms(30_000));
    spec.image = "/images/app-v2".to_owned();
    rig.wants(Desired::Instance(spec));
    assert_eq!(state(&rig, "green", 0), InstanceState::NotListening);
    rig.run_for(ms(60_000));
    assert_eq!(stops(&rig), [(0, 0)]);
    let last = served_since(&rig).pop();
    assert_eq!(last, Some((SETTLED + ms(35_000), "app-v2".to_owned())));
}

#[test]
fn an_instance_is_switched_off_and_on() {
    let mut rig = Plan::default().build();
    for (after, running) in [(1_000, false), (5_000, true)] {
        rig.wants(Desired::InstancePower {
            at: SETTLED + ms(after),
            key: key("green", 1),
            running,
        });
    }
    for (after, expected) in [
        (999, InstanceState::Serving),
        (1_000, InstanceState::NotListening),
        (5_000, InstanceState::Refusing),
        (10_000, InstanceState::Serving),
    ] {
        rig.run_to(SETTLED + ms(after));
        assert_eq!(state(&rig, "green", 1), expected, "after {after} ms");
    }
}

#[test]
fn a_fault_makes_a_share_of_a_scale_set_sick_for_its_time() {
    let mut rig = Plan {
        instances_per_side: 3,
        faults: vec![fault(
            SETTLED.as_millis(),
            FaultKind::Sick {
                scale_set: "GREEN".to_owned(),
                percent: 34,
                how: Sickness::Hangs,
                for_ms: 1_000,
            },
        )],
        ..Plan::default()
    }
    .build();
    let hanging = |rig: &Rig| {
        (0..3)
            .filter(|number| state(rig, "green", *number) == InstanceState::Hanging)
            .collect::<Vec<_>>()
    };
    assert_eq!(hanging(&rig), [0, 1], "34 % of three is rounded up to two");
    rig.run_for(ms(1_000));
    assert!(hanging(&rig).is_empty());
    let hits = rig.events_of(|timed| match &timed.event {
        Event::FaultHit { fault, name } => Some((*fault, name.clone())),
        _ => None,
    });
    assert_eq!(hits, [(0, "sick".to_owned())]);
}

#[test]
fn a_slow_start_delays_instances_started_while_it_is_armed() {
    let mut rig = Plan {
        faults: vec![fault(
            SETTLED.as_millis(),
            FaultKind::SlowStart {
                scale_set: "green".to_owned(),
                extra_ms: 7_000,
                for_ms: 1_000,
            },
        )],
        ..Plan::default()
    }
    .build();
    for (number, boots) in [(2, SETTLED + ms(999)), (3, SETTLED + ms(1_000))] {
        let spec = rig.instance("green", number, boots);
        rig.wants(Desired::Instance(spec));
    }
    rig.run_for(ms(60_000));
    let late: Vec<Instant> = served_since(&rig)[4..].iter().map(|it| it.0).collect();
    assert_eq!(late, [SETTLED + ms(6_000), SETTLED + ms(12_999)]);
}

#[test]
fn the_health_extension_reports_what_it_sees() {
    let mut rig = Plan {
        health_extension: true,
        ..Plan::default()
    }
    .begin();
    let health = |rig: &Rig| {
        let report = rig.plane.instance(&key("green", 0)).expect("it exists");
        report.application_health
    };
    rig.run_to(at(4_999));
    assert_eq!(health(&rig), Some(false));
    rig.run_to(SETTLED);
    assert_eq!(health(&rig), Some(true));
    let plain = Plan::default().build();
    assert_eq!(health(&plain), None);
}

#[test]
fn utilisation_is_the_busy_share_of_all_workers() {
    let mut plan = Plan {
        instances_per_side: 1,
        ..Plan::default()
    };
    plan.application.workers = 4;
    let mut rig = plan.build();
    // 100 requests a second of 20 ms each keep two of four workers busy.
    rig.send(requests(1, 6_000, SETTLED, ms(10)));
    rig.run_for(ms(60_000));
    let now = rig.plane.now;
    let scale_set = key("green", 0).scale_set;
    let busy = rig.plane.utilisation(now, &scale_set, ms(60_000));
    assert!(
        busy.is_some_and(|share| (share - 50.0).abs() < 0.1),
        "{busy:?}"
    );
    let idle = key("blue", 0).scale_set;
    assert_eq!(rig.plane.utilisation(now, &idle, ms(60_000)), Some(0.0));
    let unknown = key("red", 0).scale_set;
    assert_eq!(rig.plane.utilisation(now, &unknown, ms(60_000)), None);
}

#[test]
fn leaving_a_balancers_pool_resets_flows_only_with_the_knob() {
    for (resets, expected) in [(false, 200), (true, 502)] {
        let mut plan = Plan {
            instances_per_side: 1,
            ..Plan::default()
        };
        plan.knobs.removal_resets = resets;
        let mut rig = plan.build();
        rig.send(vec![request(1, SETTLED, 50.0)]);
        rig.run_for(ms(100));
        rig.wants(Desired::InstancePools {
            key: key("green", 0),
            pools: Vec::new(),
        });
        rig.run_for(ms(5_000));
        assert_eq!(rig.statuses(), [expected], "removal_resets: {resets}");
        assert_eq!(
            rig.ledgers.instances[0].status,
            Some(200),
            "it finished its work"
        );
    }
}
