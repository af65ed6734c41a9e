//! Clients of every class, as the gateway and the instances meet them.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::rig::{BLUE, GREEN, Plan, Rig, SETTLED, ms, request, requests};
use crate::data_plane::{Arrival, Arrivals, Flaws, Goaway, Mixture};
use crate::ledger::{ConnectionClass, Contract, RequestClass, RequestId, Seen};
use crate::time::Instant;

/// Pages that each ask for one file of the build that rendered them, 10 ms after they came.
#[derive(Clone, Debug)]
struct Pages(std::vec::IntoIter<Arrival>);

impl Arrivals for Pages {
    fn next(&mut self) -> Option<Arrival> {
        Iterator::next(&mut self.0)
    }

    fn after(&mut self, request: &Arrival, ended: Instant, seen: Seen) -> Option<Arrival> {
        let Seen::Answer { build, .. } = seen else {
            return None;
        };
        Some(Arrival {
            id: request.id + 1,
            class: RequestClass::Asset,
            origin: build,
            due: ended + ms(10),
            follows: request.follows - 1,
            ..*request
        })
    }
}

fn both_sides() -> Rig {
    let plan = Plan {
        pool: vec![GREEN, BLUE],
        ..Plan::default()
    };
    plan.build()
}

fn of_class(class: RequestClass, count: u64, gap: Duration) -> Vec<Arrival> {
    let mut arrivals = requests(1, count, SETTLED, gap);
    for arrival in &mut arrivals {
        arrival.class = class;
    }
    arrivals
}

fn contracts(rig: &Rig) -> Vec<(RequestId, Contract)> {
    let broken = rig.ledgers.clients.iter();
    broken
        .filter(|entry| entry.contract != Contract::Kept)
        .map(|entry| (entry.id, entry.contract))
        .collect()
}

#[test]
fn a_page_is_followed_by_its_file_once() {
    let mut rig = both_sides();
    let mut pages = of_class(RequestClass::Page, 20, ms(100));
    for page in &mut pages {
        (page.id, page.follows) = (page.id * 2, 1);
    }
    let source = Box::new(Pages(pages.into_iter()));
    rig.plane.set_traffic(super::rig::VIP, "app", source);
    rig.run_for(ms(10_000));
    let entries = &rig.ledgers.clients;
    assert_eq!(entries.len(), 40);
    for file in entries.iter().filter(|entry| entry.id % 2 == 1) {
        let (_, page_ended) = rig.seen(file.id - 1);
        assert_eq!(file.due, page_ended + ms(10));
        assert_eq!(file.class, RequestClass::Asset);
    }
    assert!(rig.plane.traffic_is_over());
}

#[test]
fn files_of_the_other_build_are_missing_only_where_sides_keep_their_own() {
    for (own_files, some) in [(false, false), (true, true)] {
        let mut rig = both_sides();
        rig.change("app-blue", |application| {
            application.flaws.own_files = own_files;
        });
        let mut pages = of_class(RequestClass::Page, 30, ms(101));
        for page in &mut pages {
            (page.id, page.follows) = (page.id * 2, 1);
        }
        let source = Box::new(Pages(pages.into_iter()));
        rig.plane.set_traffic(super::rig::VIP, "app", source);
        rig.run_for(ms(10_000));
        let missing = contracts(&rig);
        assert_eq!(!missing.is_empty(), some, "{own_files}");
        for (id, contract) in missing {
            assert_eq!((id % 2, contract), (1, Contract::MissingAsset));
            assert!(matches!(rig.seen(id).0, Seen::Answer { status: 404, .. }));
        }
    }
}

#[test]
fn a_session_ends_where_the_other_side_does_not_know_its_key() {
    let cases = [
        (Flaws::default(), None),
        (
            Flaws {
                own_key: true,
                ..Flaws::default()
            },
            Some(Contract::UnknownToken),
        ),
        (
            Flaws {
                schema: 2,
                ..Flaws::default()
            },
            Some(Contract::UnreadableRecord),
        ),
    ];
    for (flaws, expected) in cases {
        let mut rig = both_sides();
        let set = |application: &mut crate::data_plane::Application| application.flaws = flaws;
        rig.change("app-blue", set);
        let mut sessions = of_class(RequestClass::Session, 40, ms(100));
        for request in &mut sessions {
            request.client = 3;
        }
        rig.send(sessions);
        rig.run_for(ms(10_000));
        let found = contracts(&rig).first().map(|(_, contract)| *contract);
        assert_eq!(found, expected, "{flaws:?}");
    }
}

#[test]
fn a_stream_outlives_its_worker_and_is_cut_by_the_drain() {
    let mut rig = Plan {
        drain_timeout: ms(2_000),
        ..Plan::default()
    }
    .build();
    let mut stream = request(1, SETTLED, 1.0);
    (stream.class, stream.transfer) = (RequestClass::WebSocket, ms(60_000));
    let short_lived = Arrival {
        id: 2,
        transfer: ms(1_000),
        ..stream
    };
    rig.send(vec![stream, short_lived]);
    rig.run_for(ms(100));
    rig.put_pool(&[BLUE], &[]);
    rig.run_for(ms(60_000));
    let (Seen::Answer { complete, .. }, ended) = rig.seen(1) else {
        panic!("its status was out");
    };
    assert_eq!((complete, ended), (false, SETTLED + ms(2_100)));
    let (Seen::Answer { complete, .. }, ended) = rig.seen(2) else {
        panic!("its status was out");
    };
    assert_eq!((complete, ended), (true, SETTLED + ms(1_020)));
}

#[test]
fn a_client_that_looked_an_address_up_once_stays_with_its_side() {
    let mut rig = Plan::default().build();
    let mut arrivals = requests(1, 20, SETTLED, ms(100));
    for arrival in &mut arrivals {
        (arrival.client, arrival.connection) = (1, ConnectionClass::Direct);
    }
    rig.send(arrivals);
    rig.run_for(ms(500));
    rig.put_pool(&[BLUE], &[]);
    rig.run_for(ms(60_000));
    assert_eq!(rig.statuses(), [200; 20]);
    assert!(rig.ledgers.gateway.is_empty(), "no gateway saw them");
    let green = |address: Ipv4Addr| address.octets()[2] == 1;
    assert!(rig.ledgers.instances.iter().all(|run| green(run.address)));
}

#[test]
fn a_job_runs_once_on_a_live_side_and_again_on_an_eager_one() {
    for (eager, runs) in [(false, 20), (true, 40)] {
        let mut rig = Plan::default().build();
        let set =
            |application: &mut crate::data_plane::Application| application.flaws.eager = eager;
        rig.change("app-blue", set);
        let mut jobs = of_class(RequestClass::Job, 20, ms(100));
        for job in &mut jobs {
            job.connection = ConnectionClass::Direct;
        }
        rig.send(jobs);
        rig.run_for(ms(10_000));
        assert_eq!(rig.statuses(), [200; 20]);
        assert_eq!(rig.ledgers.instances.len(), runs, "eager: {eager}");
    }
}

#[test]
fn a_job_waits_until_a_side_is_live() {
    let mut rig = Plan {
        pool: Vec::new(),
        ..Plan::default()
    }
    .build();
    let mut job = request(1, SETTLED, 1.0);
    (job.class, job.connection) = (RequestClass::Job, ConnectionClass::Direct);
    rig.send(vec![job]);
    rig.run_for(ms(2_500));
    rig.put_pool(&[GREEN], &[]);
    rig.run_for(ms(5_000));
    let (seen, ended) = rig.seen(1);
    assert!(matches!(seen, Seen::Answer { status: 200, .. }));
    assert_eq!(ended, SETTLED + ms(3_020));
}

#[test]
fn a_job_that_no_side_takes_is_given_up_when_its_sender_does() {
    let mut rig = Plan {
        pool: Vec::new(),
        ..Plan::default()
    }
    .build();
    let mut job = request(1, SETTLED, 1.0);
    (job.class, job.connection) = (RequestClass::Job, ConnectionClass::Direct);
    job.patience = ms(7_300);
    rig.send(vec![job]);
    rig.run_for(ms(60_000));
    assert_eq!(rig.seen(1), (Seen::TimedOut, SETTLED + ms(7_300)));
}

#[test]
fn a_single_goaway_loses_what_is_on_its_way_and_two_phases_lose_nothing() {
    // The update comes at 500 ms and its notice travels for 100 ms.
    let cases = [
        (Goaway::Single, [200, 0, 200]),
        (Goaway::TwoPhase, [200, 200, 200]),
    ];
    for (goaway, expected) in cases {
        let mut rig = Plan::default().build();
        rig.plane.change_knobs(|knobs| {
            knobs.goaway = goaway;
            knobs.goaway_travel = ms(100);
        });
        let dues = [0, 550, 560].map(|millis| SETTLED + ms(millis));
        let arrivals = (1..).zip(dues).map(|(id, due)| {
            let mut arrival = request(id, due, 1.0);
            arrival.connection = ConnectionClass::Multiplexed;
            arrival
        });
        rig.send(arrivals.collect());
        rig.run_for(ms(500));
        rig.put_pool(&[GREEN, BLUE], &[]);
        rig.run_for(ms(5_000));
        assert_eq!(rig.statuses(), expected, "{goaway:?}");
    }
}

#[test]
fn a_removed_member_is_reached_over_idle_connections_where_the_knob_says_so() {
    for (reuse, reached) in [(false, false), (true, true)] {
        let mut rig = Plan::default().build();
        rig.plane.change_knobs(|knobs| knobs.reuse_removed = reuse);
        rig.send(requests(1, 100, SETTLED, ms(100)));
        rig.run_for(ms(3_050));
        rig.put_pool(&[BLUE], &[]);
        rig.run_for(ms(30_000));
        let late = SETTLED + ms(3_050);
        let mut after = rig
            .ledgers
            .gateway
            .iter()
            .filter(|entry| entry.dispatched > late);
        assert_eq!(after.any(|entry| entry.member == Some(GREEN)), reached);
    }
}

#[test]
fn an_instance_that_lies_names_the_build_it_does_not_run() {
    for (admits, named) in [(true, "v0"), (false, "app-green")] {
        let mut rig = Plan::default().build();
        rig.change("app-green", |application| {
            application.mixture = Some(Mixture {
                percent: 100,
                runs: "v0".to_owned(),
                admits,
            });
        });
        rig.send(requests(1, 1, SETTLED, ms(1)));
        rig.run_for(ms(1_000));
        let name = |build| rig.plane.builds().name(build);
        let Seen::Answer { build, .. } = rig.seen(1).0 else {
            panic!("it answers");
        };
        assert_eq!(build.and_then(name), Some(named));
        assert_eq!(name(rig.ledgers.instances[0].build), Some("v0"));
    }
}
