//! Configurations taken into use by each gateway instance, and what becomes of older requests.

use super::rig::{BLUE, GREEN, Plan, Rig, SETTLED, VIP, gateway_id, ms, request, requests};
use crate::data_plane::{ClientConnections, CutScope, DrainOn, Knobs, ProbeMode};
use crate::desired::{Desired, Gateway, GatewayRollout};
use crate::event::Event;
use crate::faults::{FaultKind, Sickness};
use crate::ledger::{Attempt, ConnectionClass, RequestClass, Seen};

const SERVED: Attempt = Attempt::Served { status: 200 };

/// Drain 1 s; nothing but removal cuts.
fn gentle() -> Plan {
    Plan {
        knobs: Knobs {
            cut_on_any_put: false,
            drain_on: DrainOn::RemovedOnly,
            ..Knobs::calibrated()
        },
        drain_timeout: ms(1_000),
        ..Plan::default()
    }
}

/// A rig in which request 1 ends with the drain time-out and request 2 just after it.
fn with_two_long_requests(plan: Plan) -> Rig {
    let mut rig = plan.build();
    rig.send(vec![request(1, SETTLED, 51.0), request(2, SETTLED, 52.0)]);
    rig.run_for(ms(20));
    rig
}

#[test]
fn what_a_removed_member_has_may_finish_until_the_drain_time_out_and_is_cut_then() {
    let mut rig = with_two_long_requests(gentle());
    rig.put_pool(&[BLUE], &[]);
    rig.run_for(ms(5_000));
    let cut_at = SETTLED + ms(1_020);
    assert_eq!(rig.attempts(1), [(Some(GREEN), SERVED)]);
    assert_eq!(
        rig.seen(1).1,
        cut_at,
        "a request that ends with it is served"
    );
    assert_eq!(rig.attempts(2), [(Some(GREEN), Attempt::Cut)]);
    assert_eq!(rig.seen(2), (Seen::Reset, cut_at));
    assert_eq!(rig.cuts(), [(cut_at, GREEN, 1)]);
    let executions = &rig.ledgers.instances;
    assert!(
        executions.iter().all(|run| run.status == Some(200)),
        "instances did not notice"
    );
}

#[test]
fn a_kept_member_is_cut_too_with_the_knob_for_any_update() {
    for cut_on_any_put in [false, true] {
        let mut plan = gentle();
        plan.knobs.cut_on_any_put = cut_on_any_put;
        let mut rig = with_two_long_requests(plan);
        rig.put_pool(&[GREEN, BLUE], &[]);
        rig.run_for(ms(5_000));
        let expected = if cut_on_any_put { Attempt::Cut } else { SERVED };
        assert_eq!(
            rig.attempts(2),
            [(Some(GREEN), expected)],
            "{cut_on_any_put}"
        );
    }
}

#[test]
fn a_member_brought_back_in_time_is_not_cut() {
    let mut rig = with_two_long_requests(gentle());
    rig.put_pool(&[BLUE], &[]);
    rig.run_for(ms(500));
    rig.put_pool(&[BLUE, GREEN], &[]);
    rig.run_for(ms(5_000));
    assert_eq!(rig.attempts(2), [(Some(GREEN), SERVED)]);
    assert_eq!(rig.cuts(), []);
}

#[test]
fn an_answer_under_way_is_cut_short_after_its_status() {
    let mut rig = gentle().build();
    let mut long = request(1, SETTLED, 100.0);
    long.class = RequestClass::Long;
    rig.send(vec![long]);
    rig.run_for(ms(20));
    rig.put_pool(&[BLUE], &[]);
    rig.run_for(ms(5_000));
    let (
        Seen::Answer {
            status, complete, ..
        },
        _,
    ) = rig.seen(1)
    else {
        panic!("the status was out after 1,000 ms");
    };
    assert_eq!((status, complete), (200, false));
}

#[test]
fn each_instance_switches_at_its_own_time() {
    let mut rig = Plan {
        gateway_instances: 2,
        ..gentle()
    }
    .build();
    rig.send(requests(1, 1_000, SETTLED, ms(10)));
    rig.put_pool(&[BLUE], &[ms(1_000), ms(4_000)]);
    rig.run_for(ms(11_000));
    for (instance, switch) in [(0, SETTLED + ms(1_000)), (1, SETTLED + ms(4_000))] {
        for entry in rig
            .ledgers
            .gateway
            .iter()
            .filter(|entry| entry.instance == instance)
        {
            let expected = if entry.dispatched < switch {
                (1, GREEN)
            } else {
                (2, BLUE)
            };
            assert_eq!(
                (entry.generation, entry.member),
                (expected.0, Some(expected.1))
            );
        }
    }
    let applied = rig.events_of(|timed| match timed.event {
        Event::GatewayApplied {
            instance,
            generation: 2,
            ..
        } => Some((timed.at, instance)),
        _ => None,
    });
    assert_eq!(
        applied,
        [(SETTLED + ms(1_000), 0), (SETTLED + ms(4_000), 1)]
    );
}

#[test]
fn a_superseded_rollout_is_never_applied() {
    let mut rig = gentle().build();
    rig.put_pool(&[BLUE], &[ms(2_000)]);
    rig.run_for(ms(1_000));
    rig.put_pool(&[GREEN, BLUE], &[ms(2_000)]);
    rig.run_for(ms(10_000));
    let generations = rig.events_of(|timed| match timed.event {
        Event::GatewayApplied { generation, .. } => Some(generation),
        _ => None,
    });
    assert_eq!(generations, [1, 3]);
}

#[test]
fn a_pinned_client_connection_is_served_by_its_own_configuration_while_it_drains() {
    for (pinned, expected) in [
        (ClientConnections::Pinned, [GREEN, GREEN, BLUE]),
        (ClientConnections::Current, [GREEN, BLUE, BLUE]),
    ] {
        let mut plan = gentle();
        plan.knobs.client_connections = pinned;
        let mut rig = plan.build();
        // Before the update, just before half of its drain time-out, and at it.
        let dues = [0, 519, 520].map(|millis| SETTLED + ms(millis));
        let arrivals = (1..).zip(dues).map(|(id, due)| {
            let mut arrival = request(id, due, 1.0);
            arrival.connection = ConnectionClass::Reused;
            arrival
        });
        rig.send(arrivals.collect());
        rig.run_for(ms(20));
        rig.put_pool(&[BLUE], &[]);
        rig.run_for(ms(5_000));
        assert_eq!(rig.dispatches(), expected.map(Some), "{pinned:?}");
    }
}

#[test]
fn a_cookie_reaches_a_removed_member_until_the_drain_time_out() {
    let mut rig = Plan {
        affinity: true,
        ..gentle()
    }
    .build();
    let dues = [0, 1_019, 1_020].map(|millis| SETTLED + ms(millis));
    let mut arrivals: Vec<_> = (1..)
        .zip(dues)
        .map(|(id, due)| request(id, due, 1.0))
        .collect();
    arrivals.push(crate::data_plane::Arrival {
        id: 9,
        client: 5,
        ..arrivals[1]
    });
    arrivals.sort_by_key(|arrival| arrival.due);
    rig.send(arrivals);
    rig.run_for(ms(20));
    rig.put_pool(&[BLUE], &[]);
    rig.run_for(ms(5_000));
    let member = |id| rig.attempts(id)[0].0;
    assert_eq!(
        [1, 2, 3].map(member),
        [Some(GREEN), Some(GREEN), Some(BLUE)]
    );
    assert_eq!(
        member(9),
        Some(BLUE),
        "without the cookie there is no way to it"
    );
}

#[test]
fn an_unhealthy_member_is_drained_only_with_the_knob() {
    for drain_on in [DrainOn::RemovedOnly, DrainOn::RemovedAndUnhealthy] {
        let mut plan = gentle();
        plan.knobs.drain_on = drain_on;
        plan.faults = vec![super::rig::fault(
            SETTLED.as_millis() + 100,
            FaultKind::Sick {
                scale_set: "green".to_owned(),
                percent: 100,
                how: Sickness::Errors,
                for_ms: 60_000,
            },
        )];
        let mut rig = plan.build();
        rig.send(vec![request(1, SETTLED, 500.0)]);
        rig.run_for(ms(20_000));
        let (down, healthy) = rig.member_turns(GREEN)[0];
        assert!(!healthy);
        let expected = match drain_on {
            DrainOn::RemovedOnly => vec![],
            DrainOn::RemovedAndUnhealthy => vec![(down + ms(1_000), GREEN, 1)],
        };
        assert_eq!(rig.cuts(), expected, "{drain_on:?}");
    }
}

#[test]
fn a_stopped_gateway_cuts_and_refuses() {
    let mut rig = with_two_long_requests(gentle());
    let rollout = GatewayRollout {
        id: gateway_id(),
        generation: 2,
        config: std::sync::Arc::new(Gateway::default()),
        apply_at: vec![rig.plane.now],
        running: false,
    };
    rig.wants(Desired::Gateway(rollout));
    rig.send(vec![request(3, SETTLED + ms(30), 1.0)]);
    rig.run_for(ms(2_000));
    assert_eq!(rig.seen(1), (Seen::Reset, SETTLED + ms(20)));
    assert_eq!(rig.seen(3).0, Seen::Refused);
    assert!(
        rig.plane
            .probe_through(rig.plane.now, VIP, "app", "/")
            .answer
            .is_none()
    );
}

#[test]
fn a_live_drive_is_asked_to_cut_what_it_serves_and_reports_it() {
    for (cut_on_any_put, asked) in [(false, vec![GREEN]), (true, vec![GREEN, BLUE])] {
        let mut plan = gentle();
        plan.knobs.cut_on_any_put = cut_on_any_put;
        plan.pool = vec![GREEN, BLUE];
        plan.probes = ProbeMode::External;
        let mut rig = plan.build();
        rig.put_pool(&[BLUE], &[]);
        rig.run_for(ms(999));
        assert_eq!(rig.plane.take_due_cuts(), []);
        rig.run_for(ms(1));
        let cuts = rig.plane.take_due_cuts();
        let members: Vec<_> = cuts.iter().filter_map(|cut| cut.address).collect();
        assert_eq!(members, asked);
        assert!(
            cuts.iter()
                .all(|cut| cut.scope == CutScope::UpToGeneration(1))
        );
        let now = rig.plane.now;
        rig.plane.handle_cut(now, &cuts[0], GREEN, 0);
        rig.plane.handle_cut(now, &cuts[0], GREEN, 3);
        rig.run_for(ms(1));
        assert_eq!(rig.cuts(), [(now, GREEN, 3)]);
    }
}

#[test]
fn surplus_gateway_instances_go_at_once_and_new_ones_listen_once_they_apply() {
    let mut rig = Plan {
        gateway_instances: 2,
        ..gentle()
    }
    .build();
    rig.plan.gateway_instances = 3;
    rig.put_pool(&[GREEN], &[ms(0), ms(0), ms(5_000)]);
    let listening = |rig: &Rig| {
        rig.plane
            .gateway_tables(&gateway_id())
            .iter()
            .map(|table| !table.config.listeners.is_empty())
            .collect::<Vec<_>>()
    };
    rig.run_for(ms(4_999));
    assert_eq!(listening(&rig), [true, true, false]);
    rig.run_for(ms(1));
    assert_eq!(listening(&rig), [true, true, true]);
    rig.plan.gateway_instances = 1;
    rig.put_pool(&[GREEN], &[]);
    assert_eq!(listening(&rig), [true]);
    rig.send(requests(1, 20, rig.plane.now, ms(1)));
    rig.run_for(ms(1_000));
    assert_eq!(rig.statuses(), [200; 20]);
}
