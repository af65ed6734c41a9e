//! Mutants whose gates look at the wrong thing, or at nothing (failure-catalogue.md C.1).

use std::time::Duration;

use turquoise_emulator::data_plane::ProbeConnection;
use turquoise_emulator::faults::{Fault, FaultKind, Matches, Sickness};
use turquoise_orchestrator::config::Span;

use super::Mutant;
use super::evidence::Stage;
use super::trust::{Answers, Gateway, Machines, Trust, Trusting};
use crate::invariant::Invariant;
use crate::observation::Role;
use crate::scenario::{self, Drift, ProbeTimes, Scenario};
use crate::world::names;

/// Longer than any run.
const FOR_EVER_MS: u64 = 100_000_000;
/// Longer than P5 and P6 of who believes, shorter than P5 of who waits.
const A_WHILE_MS: u64 = 400_000;

/// F01: the new side is taken for healthy because its machines are; the gateway cannot reach it.
pub(super) const GATE_NOT_GATEWAY: Mutant = Mutant {
    id: "gate-not-gateway",
    catalogue: "F01",
    wrong: "takes machines that are well for a side that the gateway finds healthy",
    oracles: &[Invariant::S(20), Invariant::S(11), Invariant::S(2)],
    expose: |scenario| {
        scenario.answers = scenario::Answers::CAUTIOUS;
        scenario.faults = vec![after_write(1, 0, isolated(None))];
    },
    make: || {
        Box::new(Trusting::new(Trust {
            gateway: Gateway::Healthy,
            answers: Answers::Good,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F04: what could not be looked at counts as passed.
pub(super) const GATE_SKIP: Mutant = Mutant {
    id: "gate-skip",
    catalogue: "F04",
    wrong: "passes a gate whose evidence cannot be read",
    oracles: &[Invariant::S(20)],
    expose: |scenario| {
        scenario.faults = vec![
            sick(100, Sickness::Errors, 0, FOR_EVER_MS),
            unreadable("GET", "blue-vmss/virtualMachines"),
            unreadable("POST", "/health"),
        ];
    },
    make: || {
        Box::new(Trusting::new(Trust {
            machines: Machines::WellUnlessTold,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F05: half of the machines fail, and the gateway's probes meet the others often enough.
pub(super) const PROBE_SAMPLES_ONE: Mutant = Mutant {
    id: "probe-samples-one",
    catalogue: "F05",
    wrong: "asks the gateway for the health of a whole fleet, behind a balancer that asks by TCP",
    oracles: &[Invariant::S(20), Invariant::S(10), Invariant::S(2)],
    expose: |scenario| {
        behind_tcp_probe(scenario);
        scenario.faults = vec![sick(50, Sickness::Errors, 0, FOR_EVER_MS)];
    },
    make: gateway_health_alone,
    ..Mutant::HARMLESS
};

/// F06: one machine of five fails the gateway's probes alone; now and then they meet nobody else.
pub(super) const PROBE_MINORITY_OUTAGE: Mutant = Mutant {
    id: "probe-minority-outage",
    catalogue: "F06",
    wrong: "looks at the gateway's verdict once a minute and not at the probes behind it",
    oracles: &[Invariant::S(11), Invariant::Q(1)],
    expose: |scenario| {
        scenario.topology.gateway_instances = 4;
        scenario.topology.gateway_probe = ProbeTimes::TUNED;
        fleets(scenario, 5, 5);
        scenario.faults = vec![sick(20, Sickness::FailsGatewayProbe, 0, FOR_EVER_MS)];
    },
    configure: |config| {
        config.gates.consecutive = 1;
        config.gates.span = Span::seconds(0);
        config.gates.every = Span::seconds(60);
    },
    make: || {
        Box::new(Trusting::new(Trust {
            gateway: Gateway::WithoutStories,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F07: every probe keeps its connection, and so its machine.
pub(super) const PROBE_PINNED: Mutant = Mutant {
    id: "probe-pinned",
    catalogue: "F07",
    wrong: "asks the gateway for the health of a whole fleet, and each probe meets one machine for ever",
    oracles: &[Invariant::S(20), Invariant::S(10)],
    expose: |scenario| {
        behind_tcp_probe(scenario);
        scenario.answers.probe_connection = Some(ProbeConnection::Pinned);
        scenario.faults = vec![sick(80, Sickness::Errors, 0, FOR_EVER_MS)];
    },
    make: gateway_health_alone,
    ..Mutant::HARMLESS
};

/// F08: any status counts as an answer.
pub(super) const PROBE_SHALLOW: Mutant = Mutant {
    id: "probe-shallow",
    catalogue: "F08",
    wrong: "takes any answer that names a build for a good one",
    oracles: &[Invariant::S(20), Invariant::S(9)],
    world: |scenario| {
        scenario.faults = vec![sick(
            100,
            Sickness::ErrorsBehindHealthyProbe,
            0,
            FOR_EVER_MS,
        )];
    },
    make: || {
        Box::new(Trusting::new(Trust {
            answers: Answers::GoodIfNamed,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F09: a dependency that both sides share has a bad minute.
pub(super) const PROBE_DEEP: Mutant = Mutant {
    id: "probe-deep",
    catalogue: "F09",
    wrong: "rolls back for errors of the new side although the old one has as many",
    oracles: &[Invariant::S(20), Invariant::S(19)],
    expose: |scenario| fleets(scenario, 2, 2),
    world: |scenario| {
        let errors = |scale_set: &str| FaultKind::Sick {
            scale_set: scale_set.to_owned(),
            percent: 50,
            how: Sickness::ErrorsBehindHealthyProbe,
            for_ms: 600_000,
        };
        scenario.faults = [names::OLD_SCALE_SET, names::NEW_SCALE_SET]
            .map(|scale_set| after_write(1, 20_000, errors(scale_set)))
            .into();
    },
    make: || {
        Box::new(Trusting::new(Trust {
            answers: Answers::GoodFromOld,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F12: one lucky look at a side that comes and goes.
pub(super) const FLAP_LUCKY: Mutant = Mutant {
    id: "flap-lucky",
    catalogue: "F12",
    wrong: "passes every gate at its first good look",
    oracles: &[Invariant::S(20), Invariant::S(2)],
    expose: |scenario| {
        // 20 s well, 25 s not.
        let wave = (0..40).map(|turn| sick(100, Sickness::Refuses, turn * 45_000, 25_000));
        scenario.faults = wave.collect();
    },
    configure: |config| {
        config.gates.consecutive = 1;
        config.gates.span = Span::seconds(0);
        config.gates.every = Span::seconds(2);
    },
    ..Mutant::HARMLESS
};

/// F13: the gateway says nothing of the new member, and that is no complaint.
pub(super) const HEALTH_API_STALE: Mutant = Mutant {
    id: "health-api-stale",
    catalogue: "F13",
    wrong: "finds all members healthy that backend health mentions",
    oracles: &[Invariant::S(20), Invariant::S(16), Invariant::S(11)],
    expose: |scenario| {
        with_a_deaf_instance(scenario);
        let omits = FaultKind::HealthOmits {
            address: names::NEW_ADDRESS,
            for_ms: A_WHILE_MS,
        };
        scenario.faults.push(after_write(1, 0, omits));
    },
    make: || {
        Box::new(Trusting::new(Trust {
            gateway: Gateway::HealthyIfUnmentioned,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F14: one gateway instance of three cannot reach the new side.
pub(super) const INSTANCES_DISAGREE: Mutant = Mutant {
    id: "instances-disagree",
    catalogue: "F14",
    wrong: "takes one connection, and a health that is partly good, for the whole gateway",
    oracles: &[Invariant::S(20), Invariant::S(11), Invariant::S(4)],
    expose: with_a_deaf_instance,
    make: || {
        Box::new(Trusting::new(Trust {
            gateway: Gateway::OneForAll,
            answers: Answers::OneForAll,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F15: the application answers well only when it is asked directly.
pub(super) const SMOKE_BYPASS: Mutant = Mutant {
    id: "smoke-bypass",
    catalogue: "F15",
    wrong: "asks the new side directly and never through the gateway",
    oracles: &[Invariant::S(20), Invariant::S(9)],
    world: |scenario| {
        scenario.faults = vec![sick(
            100,
            Sickness::ErrorsBehindHealthyProbe,
            0,
            FOR_EVER_MS,
        )];
    },
    make: || {
        Box::new(Trusting::new(Trust {
            stages: &[Stage::Both, Stage::NewAlone],
            answers: Answers::Good,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F17: a member gets traffic before its first probe.
pub(super) const UNPROBED_MEMBER: Mutant = Mutant {
    id: "unprobed-member",
    catalogue: "F17",
    wrong: "adds a side that nothing has reached yet, to a gateway that starts members as healthy",
    oracles: &[Invariant::S(2), Invariant::S(20)],
    expose: |scenario| {
        scenario.faults = vec![sick(100, Sickness::Refuses, 0, 120_000)];
    },
    make: || {
        Box::new(Trusting::new(Trust {
            stages: &[Stage::OldAlone],
            machines: Machines::Well,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F18: the new side's errors are diluted and come late.
pub(super) const METRIC_DILUTION: Mutant = Mutant {
    id: "metric-dilution",
    catalogue: "F18",
    wrong: "compares metrics that are three minutes old in a bake of one minute",
    oracles: &[Invariant::S(20), Invariant::L(4)],
    expose: |scenario| {
        fleets(scenario, 4, 4);
        scenario.faults = vec![sick(25, Sickness::ErrorsBehindHealthyProbe, 0, FOR_EVER_MS)];
    },
    make: || {
        Box::new(Trusting::new(Trust {
            stages: &[Stage::Both],
            answers: Answers::GoodUntil(Duration::from_secs(300)),
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// F19: an open port is taken for a ready application.
pub(super) const TCP_PROBE_EARLY: Mutant = Mutant {
    id: "tcp-probe-early",
    catalogue: "F19",
    wrong: "takes machines whose port is open for ready ones",
    oracles: &[Invariant::S(20), Invariant::S(2), Invariant::S(10)],
    expose: |scenario| {
        scenario.topology.drift = vec![Drift::TcpProbe { side: Role::New }];
        fleets(scenario, 3, 1);
        scenario.faults = vec![Fault {
            at_ms: 0,
            kind: FaultKind::SlowWarmUp {
                scale_set: names::NEW_SCALE_SET.to_owned(),
                extra_ms: 120_000,
                for_ms: FOR_EVER_MS,
            },
        }];
    },
    make: || {
        Box::new(Trusting::new(Trust {
            stages: &[Stage::OldAlone],
            machines: Machines::Well,
            ..Trust::NONE
        }))
    },
    ..Mutant::HARMLESS
};

/// The gateway's health view is all there is: machines and answers are taken on trust.
fn gateway_health_alone() -> Box<dyn super::Interference> {
    Box::new(Trusting::new(Trust {
        machines: Machines::Well,
        answers: Answers::Good,
        ..Trust::NONE
    }))
}

fn behind_tcp_probe(scenario: &mut Scenario) {
    scenario.topology.drift = vec![Drift::TcpProbe { side: Role::New }];
    fleets(scenario, 5, 5);
}

/// One of three gateway instances cannot reach the new side for a while.
fn with_a_deaf_instance(scenario: &mut Scenario) {
    scenario.answers = scenario::Answers::CAUTIOUS;
    scenario.topology.gateway_instances = 3;
    scenario.faults = vec![after_write(1, 0, isolated(Some(1)))];
}

/// So many machines on each side, that stay as many.
pub(super) fn fleets(scenario: &mut Scenario, old: u32, new: u32) {
    scenario.topology.old_instances = old;
    scenario.topology.new_instances = new;
    scenario.topology.autoscale = false;
}

fn isolated(instance: Option<u16>) -> FaultKind {
    FaultKind::Isolated {
        instance,
        address: names::NEW_ADDRESS,
        for_ms: A_WHILE_MS,
    }
}

fn unreadable(method: &str, path: &str) -> Fault {
    Fault {
        at_ms: 0,
        kind: FaultKind::Refuse {
            on: Matches {
                method: method.to_owned(),
                path: path.to_owned(),
            },
            status: 503,
            code: "ServiceUnavailable".to_owned(),
            retry_after: None,
            count: u32::MAX,
        },
    }
}

/// Part of the new side is sick for a while.
fn sick(percent: u8, how: Sickness, at_ms: u64, for_ms: u64) -> Fault {
    let scale_set = names::NEW_SCALE_SET.to_owned();
    Fault {
        at_ms,
        kind: FaultKind::Sick {
            scale_set,
            percent,
            how,
            for_ms,
        },
    }
}

/// A fault some time after a gateway write.
pub(super) fn after_write(write: u32, delay_ms: u64, fault: FaultKind) -> Fault {
    Fault {
        at_ms: 0,
        kind: FaultKind::AfterGatewayWrite {
            write,
            delay_ms,
            fault: Box::new(fault),
        },
    }
}
