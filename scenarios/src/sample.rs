//! A small clean swap, for tests that then break one thing in it.

use std::net::Ipv4Addr;
use std::time::Duration;

use turquoise_arm::ResourceId;
use turquoise_emulator::desired::InstanceKey;
use turquoise_emulator::ledger::{
    Attempt, ClientEntry, ConnectionClass, Contract, Fault, GatewayEntry, InstanceEntry, Ledgers,
    RequestClass, RequestId, Seen,
};
use turquoise_emulator::{Event, Instant, Timed};

use crate::observation::{
    Capacity, Declared, End, Ending, JournalLine, LeasePut, Observation, Outcome, PhaseMark,
    Policy, Process, Record, Residue, Side, Snapshot, Window,
};
use crate::scenario::{Point, Verb};

pub(crate) const OLD: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 4);
pub(crate) const NEW: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 4);
pub(crate) const OLD_MACHINE: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 10);
pub(crate) const NEW_MACHINE: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 10);
pub(crate) const US: &str = "turquoise";
pub(crate) const FOREIGN: &str = "pipeline";

const GATEWAY_INSTANCES: u16 = 2;
/// One request each 100 ms, answered after 20 ms.
const GAP_MS: u64 = 100;
const SERVICE: Duration = Duration::from_millis(20);

pub(crate) fn secs(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

pub(crate) fn id(tail: &str) -> ResourceId {
    ResourceId::parse(&format!("/subscriptions/s/resourceGroups/{tail}")).expect("a good id")
}

pub(crate) fn gateway() -> ResourceId {
    id("frontend/providers/Microsoft.Network/applicationGateways/front")
}

pub(crate) fn pool() -> ResourceId {
    gateway().child("backendAddressPools", "live")
}

pub(crate) fn scale_set(side: &str) -> ResourceId {
    id(&format!(
        "{side}/providers/Microsoft.Compute/virtualMachineScaleSets/{side}"
    ))
}

/// A swap from green to blue that loses nothing: traffic from 0 to 210 s, the swap from 100 s to
/// 200 s, writes at 120 s and 160 s which the gateway instances apply 5 s and 7 s later.
pub(crate) fn clean() -> Observation {
    let mut observation = Observation {
        ledgers: Ledgers::default(),
        events: events(),
        builds: vec!["v1".to_owned(), "v2".to_owned()],
        declared: declared(),
        phases: phases(),
        notices: Vec::new(),
        window: Window {
            baseline_start: secs(10),
            swap_start: secs(100),
            swap_end: secs(200),
        },
        end: Some(End {
            exit_code: 0,
            outcome: Outcome::Completed,
        }),
        residue: residue(),
        sent: 0,
        speed: 1.0,
        record: Record::default(),
    };
    for number in 0..2000 {
        push_request(
            &mut observation,
            number + 1,
            Instant::from_millis(10_000 + number * GAP_MS),
        );
    }
    observation
}

/// Adds a request of 20 ms that is due at an instant and served by a side then effective.
pub(crate) fn push_request(observation: &mut Observation, id: RequestId, due: Instant) {
    let instance = if id % 4 < 2 { 0 } else { 1 };
    let member = if effective_new(instance, due, id) {
        NEW
    } else {
        OLD
    };
    let machine = if member == NEW {
        NEW_MACHINE
    } else {
        OLD_MACHINE
    };
    let build = u16::from(member == NEW);
    let ended = due + SERVICE;
    let ledgers = &mut observation.ledgers;
    ledgers.clients.push(ClientEntry {
        id,
        class: if id.is_multiple_of(5) {
            RequestClass::Write
        } else {
            RequestClass::Short
        },
        connection: if id.is_multiple_of(2) {
            ConnectionClass::New
        } else {
            ConnectionClass::Reused
        },
        user: u32::try_from(id % 10).expect("below ten"),
        contract: Contract::Kept,
        due,
        ended,
        seen: Seen::Answer {
            status: 200,
            build: Some(build),
            complete: true,
        },
    });
    ledgers.gateway.push(GatewayEntry {
        id,
        instance,
        generation: generation(instance, due),
        member: Some(member),
        attempt: 0,
        dispatched: due,
        ended,
        outcome: Attempt::Served { status: 200 },
    });
    ledgers.instances.push(InstanceEntry {
        id,
        address: machine,
        build,
        started: due,
        ended,
        status: Some(200),
    });
    observation.sent += 1;
}

/// The index, in all three ledgers, of the first request due at or after an instant.
pub(crate) fn at(observation: &Observation, due: Instant) -> usize {
    let mut clients = observation.ledgers.clients.iter();
    clients
        .position(|entry| entry.due >= due)
        .expect("traffic at that time")
}

/// Makes a request fail at the gateway, which dispatched it to a member in vain.
pub(crate) fn fail(observation: &mut Observation, index: usize, fault: Fault) {
    let ledgers = &mut observation.ledgers;
    ledgers.clients[index].seen = Seen::Answer {
        status: 502,
        build: None,
        complete: true,
    };
    ledgers.gateway[index].outcome = Attempt::Failed { fault, status: 502 };
    ledgers.instances[index].id = 0;
}

/// Adds an event in its place in time.
pub(crate) fn insert(observation: &mut Observation, at: Instant, event: Event) {
    let place = observation.events.partition_point(|timed| timed.at <= at);
    observation.events.insert(place, Timed { at, event });
}

/// A write of the pool by someone.
pub(crate) fn written(caller: &str, generation: u64, members: &[Ipv4Addr]) -> Event {
    Event::GatewayWritten {
        gateway: gateway(),
        generation,
        caller: caller.to_owned(),
        if_match: None,
        pools: vec![(pool(), members.iter().map(Ipv4Addr::to_string).collect())],
        changed: vec!["/properties/backendAddressPools/0/properties/backendAddresses".to_owned()],
    }
}

/// A gateway instance takes members into use.
pub(crate) fn applied(instance: u16, generation: u64, members: &[Ipv4Addr]) -> Event {
    Event::GatewayApplied {
        gateway: gateway(),
        instance,
        generation,
        pools: vec![(pool(), members.to_vec())],
    }
}

/// A machine of a side stops.
pub(crate) fn stopped(side: &str, address: Ipv4Addr, in_flight: u64) -> Event {
    let instance = InstanceKey {
        scale_set: scale_set(side),
        number: 0,
    };
    Event::InstanceStopped {
        instance,
        address,
        in_flight,
    }
}

/// A machine of a side begins to serve, each under a number of its own.
pub(crate) fn joined(side: &str, address: Ipv4Addr) -> Event {
    let number = u32::from(address.octets()[3]);
    Event::InstanceServing {
        instance: InstanceKey {
            scale_set: scale_set(side),
            number,
        },
        address,
        build: "v1".to_owned(),
    }
}

/// A gateway instance changes its mind about a member.
pub(crate) fn health(instance: u16, address: Ipv4Addr, healthy: bool) -> Event {
    Event::MemberHealth {
        gateway: gateway(),
        instance,
        pool: pool(),
        address,
        healthy,
    }
}

/// An ARM request that acted.
pub(crate) fn arm(method: &str, target: &ResourceId, caller: &str) -> Event {
    Event::Arm {
        method: method.to_owned(),
        target: format!("{target}?api-version=2025-07-01"),
        caller: caller.to_owned(),
        status: 202,
        code: None,
        applied: true,
    }
}

/// Process `number` puts the lease under an epoch.
pub(crate) fn hold(observation: &mut Observation, number: u16, at: Instant, epoch: u64) {
    while observation.record.processes.len() <= usize::from(number) {
        process(
            observation,
            Verb::Swap,
            secs(100),
            secs(200),
            Ending::Running,
        );
    }
    observation.record.leases.push(LeasePut {
        at,
        process: number,
        store: 0,
        owner: "sample".to_owned(),
        run: "r".to_owned(),
        epoch,
        beat: 0,
        ttl_ms: 60_000,
        accepted: true,
    });
}

/// Adds a process; one that still runs has no end.
pub(crate) fn process(
    observation: &mut Observation,
    verb: Verb,
    started: Instant,
    ended: Instant,
    ending: Ending,
) {
    let machine = u16::try_from(observation.record.processes.len()).unwrap_or_default();
    observation.record.processes.push(Process {
        orchestrator: 0,
        machine,
        store: 0,
        verb,
        started,
        ended: (ending != Ending::Running).then_some(ended),
        ending,
        reason: "because".to_owned(),
    });
}

/// Process 0 stores a line in its journal.
pub(crate) fn journal(observation: &mut Observation, process: u16, at: Instant, line: &str) {
    let number = observation.record.journal.len();
    observation.record.journal.push(JournalLine {
        at,
        process,
        store: 0,
        run: "r".to_owned(),
        number,
        line: line.to_owned(),
        stored: true,
    });
}

/// A process dies, and another one ends what it began.
pub(crate) fn crash(observation: &mut Observation, at: Instant) {
    let point = Point::Time { at_ms: 30_000 };
    process(
        observation,
        Verb::Swap,
        secs(100),
        at,
        Ending::Crashed(point),
    );
    let done = Ending::Exited {
        exit_code: 0,
        outcome: Outcome::Completed,
    };
    process(observation, Verb::Resume, at, secs(200), done);
}

/// The control plane scales a side.
pub(crate) fn scaled(side: &str, from: u32, to: u32, by: &str) -> Event {
    Event::Scaled {
        scale_set: scale_set(side),
        from,
        to,
        by: by.to_owned(),
    }
}

/// A machine of a side begins to listen.
pub(crate) fn serving(side: &str, address: Ipv4Addr, build: &str) -> Event {
    Event::InstanceServing {
        instance: machine(side),
        address,
        build: build.to_owned(),
    }
}

/// A machine of a side begins or ceases to do its work.
pub(crate) fn condition(side: &str, address: Ipv4Addr, well: bool) -> Event {
    Event::InstanceHealth {
        instance: machine(side),
        address,
        passes_probes: well,
        serves: well,
    }
}

/// A side's load balancer changes its mind about a machine.
pub(crate) fn balanced(side: &str, address: Ipv4Addr, healthy: bool) -> Event {
    Event::BackendHealth {
        load_balancer: balancer(side),
        rule: "http".to_owned(),
        address,
        healthy,
    }
}

fn machine(side: &str) -> InstanceKey {
    InstanceKey {
        scale_set: scale_set(side),
        number: 0,
    }
}

fn balancer(side: &str) -> ResourceId {
    id(&format!(
        "{side}/providers/Microsoft.Network/loadBalancers/lb"
    ))
}

fn generation(instance: u16, at: Instant) -> u64 {
    let late = 2 * u64::from(instance);
    1 + u64::from(at >= secs(125 + late)) + u64::from(at >= secs(165 + late))
}

fn effective_new(instance: u16, at: Instant, id: RequestId) -> bool {
    let added = secs(125 + 2 * u64::from(instance));
    let removed = secs(165 + 2 * u64::from(instance));
    at >= removed || at >= added && id.is_multiple_of(3)
}

fn events() -> Vec<Timed> {
    let mut events = vec![Timed {
        at: Instant::ZERO,
        event: written("setup", 1, &[OLD]),
    }];
    events.extend(rollout(Instant::ZERO, 1, &[OLD]));
    for (side, address, build) in [("green", OLD_MACHINE, "v1"), ("blue", NEW_MACHINE, "v2")] {
        let begun = [
            serving(side, address, build),
            condition(side, address, true),
            balanced(side, address, true),
        ];
        let at = Instant::ZERO;
        events.extend(begun.map(|event| Timed { at, event }));
    }
    events.extend(healthy(secs(3), OLD));
    events.extend(evidence(secs(118), "blue"));
    events.push(Timed {
        at: secs(120),
        event: written(US, 2, &[OLD, NEW]),
    });
    events.extend(rollout(secs(125), 2, &[OLD, NEW]));
    events.extend(healthy(secs(128), NEW));
    events.extend(evidence(secs(155), "blue"));
    events.push(Timed {
        at: secs(160),
        event: written(US, 3, &[NEW]),
    });
    events.extend(rollout(secs(165), 3, &[NEW]));
    events.push(Timed {
        at: secs(195),
        event: scaled("green", 3, 0, US),
    });
    events.push(Timed {
        at: secs(195),
        event: stopped("green", OLD_MACHINE, 0),
    });
    events
}

/// Every gateway instance finds a member healthy.
fn healthy(at: Instant, member: Ipv4Addr) -> Vec<Timed> {
    let instances = 0..GATEWAY_INSTANCES;
    let finds = |instance| Timed {
        at,
        event: health(instance, member, true),
    };
    instances.map(finds).collect()
}

/// What an orchestrator reads before a write that leans on a side.
fn evidence(at: Instant, side: &str) -> Vec<Timed> {
    let read = |method: &str, target: String| Event::Arm {
        method: method.to_owned(),
        target,
        caller: US.to_owned(),
        status: 200,
        code: None,
        applied: false,
    };
    let told = Event::OperationEnded {
        resource: gateway(),
        verb: "backendhealth".to_owned(),
        status: "Succeeded".to_owned(),
    };
    let query = "api-version=2025-07-01";
    let events = [
        read("GET", format!("{}?{query}", gateway())),
        read(
            "GET",
            format!("{}/virtualMachines?{query}", scale_set(side)),
        ),
        read(
            "POST",
            format!("{}/loadBalancingRules/http/health?{query}", balancer(side)),
        ),
        told,
    ];
    events
        .into_iter()
        .map(|event| Timed { at, event })
        .collect()
}

fn rollout(from: Instant, generation: u64, members: &[Ipv4Addr]) -> Vec<Timed> {
    let instances = 0..GATEWAY_INSTANCES;
    let apply = |instance| Timed {
        at: from + Duration::from_secs(2 * u64::from(instance)),
        event: applied(instance, generation, members),
    };
    instances.map(apply).collect()
}

fn declared() -> Declared {
    let side = |name: &str, address, build| Side {
        name: name.to_owned(),
        address,
        scale_set: scale_set(name),
        build,
        capacity: Capacity::default(),
    };
    Declared {
        gateway: gateway(),
        pool: pool(),
        old: side("green", OLD, 0),
        new: side("blue", NEW, 1),
        callers: vec![US.to_owned()],
        stream_cuts: 0,
        policy: Policy {
            least_samples: 100,
            ..Policy::default()
        },
    }
}

fn phases() -> Vec<PhaseMark> {
    let starts = [100, 100, 101, 110, 120, 130, 140, 160, 170, 180, 190, 195];
    let marks = starts.into_iter().zip(0..);
    marks
        .map(|(at, phase)| PhaseMark {
            at: secs(at),
            phase,
            reverse: false,
        })
        .collect()
}

fn residue() -> Residue {
    let snapshot = Snapshot {
        autoscale_minimum: [("green".to_owned(), 3), ("blue".to_owned(), 3)].into(),
        locks: Vec::new(),
    };
    Residue {
        before: snapshot.clone(),
        after: snapshot,
        listed: Vec::new(),
    }
}
