//! Faults of the network, of start-ups, of a shared dependency and of gateways' probes.

use std::net::Ipv4Addr;

use super::rig::{BLUE, GREEN, Plan, Rig, SETTLED, fault, ms, requests};
use crate::event::Event;
use crate::faults::{FaultKind, Sickness};
use crate::time::Instant;

/// When a machine's application began or ceased to do its work: passes probes, serves.
fn told(rig: &Rig, address: Ipv4Addr) -> Vec<(Instant, bool, bool)> {
    rig.events_of(|timed| match &timed.event {
        Event::InstanceHealth {
            address: own,
            passes_probes,
            serves,
            ..
        } if *own == address => Some((timed.at, *passes_probes, *serves)),
        _ => None,
    })
}

const FIRST_GREEN: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 4);

#[test]
fn an_isolated_gateway_instance_reaches_nobody_and_the_others_do() {
    let isolated = FaultKind::Isolated {
        instance: Some(1),
        address: GREEN,
        for_ms: 10_000,
    };
    let mut rig = Plan {
        gateway_instances: 2,
        faults: vec![fault(SETTLED.as_millis(), isolated)],
        ..Plan::default()
    }
    .build();
    rig.send(requests(1, 40, SETTLED, ms(100)));
    rig.run_for(ms(60_000));
    let lost = rig
        .statuses()
        .iter()
        .filter(|status| **status == 502)
        .count();
    assert!(
        (10..30).contains(&lost),
        "{lost} of 40 came by the isolated instance"
    );
    let turns: Vec<bool> = rig.member_turns(GREEN).iter().map(|turn| turn.1).collect();
    assert_eq!(
        turns,
        [false, true],
        "its own instance alone gives the member up"
    );
}

#[test]
fn a_machine_that_warms_up_slowly_listens_long_before_it_serves() {
    let slow = FaultKind::SlowWarmUp {
        scale_set: "green".to_owned(),
        extra_ms: 9_000,
        for_ms: 100_000,
    };
    let rig = Plan {
        faults: vec![fault(0, slow)],
        ..Plan::default()
    }
    .build();
    let serving = rig.events_of(|timed| match &timed.event {
        Event::InstanceServing { address, .. } if *address == FIRST_GREEN => Some(timed.at),
        _ => None,
    });
    assert_eq!(serving, [Instant::from_millis(5_000)]);
    let healthy = told(&rig, FIRST_GREEN);
    assert_eq!(healthy, [(Instant::from_millis(14_000), true, true)]);
}

#[test]
fn a_shared_dependency_fails_every_other_machine_while_too_many_run() {
    for (machines, all_serve) in [(4, true), (3, false)] {
        let shared = FaultKind::SharedDependency {
            machines,
            for_ms: 10_000,
        };
        let mut rig = Plan {
            faults: vec![fault(SETTLED.as_millis(), shared)],
            ..Plan::default()
        }
        .build();
        rig.send(requests(1, 40, SETTLED + ms(10), ms(100)));
        rig.run_for(ms(5_000));
        let failed = rig
            .statuses()
            .iter()
            .filter(|status| **status == 500)
            .count();
        // The gateway keeps its connection to the balancer, and with it one machine.
        let expected = if all_serve { 0..1 } else { 1..41 };
        assert!(
            expected.contains(&failed),
            "{failed} of 40, {machines} of 4 are borne"
        );
        let second = told(&rig, Ipv4Addr::new(10, 0, 1, 5));
        assert_eq!(second.last().map(|told| told.2), Some(all_serve));
        rig.run_for(ms(10_000));
        let second = told(&rig, Ipv4Addr::new(10, 0, 1, 5));
        assert_eq!(
            second.last().map(|told| told.2),
            Some(true),
            "the fault is over"
        );
    }
}

#[test]
fn a_machine_may_fail_gateways_probes_alone() {
    let sick = FaultKind::Sick {
        scale_set: "green".to_owned(),
        percent: 100,
        how: Sickness::FailsGatewayProbe,
        for_ms: 100_000,
    };
    let mut rig = Plan {
        pool: vec![GREEN, BLUE],
        faults: vec![fault(SETTLED.as_millis(), sick)],
        ..Plan::default()
    }
    .build();
    rig.run_for(ms(10_000));
    let turns: Vec<bool> = rig.member_turns(GREEN).iter().map(|turn| turn.1).collect();
    assert_eq!(turns, [false]);
    assert_eq!(
        told(&rig, FIRST_GREEN).len(),
        1,
        "the machine itself is well"
    );
    let dropped = rig.events_of(|timed| match timed.event {
        Event::BackendHealth { healthy: false, .. } => Some(timed.at),
        _ => None,
    });
    assert_eq!(dropped, [], "no balancer drops it");
}

#[test]
fn an_event_tells_what_a_sickness_does_to_probes_and_to_requests() {
    for (how, expected) in [
        (Sickness::Errors, Some((false, false))),
        (Sickness::ErrorsBehindHealthyProbe, Some((true, false))),
        (Sickness::Refuses, Some((false, false))),
        (Sickness::Hangs, Some((false, false))),
        (Sickness::Slow, None),
    ] {
        let sick = FaultKind::Sick {
            scale_set: "green".to_owned(),
            percent: 100,
            how,
            for_ms: 1_000,
        };
        let mut rig = Plan {
            faults: vec![fault(SETTLED.as_millis(), sick)],
            ..Plan::default()
        }
        .build();
        rig.run_for(ms(2_000));
        let since: Vec<_> = told(&rig, FIRST_GREEN)
            .into_iter()
            .filter(|told| told.0 >= SETTLED)
            .map(|told| (told.1, told.2))
            .collect();
        let both = expected.map(|sick| [sick, (true, true)]);
        assert_eq!(
            since,
            both.into_iter().flatten().collect::<Vec<_>>(),
            "{how:?}"
        );
    }
}
