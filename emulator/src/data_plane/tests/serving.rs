//! Requests through gateway, balancer and instance.

use super::rig::{BLUE, GREEN, Plan, SETTLED, at, fault, ms, request, requests};
use crate::data_plane::{Application, Knobs, ServiceTime, Shape};
use crate::faults::{FaultKind, Sickness};
use crate::ledger::{Attempt, ConnectionClass, Fault, Seen};

const SERVED: Attempt = Attempt::Served { status: 200 };

#[test]
fn a_request_is_served_and_all_three_ledgers_say_so() {
    let mut rig = Plan::default().build();
    rig.send(vec![request(1, SETTLED, 1.0)]);
    rig.run_for(ms(1_000));
    let ended = SETTLED + ms(20);
    let build = rig.plane.builds().number("app-green");
    let answer = Seen::Answer {
        status: 200,
        build,
        complete: true,
    };
    assert!(build.is_some());
    assert_eq!(rig.seen(1), (answer, ended));
    assert_eq!(rig.attempts(1), [(Some(GREEN), SERVED)]);
    let execution = rig.ledgers.instances[0];
    assert_eq!((execution.id, execution.status), (1, Some(200)));
    assert_eq!((execution.started, execution.ended), (SETTLED, ended));
    assert!(rig.plane.traffic_is_over());
}

#[test]
fn members_take_turns_whatever_the_size_of_their_sides() {
    let plan = Plan {
        pool: vec![GREEN, BLUE],
        ..Plan::default()
    };
    let mut rig = plan.build();
    rig.send(requests(1, 6, SETTLED, ms(1)));
    rig.run_for(ms(1_000));
    assert_eq!(rig.dispatches(), [Some(GREEN), Some(BLUE)].repeat(3));
}

#[test]
fn each_gateway_instance_takes_its_own_turns() {
    let plan = Plan {
        gateway_instances: 2,
        pool: vec![GREEN, BLUE],
        ..Plan::default()
    };
    let mut rig = plan.build();
    rig.send(requests(1, 200, SETTLED, ms(1)));
    rig.run_for(ms(2_000));
    for instance in 0..2 {
        let members: Vec<_> = rig
            .ledgers
            .gateway
            .iter()
            .filter(|entry| entry.instance == instance)
            .map(|entry| entry.member)
            .collect();
        assert!(
            members.len() > 60,
            "instance {instance} got {}",
            members.len()
        );
        assert!(members.windows(2).all(|pair| pair[0] != pair[1]));
    }
}

#[test]
fn a_cookie_keeps_a_client_on_its_side() {
    let plan = Plan {
        affinity: true,
        pool: vec![GREEN, BLUE],
        ..Plan::default()
    };
    let mut rig = plan.build();
    let mut arrivals = requests(1, 12, SETTLED, ms(1));
    for (arrival, client) in arrivals.iter_mut().zip([0, 1, 2].into_iter().cycle()) {
        arrival.client = client;
    }
    rig.send(arrivals);
    rig.run_for(ms(1_000));
    let dispatches = rig.dispatches();
    assert_eq!(&dispatches[..2], [Some(GREEN), Some(BLUE)]);
    assert!((3..12).all(|turn| dispatches[turn] == dispatches[turn % 3]));
}

#[test]
fn an_empty_pool_is_a_502_with_a_reason() {
    let plan = Plan {
        pool: Vec::new(),
        ..Plan::default()
    };
    let mut rig = plan.build();
    rig.send(vec![request(1, SETTLED, 1.0)]);
    rig.run_for(ms(1));
    let outcome = Attempt::Failed {
        fault: Fault::NoHealthyMember,
        status: 502,
    };
    assert_eq!(rig.attempts(1), [(None, outcome)]);
    assert_eq!(rig.statuses(), [502]);
}

#[test]
fn without_a_gateway_the_connection_is_refused() {
    let mut rig = Plan::default().build();
    rig.wants(crate::desired::Desired::GatewayGone(
        super::rig::gateway_id(),
    ));
    rig.send(vec![request(1, SETTLED, 1.0)]);
    rig.run_for(ms(1));
    assert_eq!(rig.seen(1), (Seen::Refused, SETTLED));
    assert!(rig.ledgers.gateway.is_empty());
}

#[test]
fn a_request_that_takes_too_long_is_tried_on_the_other_side_and_then_504() {
    let plan = Plan {
        pool: vec![GREEN, BLUE],
        request_timeout: ms(500),
        ..Plan::default()
    };
    let mut rig = plan.build();
    rig.send(vec![request(1, SETTLED, 25.0), request(2, SETTLED, 26.0)]);
    rig.run_for(ms(3_000));
    assert_eq!(rig.attempts(1), [(Some(GREEN), SERVED)]);
    let timeout = Fault::RequestTimeout;
    let failed = Attempt::Failed {
        fault: timeout,
        status: 504,
    };
    let attempts = [
        (Some(BLUE), Attempt::Retried(timeout)),
        (Some(GREEN), failed),
    ];
    assert_eq!(rig.attempts(2), attempts);
    assert_eq!(rig.seen(2).1, SETTLED + ms(1_000));
    let executions = rig.ledgers.instances.iter().filter(|run| run.id == 2);
    assert_eq!(executions.count(), 2, "both sides executed it to its end");
}

#[test]
fn a_client_without_patience_leaves_and_its_request_runs_on() {
    let mut rig = Plan::default().build();
    let mut hasty = request(1, SETTLED, 50.0);
    hasty.patience = ms(999);
    let mut patient = request(2, SETTLED, 50.0);
    patient.patience = ms(1_000);
    rig.send(vec![hasty, patient]);
    rig.run_for(ms(2_000));
    assert_eq!(rig.seen(1), (Seen::TimedOut, SETTLED + ms(999)));
    assert_eq!(rig.attempts(1), [(Some(GREEN), Attempt::ClientGone)]);
    assert_eq!(rig.attempts(2), [(Some(GREEN), SERVED)]);
    assert!(
        rig.ledgers
            .instances
            .iter()
            .all(|run| run.status == Some(200))
    );
}

#[test]
fn a_full_queue_answers_503() {
    let plan = Plan {
        instances_per_side: 1,
        application: Application {
            workers: 1,
            queue: 1,
            ..Plan::default().application
        },
        ..Plan::default()
    };
    let mut rig = plan.build();
    rig.send(requests(1, 3, SETTLED, ms(1)));
    rig.run_for(ms(1_000));
    assert_eq!(rig.statuses(), [200, 200, 503]);
}

#[test]
fn a_refusing_instance_is_retried_only_with_the_knob() {
    for (retry, expected) in [(true, vec![200; 4]), (false, vec![502, 200, 502, 200])] {
        let plan = Plan {
            knobs: Knobs {
                retry_on_connect_error: retry,
                ..Knobs::calibrated()
            },
            pool: vec![GREEN, BLUE],
            faults: vec![fault(
                SETTLED.as_millis() + 100,
                FaultKind::Sick {
                    scale_set: "Green".to_owned(),
                    percent: 100,
                    how: Sickness::Refuses,
                    for_ms: 60_000,
                },
            )],
            ..Plan::default()
        };
        let mut rig = plan.build();
        rig.send(requests(1, 4, SETTLED + ms(101), ms(1)));
        rig.run_for(ms(200));
        assert_eq!(rig.statuses(), expected, "retry_on_connect_error: {retry}");
    }
}

#[test]
fn an_application_that_closes_idle_connections_early_races_the_gateway() {
    let plan = Plan {
        instances_per_side: 1,
        knobs: Knobs {
            retry_on_connect_error: false,
            ..Knobs::calibrated()
        },
        application: Application {
            keep_alive: ms(5_000),
            ..Plan::default().application
        },
        ..Plan::default()
    };
    let mut rig = plan.build();
    // Served by 20 ms, so that the connection idles for 4,999, exactly 5,000 and 5,001 ms.
    let dues = [0, 5_019, 10_039, 15_059, 20_080].map(|millis| SETTLED + ms(millis));
    let arrivals = (1..).zip(dues).map(|(id, due)| request(id, due, 1.0));
    rig.send(arrivals.collect());
    rig.run_for(ms(30_000));
    assert_eq!(rig.statuses(), [200, 200, 502, 200, 200]);
}

#[test]
fn kept_connections_pin_traffic_to_the_instances_they_were_opened_to() {
    let mut rig = Plan {
        instances_per_side: 1,
        ..Plan::default()
    }
    .build();
    rig.send(requests(1, 2_000, SETTLED, ms(10)));
    rig.run_for(ms(100));
    let joins = rig.instance("green", 1, rig.plane.now);
    let address = joins.address;
    rig.wants(crate::desired::Desired::Instance(joins));
    rig.run_for(ms(30_000));
    let reached = rig
        .ledgers
        .instances
        .iter()
        .any(|run| run.address == address);
    assert!(!reached, "no new connection was needed, so none reached it");
}

#[test]
fn a_reused_connection_keeps_its_gateway_instance() {
    let plan = Plan {
        gateway_instances: 4,
        ..Plan::default()
    };
    let mut rig = plan.build();
    let mut arrivals = requests(1, 40, SETTLED, ms(10));
    for arrival in &mut arrivals {
        arrival.client = 3;
        arrival.connection = ConnectionClass::Reused;
    }
    rig.send(arrivals);
    rig.run_for(ms(2_000));
    let first = rig.ledgers.gateway[0].instance;
    assert!(
        rig.ledgers
            .gateway
            .iter()
            .all(|entry| entry.instance == first)
    );
}

#[test]
fn the_orchestrators_own_request_sees_the_side_in_turn() {
    let plan = Plan {
        pool: vec![GREEN, BLUE],
        ..Plan::default()
    };
    let mut rig = plan.build();
    let builds: Vec<_> = (0..4)
        .filter_map(|_| {
            let through = rig
                .plane
                .probe_through(SETTLED, super::rig::VIP, "app", "/");
            let answer = through.answer?;
            assert_eq!((answer.status, through.took), (200, ms(20)));
            rig.plane.builds().name(answer.build?).map(str::to_owned)
        })
        .collect();
    assert_eq!(builds, ["app-green", "app-blue", "app-green", "app-blue"]);
    let health = rig
        .plane
        .probe_through(SETTLED, super::rig::VIP, "app", "/health");
    assert_eq!(health.took, ms(2));
    assert!(rig.ledgers.instances.is_empty(), "it is in no ledger");
}

#[test]
fn service_times_follow_erlang_c() {
    // M/M/4 at utilisation 0.8: 320 requests a second, 10 ms each.
    let plan = Plan {
        instances_per_side: 1,
        application: Application {
            workers: 4,
            queue: u32::MAX,
            service_time: ServiceTime {
                mean: ms(10),
                shape: Shape::Exponential,
            },
            ..Plan::default().application
        },
        ..Plan::default()
    };
    let mut rig = plan.build();
    let gaps = ServiceTime {
        mean: std::time::Duration::from_micros(3_125),
        shape: Shape::Exponential,
    };
    let mut due = SETTLED;
    let arrivals: Vec<_> = (1..=400_000)
        .map(|id| {
            due = due + gaps.draw(crate::Seed::new(11).at(id), 1.0);
            request(id, due, 1.0)
        })
        .collect();
    let end = due + ms(10_000);
    rig.send(arrivals);
    rig.run_to(end);
    let entries = &rig.ledgers.clients;
    let total: f64 = entries
        .iter()
        .map(|entry| entry.ended.since(entry.due).as_secs_f64())
        .sum();
    let mean_ms = total / 400_000.0 * 1e3;
    // Erlang C for 4 servers and 3.2 Erlang is 0.5964; the mean wait is 0.5964 * 10 / (4 * 0.2).
    let theory_ms = 10.0 + 0.5964 * 10.0 / (4.0 * 0.2);
    assert_eq!(entries.len(), 400_000);
    assert!(
        (mean_ms - theory_ms).abs() < 0.03 * theory_ms,
        "mean {mean_ms} ms, theory {theory_ms} ms"
    );
    assert_eq!(at(0), crate::Instant::ZERO);
}
