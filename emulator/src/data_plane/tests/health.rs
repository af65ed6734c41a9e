//! Probes of balancers and gateways, and what their verdicts do to traffic.

use std::net::Ipv4Addr;

use super::rig::{
    BLUE, GREEN, Plan, Rig, SETTLED, balancer_id, fault, gateway_id, ms, probe, requests,
};
use crate::data_plane::{
    InitialHealth, Knobs, ProbeConnection, ProbeMode, ProbeOutcome, ProbeStateOnConfig, Prober,
};
use crate::desired::Probe;
use crate::event::Event;
use crate::faults::{Fault, FaultKind, Sickness};
use crate::ledger::{Attempt, Fault as Failure};
use crate::reported::{Health, Reported};
use crate::time::Instant;

fn sick(scale_set: &str, percent: u8, how: Sickness, at: Instant, for_ms: u64) -> Fault {
    fault(
        at.as_millis(),
        FaultKind::Sick {
            scale_set: scale_set.to_owned(),
            percent,
            how,
            for_ms,
        },
    )
}

fn backend_turns(rig: &Rig, address: Ipv4Addr) -> Vec<(Instant, bool)> {
    rig.events_of(|timed| match &timed.event {
        Event::BackendHealth {
            address: own,
            healthy,
            ..
        } if *own == address && timed.at >= SETTLED => Some((timed.at, *healthy)),
        _ => None,
    })
}

fn health_of(rig: &Rig, member: Ipv4Addr) -> Option<Health> {
    rig.plane
        .backend_health(&gateway_id())
        .into_iter()
        .find(|row| row.address == member)
        .map(|row| row.health)
}

#[test]
fn a_balancer_drops_an_instance_after_its_threshold_and_takes_it_back_after_its_own() {
    let from = SETTLED + ms(500);
    let mut rig = Plan {
        faults: vec![sick("green", 50, Sickness::Errors, from, 10_000)],
        ..Plan::default()
    }
    .build();
    rig.run_for(ms(30_000));
    let turns = backend_turns(&rig, Ipv4Addr::new(10, 0, 1, 4));
    let [(down, false), (up, true)] = turns[..] else {
        panic!("it turned down and up again, not {turns:?}");
    };
    // The second failed probe and the second good one, one probe a second.
    assert!(
        (1_000..2_100).contains(&down.since(from).as_millis()),
        "{down}"
    );
    assert!(
        (1_000..2_100).contains(&up.since(from + ms(10_000)).as_millis()),
        "{up}"
    );
    assert_eq!(backend_turns(&rig, Ipv4Addr::new(10, 0, 1, 5)), []);
}

#[test]
fn new_flows_avoid_an_instance_that_is_down_and_kept_ones_do_not() {
    let mut rig = Plan {
        faults: vec![sick(
            "green",
            50,
            Sickness::Errors,
            SETTLED + ms(1_000),
            60_000,
        )],
        ..Plan::default()
    }
    .build();
    // Eight at once open eight flows; afterwards one at a time reuses them in turn.
    rig.send(requests(1, 8, SETTLED, ms(0)));
    rig.send(requests(11, 80, SETTLED + ms(20_000), ms(100)));
    rig.run_for(ms(40_000));
    let failed = rig
        .statuses()
        .iter()
        .filter(|status| **status == 500)
        .count();
    assert!(
        failed > 0,
        "kept connections still lead to the sick instance"
    );
    let mut fresh = Plan {
        faults: vec![sick(
            "green",
            50,
            Sickness::Errors,
            SETTLED + ms(1_000),
            60_000,
        )],
        ..Plan::default()
    }
    .build();
    fresh.send(requests(11, 80, SETTLED + ms(20_000), ms(100)));
    fresh.run_for(ms(40_000));
    assert!(fresh.statuses().iter().all(|status| *status == 200));
}

#[test]
fn a_balancer_with_nothing_healthy_is_silent_and_the_gateway_times_out_connecting() {
    let mut rig = Plan {
        knobs: Knobs {
            connect_timeout: ms(3_000),
            ..Knobs::calibrated()
        },
        gateway_probe: probe(20, 1),
        faults: vec![sick("green", 100, Sickness::Errors, SETTLED, 60_000)],
        ..Plan::default()
    }
    .build();
    let due = SETTLED + ms(5_000);
    rig.send(requests(1, 1, due, ms(0)));
    rig.run_for(ms(10_000));
    let failed = Attempt::Failed {
        fault: Failure::ConnectTimeout,
        status: 502,
    };
    assert_eq!(rig.attempts(1), [(Some(GREEN), failed)]);
    assert_eq!(rig.seen(1).1, due + ms(3_000));
    let id = balancer_id("green");
    let health = rig.plane.rule_health(&id, "HTTP");
    assert_eq!(health.len(), 2);
    assert!(health.iter().all(|(_, healthy)| !healthy));
}

#[test]
fn a_gateway_gives_a_member_up_on_the_third_failure_and_one_success_restores_it() {
    let from = SETTLED + ms(500);
    let mut rig = Plan {
        balancer_probe: Probe {
            http: None,
            ..probe(2, 2)
        },
        faults: vec![sick("green", 100, Sickness::Errors, from, 10_000)],
        ..Plan::default()
    }
    .build();
    rig.send(requests(1, 1, from + ms(9_000), ms(0)));
    rig.run_for(ms(30_000));
    let turns = rig.member_turns(GREEN);
    let [(down, false), (up, true)] = turns[..] else {
        panic!("it turned down and up again, not {turns:?}");
    };
    assert!(
        (2_000..3_100).contains(&down.since(from).as_millis()),
        "{down}"
    );
    assert!(
        (0..1_100).contains(&up.since(from + ms(10_000)).as_millis()),
        "{up}"
    );
    assert_eq!(rig.statuses(), [502], "nothing else is in the pool");
}

#[test]
fn a_new_member_gets_traffic_before_its_first_probe_only_with_the_knob() {
    for (initial_health, first) in [
        (InitialHealth::Healthy, 502),
        (InitialHealth::UnhealthyUntilFirstSuccess, 200),
    ] {
        let mut rig = Plan {
            knobs: Knobs {
                initial_health,
                retry_on_connect_error: false,
                ..Knobs::calibrated()
            },
            faults: vec![sick("blue", 100, Sickness::Refuses, SETTLED, 60_000)],
            // The balancer of the new side does not notice within this test.
            balancer_probe: probe(20, 1),
            ..Plan::default()
        }
        .build();
        rig.run_for(ms(100));
        rig.put_pool(&[BLUE, GREEN], &[]);
        rig.send(requests(1, 2, rig.plane.now, ms(1)));
        rig.run_for(ms(10));
        rig.run_for(ms(100));
        let statuses = rig.statuses();
        assert!(
            statuses.contains(&first),
            "{initial_health:?}: {statuses:?}"
        );
        assert_eq!(statuses.contains(&502), first == 502);
    }
}

#[test]
fn an_update_forgets_what_probes_learnt_only_with_the_knob() {
    for (on_config, expected) in [
        (ProbeStateOnConfig::Keep, Health::Up),
        (ProbeStateOnConfig::Reset, Health::Unknown),
    ] {
        let mut plan = Plan::default();
        plan.knobs.probe_state_on_config = on_config;
        let mut rig = plan.build();
        assert_eq!(health_of(&rig, GREEN), Some(Health::Up));
        rig.put_pool(&[GREEN, BLUE], &[]);
        assert_eq!(health_of(&rig, GREEN), Some(expected), "{on_config:?}");
    }
}

#[test]
fn health_is_merged_over_instances_and_a_removed_member_drains() {
    let mut rig = Plan {
        gateway_instances: 2,
        drain_timeout: ms(10_000),
        ..Plan::default()
    }
    .build();
    rig.put_pool(&[GREEN, BLUE], &[ms(0), ms(5_000)]);
    rig.run_for(ms(4_000));
    assert_eq!(health_of(&rig, GREEN), Some(Health::Up));
    assert_eq!(
        health_of(&rig, BLUE),
        Some(Health::Partial),
        "one instance has it"
    );
    rig.run_for(ms(4_000));
    assert_eq!(health_of(&rig, BLUE), Some(Health::Up));
    rig.put_pool(&[BLUE], &[]);
    rig.run_for(ms(9_999));
    assert_eq!(health_of(&rig, GREEN), Some(Health::Draining));
    rig.run_for(ms(1));
    assert_eq!(health_of(&rig, GREEN), None);
    assert_eq!(health_of(&rig, BLUE), Some(Health::Up));
}

/// The share of time a gateway counts a side as down when half its instances fail its probe and
/// the balancer does not see it (F05).
fn share_down(connection: ProbeConnection) -> f64 {
    let mut rig = Plan {
        knobs: Knobs {
            probe_connection: connection,
            ..Knobs::calibrated()
        },
        balancer_probe: Probe {
            http: None,
            ..probe(2, 2)
        },
        faults: vec![sick(
            "green",
            50,
            Sickness::Errors,
            SETTLED,
            u64::MAX / 2_000_000,
        )],
        ..Plan::default()
    }
    .build();
    let span = ms(20_000_000);
    rig.run_for(span);
    let mut turns = rig.member_turns(GREEN);
    turns.push((SETTLED + span, true));
    let down: f64 = turns
        .windows(2)
        .filter(|pair| !pair[0].1)
        .map(|pair| pair[1].0.since(pair[0].0).as_secs_f64())
        .sum();
    down / span.as_secs_f64()
}

#[test]
fn a_half_sick_side_is_marked_down_an_eighth_of_the_time() {
    let share = share_down(ProbeConnection::Fresh);
    assert!((share - 0.125).abs() < 0.015, "down {share} of the time");
}

#[test]
fn a_pinned_probe_sees_one_instance_only() {
    let share = share_down(ProbeConnection::Pinned);
    assert!(
        !(0.001..=0.999).contains(&share),
        "down {share} of the time"
    );
}

#[test]
fn errors_behind_a_healthy_probe_stay_in_the_pool() {
    let mut rig = Plan {
        faults: vec![sick(
            "green",
            100,
            Sickness::ErrorsBehindHealthyProbe,
            SETTLED,
            60_000,
        )],
        ..Plan::default()
    }
    .build();
    rig.send(requests(1, 3, SETTLED + ms(20_000), ms(1)));
    rig.run_for(ms(30_000));
    assert_eq!(rig.statuses(), [500; 3]);
    assert_eq!(rig.member_turns(GREEN), []);
}

#[test]
fn a_drive_that_sends_the_probes_moves_the_same_verdicts() {
    let mut rig = Plan {
        probes: ProbeMode::External,
        instances_per_side: 0,
        ..Plan::default()
    }
    .begin();
    let mut sent = 0;
    let mut answers = [true, false, false, false, true].into_iter();
    for second in 1_u64..=20 {
        let now = Instant::from_millis(second * 1_000);
        rig.run_to(now);
        for due in rig.plane.take_due_probes() {
            assert!(matches!(due.prober, Prober::Gateway { instance: 0, .. }));
            assert_eq!(due.target, (GREEN, 80));
            let Some(good) = answers.next() else { continue };
            let outcome = if good {
                ProbeOutcome::Answered {
                    status: 200,
                    body_matches: true,
                }
            } else {
                ProbeOutcome::TimedOut
            };
            rig.plane.handle_probe_outcome(now, due.id, outcome);
            sent += 1;
        }
    }
    rig.run_for(ms(1));
    let turns = rig.events_of(|timed| match timed.event {
        Event::MemberHealth { healthy, .. } => Some(healthy),
        _ => None,
    });
    assert_eq!((sent, turns), (5, vec![true, false, true]));
    let table = &rig.plane.gateway_tables(&gateway_id())[0];
    assert_eq!(table.targets[0].eligible, [GREEN]);
}
