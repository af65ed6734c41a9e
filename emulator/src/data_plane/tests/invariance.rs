//! Results do not depend on how time passes: in one leap or in many small steps.

use std::time::Duration;

use super::rig::{BLUE, GREEN, Plan, Rig, SETTLED, fault, ms, requests};
use crate::data_plane::{Application, Arrival, Knobs, ServiceTime, Shape};
use crate::faults::{FaultKind, Sickness};
use crate::ledger::{ConnectionClass, RequestClass};

/// Mixed traffic at an odd pace, so that little happens at round instants.
fn traffic() -> Vec<Arrival> {
    let mut arrivals = requests(1, 6_000, SETTLED, Duration::from_micros(3_331));
    for arrival in &mut arrivals {
        arrival.client = u32::try_from(arrival.id % 40).expect("below 40");
        if arrival.id % 3 == 0 {
            arrival.connection = ConnectionClass::Reused;
        }
        match arrival.id % 50 {
            0 => (arrival.class, arrival.work) = (RequestClass::Long, 60.0),
            1 => (arrival.class, arrival.upload) = (RequestClass::Upload, ms(1_500)),
            2 => arrival.patience = ms(40),
            3 => (arrival.class, arrival.transfer) = (RequestClass::WebSocket, ms(7_003)),
            4 => (arrival.class, arrival.transfer) = (RequestClass::Download, ms(301)),
            5 => (arrival.class, arrival.connection) = (RequestClass::Job, ConnectionClass::Direct),
            6 => arrival.connection = ConnectionClass::Direct,
            7 | 8 => arrival.connection = ConnectionClass::Multiplexed,
            9..15 => arrival.class = RequestClass::Session,
            _ => {}
        }
    }
    arrivals
}

/// A swap with a sick instance and a killed one, under the pessimistic knobs.
fn run(step: Option<Duration>) -> Rig {
    let knobs = Knobs {
        retry_on_connect_error: true,
        ..Knobs::pessimistic()
    };
    let begin = SETTLED.as_millis();
    let mut rig = Plan {
        knobs,
        application: Application {
            workers: 16,
            service_time: ServiceTime {
                mean: ms(30),
                shape: Shape::Exponential,
            },
            ..Plan::default().application
        },
        gateway_instances: 2,
        instances_per_side: 3,
        request_timeout: ms(900),
        drain_timeout: ms(2_000),
        faults: vec![
            fault(
                begin + 9_003,
                FaultKind::Kill {
                    scale_set: "blue".to_owned(),
                    count: 1,
                },
            ),
            fault(
                begin + 3_001,
                FaultKind::Sick {
                    scale_set: "green".to_owned(),
                    percent: 30,
                    how: Sickness::Hangs,
                    for_ms: 4_000,
                },
            ),
        ],
        ..Plan::default()
    }
    .build();
    rig.send(traffic());
    let pass = |rig: &mut Rig, span: Duration| {
        let end = rig.plane.now + span;
        while let Some(step) = step
            && rig.plane.now + step < end
        {
            rig.run_for(step);
        }
        rig.run_to(end);
    };
    pass(&mut rig, ms(5_000));
    rig.put_pool(&[GREEN, BLUE], &[ms(0), ms(700)]);
    pass(&mut rig, ms(6_000));
    rig.put_pool(&[BLUE], &[ms(300), ms(1_100)]);
    pass(&mut rig, ms(120_000));
    assert!(rig.plane.traffic_is_over());
    rig
}

#[test]
fn small_steps_and_one_leap_give_the_same_ledgers_and_events() {
    let leap = run(None);
    for step in [ms(1_000), Duration::from_micros(7_919)] {
        let steps = run(Some(step));
        assert_eq!(leap.ledgers.clients, steps.ledgers.clients);
        assert_eq!(leap.ledgers.gateway, steps.ledgers.gateway);
        assert_eq!(leap.ledgers.instances, steps.ledgers.instances);
        assert_eq!(leap.events, steps.events);
    }
}

#[test]
fn every_request_ends_once_whatever_befalls_it() {
    let rig = run(None);
    let mut ids: Vec<u64> = rig.ledgers.clients.iter().map(|entry| entry.id).collect();
    ids.sort_unstable();
    assert!(ids.iter().copied().eq(1..=6_000));
    let statuses = rig.statuses();
    let served = statuses.iter().filter(|status| **status == 200).count();
    assert!(served > 5_000, "only {served} were served");
    assert!(served < 6_000, "the faults did nothing");
}
