//! Occasions on which wrong orchestrators show: what several scenarios of mutants have in common.

use turquoise_emulator::faults::{Fault, FaultKind, Matches, Sickness};

use crate::scenario::{Act, Actor, Crash, Effect, Order, Point, Scenario, Verb, Want};
use crate::world::names;

/// Longer than any run.
const FOR_EVER_MS: u64 = 100_000_000;

/// Writes of a gateway.
pub(super) fn gateway_writes() -> Matches {
    matching("PUT", "applicationGateways")
}

/// Requests of a method to a path.
pub(super) fn matching(method: &str, path: &str) -> Matches {
    Matches {
        method: method.to_owned(),
        path: path.to_owned(),
    }
}

/// `count` requests are refused before they act.
pub(super) fn refusal(method: &str, path: &str, status: u16, code: &str, count: u32) -> FaultKind {
    FaultKind::Refuse {
        on: matching(method, path),
        status,
        code: code.to_owned(),
        retry_after: Some(10),
        count,
    }
}

/// Scenes that mutants share.
pub(super) trait ScenarioExt {
    /// Each write of the gateway takes so much longer.
    fn with_slow_gateway_writes(&mut self, extra_ms: u64);
    /// The platform upgrades the gateway from the start, for so long.
    fn with_platform_upgrade(&mut self, for_ms: u64);
    /// The application of the new side fails from an instant on, behind probes that stay green.
    fn with_new_side_failing_at(&mut self, at_ms: u64);
    /// The first process dies there, and another one goes on a while later.
    fn with_crash(&mut self, effect: Effect, ordinal: u32, then: Verb);
    /// Someone wants something at an instant.
    fn with_order(&mut self, at_ms: u64, want: Want);
    /// Someone acts at an instant.
    fn with_actor(&mut self, at_ms: u64, act: Act);
}

impl ScenarioExt for Scenario {
    fn with_slow_gateway_writes(&mut self, extra_ms: u64) {
        self.faults.push(Fault {
            at_ms: 0,
            kind: FaultKind::SlowOperation {
                on: gateway_writes(),
                extra_ms,
                count: 1,
            },
        });
    }

    fn with_platform_upgrade(&mut self, for_ms: u64) {
        self.with_actor(0, Act::PlatformUpgrade { for_ms });
    }

    fn with_new_side_failing_at(&mut self, at_ms: u64) {
        self.faults.push(Fault {
            at_ms,
            kind: FaultKind::Sick {
                scale_set: names::NEW_SCALE_SET.to_owned(),
                percent: 100,
                how: Sickness::ErrorsBehindHealthyProbe,
                for_ms: FOR_EVER_MS,
            },
        });
    }

    fn with_crash(&mut self, effect: Effect, ordinal: u32, then: Verb) {
        self.crashes.push(Crash {
            orchestrator: 0,
            at: Point::Effect { effect, ordinal },
            down_ms: 5_000,
            then: Some(then),
        });
    }

    fn with_order(&mut self, at_ms: u64, want: Want) {
        self.orders.push(Order { at_ms, want });
    }

    fn with_actor(&mut self, at_ms: u64, act: Act) {
        self.actors.push(Actor { at_ms, act });
    }
}
