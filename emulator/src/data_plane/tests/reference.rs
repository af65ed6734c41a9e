//! The one-pass traffic against the event-heap model, request by request.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::rig::{BLUE, GREEN, Plan, Rig, SETTLED, fault, gateway_id, ms, request};
use crate::data_plane::traffic::reference::{Given, Model};
use crate::data_plane::{
    Application, Arrival, BalancerTable, DrainOn, InstanceView, Knobs, ServiceTime, Shape,
};
use crate::faults::FaultKind;
use crate::ledger::{ConnectionClass, Ledgers};
use crate::seed::Seed;

/// Random traffic: some impatient, some heavy, some uploads, on new and kept connections.
fn traffic(seed: Seed, count: u64, gap: Duration) -> Vec<Arrival> {
    let gaps = ServiceTime {
        mean: gap,
        shape: Shape::Exponential,
    };
    let mut due = SETTLED;
    (1..=count)
        .map(|id| {
            let own = seed.at(id);
            due = due + gaps.draw(own.child("gap"), 1.0);
            let mut arrival = request(id, due, 1.0);
            arrival.client = u32::try_from(own.child("client").below(30)).expect("below 30");
            if own.child("reused").unit() < 0.5 {
                arrival.connection = ConnectionClass::Reused;
            }
            match own.child("kind").below(40) {
                0 => arrival.work = 30.0,
                1 => arrival.upload = ms(300),
                2 => arrival.patience = ms(150),
                _ => {}
            }
            arrival
        })
        .collect()
}

fn run_fast(seed: u64) -> (Rig, Vec<Arrival>, Vec<InstanceView>) {
    let draw = Seed::new(seed).child("reference");
    let begin = SETTLED.as_millis();
    let knobs = Knobs {
        retry_on_connect_error: draw.child("retry").unit() < 0.5,
        retry_on_timeout: draw.child("retry timeouts").unit() < 0.8,
        connect_timeout: ms(1_000),
        drain_on: DrainOn::RemovedOnly,
        cut_on_any_put: false,
        client_connections: crate::data_plane::ClientConnections::Current,
        backend_idle: ms(700),
        ..Knobs::calibrated()
    };
    let mut rig = Plan {
        knobs,
        application: Application {
            workers: 2 + u32::try_from(draw.child("workers").below(3)).expect("below 3"),
            queue: 6,
            service_time: ServiceTime {
                mean: ms(20),
                shape: Shape::Exponential,
            },
            ..Plan::default().application
        },
        gateway_instances: 2,
        instances_per_side: 3,
        request_timeout: ms(400),
        drain_timeout: ms(300),
        faults: vec![fault(
            begin + 2_000 + draw.child("kill").below(5_000),
            FaultKind::Kill {
                scale_set: "green".to_owned(),
                count: 2,
            },
        )],
        ..Plan::default()
    }
    .build();
    let instances = rig
        .plane
        .instances()
        .iter()
        .map(|view| InstanceView::clone(view))
        .collect();
    let arrivals = traffic(draw.child("traffic"), 4_000, Duration::from_micros(2_500));
    rig.send(arrivals.clone());
    rig.run_for(ms(1_500));
    rig.put_pool(&[GREEN, BLUE], &[ms(100), ms(900)]);
    rig.run_for(ms(6_000));
    rig.put_pool(&[BLUE], &[ms(50), ms(250)]);
    rig.run_for(ms(60_000));
    (rig, arrivals, instances)
}

fn given(rig: &Rig, arrivals: Vec<Arrival>, instances: Vec<InstanceView>) -> Given {
    let unknown = |table: &BalancerTable| {
        let mut table = table.clone();
        table.rules[0].healthy.clear();
        table
    };
    let slot = rig.plane.network.gateway(&gateway_id()).expect("it exists");
    let state = rig.plane.network.gateways[slot]
        .as_ref()
        .expect("it exists");
    let sources: Vec<Ipv4Addr> = state.instances.iter().map(|it| it.source).collect();
    Given {
        knobs: rig.plan.knobs.clone(),
        arrivals,
        sources,
        balancers: rig
            .plane
            .balancer_tables()
            .iter()
            .map(|table| unknown(table))
            .collect(),
        instances,
        events: rig.events.clone(),
        request_timeout: rig.plan.request_timeout,
        drain_timeout: rig.plan.drain_timeout,
    }
}

fn sorted(mut ledgers: Ledgers) -> Ledgers {
    ledgers.clients.sort_by_key(|entry| (entry.ended, entry.id));
    ledgers
        .gateway
        .sort_by_key(|entry| (entry.ended, entry.id, entry.dispatched, entry.attempt));
    ledgers
        .instances
        .sort_by_key(|entry| (entry.ended, entry.id, entry.started));
    ledgers
}

fn first_difference<T: PartialEq + std::fmt::Debug>(fast: &[T], model: &[T]) -> Option<String> {
    let differ = fast.iter().zip(model).position(|(a, b)| a != b);
    match differ {
        Some(index) => Some(format!(
            "entry {index}: fast {:?}, model {:?}",
            fast[index], model[index]
        )),
        None if fast.len() == model.len() => None,
        None => Some(format!("{} entries, model {}", fast.len(), model.len())),
    }
}

#[test]
fn every_entry_is_what_the_event_heap_says() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..12 {
        let (rig, arrivals, instances) = run_fast(seed);
        let model = Model::run(&rig.plane.traffic, given(&rig, arrivals, instances));
        let (fast, model) = (sorted(rig.ledgers.clone()), sorted(model));
        let differences = [
            first_difference(&fast.gateway, &model.gateway),
            first_difference(&fast.clients, &model.clients),
            first_difference(&fast.instances, &model.instances),
        ];
        assert_eq!(differences, [None, None, None], "seed {seed}");
        assert_eq!(fast.clients.len(), 4_000);
        kinds.extend(
            fast.gateway
                .iter()
                .map(|entry| format!("{:?}", entry.outcome)),
        );
    }
    for kind in [
        "Served { status: 200 }",
        "Served { status: 503 }",
        "Retried(Reset)",
        "Retried(RequestTimeout)",
        "Cut",
        "ClientGone",
        "Failed { fault: ConnectTimeout, status: 502 }",
        "Failed { fault: RequestTimeout, status: 504 }",
    ] {
        assert!(kinds.contains(kind), "no run came to {kind}: {kinds:?}");
    }
}
