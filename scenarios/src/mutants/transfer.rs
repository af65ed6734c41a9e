//! Mutants that end what takes long to come or to go, or run it twice.

use turquoise_emulator::faults::{Fault, FaultKind};
use turquoise_emulator::ledger::{ConnectionClass, RequestClass};

use super::Mutant;
use super::drain::ShortensDrain;
use crate::invariant::Invariant;
use crate::scenario::Scenario;
use crate::world::names;

/// F45: uploads of minutes meet a drain of a second.
pub(super) const UPLOAD: Mutant = Mutant {
    id: "upload",
    catalogue: "F45",
    wrong: "sets the drain time-out to one second while uploads take minutes",
    oracles: &[Invariant::S(1), Invariant::S(2), Invariant::S(6)],
    expose: |scenario| with_uploads(scenario, RequestClass::Upload),
    make: || Box::new(ShortensDrain),
    ..Mutant::HARMLESS
};

/// F46: the same for those that wait for `100 Continue`.
pub(super) const EXPECT_CONTINUE: Mutant = Mutant {
    id: "expect-continue",
    catalogue: "F46",
    wrong: "sets the drain time-out to one second while clients wait for `100 Continue`",
    oracles: &[Invariant::S(1), Invariant::S(2), Invariant::S(6)],
    expose: |scenario| with_uploads(scenario, RequestClass::Expect),
    make: || Box::new(ShortensDrain),
    ..Mutant::HARMLESS
};

/// F47: a body that ends early behind a good status.
pub(super) const TRUNCATED_200: Mutant = Mutant {
    id: "truncated-200",
    catalogue: "F47",
    wrong: "sets the drain time-out to one second while bodies take ten to come",
    oracles: &[Invariant::S(1)],
    expose: |scenario| {
        scenario.traffic.without_long_work();
        scenario.traffic.profile.download_ms = (5_000, 14_000);
        for connection in [ConnectionClass::New, ConnectionClass::Reused] {
            scenario
                .traffic
                .with_much(RequestClass::Download, connection);
        }
    },
    make: || Box::new(ShortensDrain),
    ..Mutant::HARMLESS
};

/// F48: a gateway that repeats writes. Instances die while they execute some; on the same deaths,
/// a gateway that repeats only what it may loses requests to the weather and duplicates none.
pub(super) const DUP_EXEC: Mutant = Mutant {
    id: "dup-exec",
    catalogue: "F48",
    wrong: "a gateway repeats writes on another member after a reset",
    oracles: &[Invariant::S(3)],
    expose: |scenario| {
        with_uploads(scenario, RequestClass::Upload);
        scenario.traffic.profile.rate = 4.0;
        scenario.traffic.profile.upload_ms = (5_000, 14_000);
        scenario.quirks.retry_on_connect_error = Some(true);
        scenario.quirks.retry_writes = Some(false);
        // Both sides serve in some of these minutes, whenever the first write takes effect.
        scenario.faults = [3, 5].map(kill_in_minute).to_vec();
    },
    world: |scenario| scenario.quirks.retry_writes = Some(true),
    ..Mutant::HARMLESS
};

fn kill_in_minute(minute: u64) -> Fault {
    Fault {
        at_ms: minute * 60_000,
        kind: FaultKind::Kill {
            scale_set: names::OLD_SCALE_SET.to_owned(),
            count: 1,
        },
    }
}

/// Half of the requests are uploads of one to two minutes, within a drain of four.
fn with_uploads(scenario: &mut Scenario, class: RequestClass) {
    scenario.topology.drain_s = 240;
    scenario.topology.autoscale = false;
    scenario.topology.old_instances = 3;
    scenario.topology.new_instances = 3;
    scenario.traffic.without_long_work();
    // Each holds a worker for its time: fewer are under way than one instance has workers.
    scenario.traffic.profile.rate = 1.5;
    scenario.traffic.profile.upload_ms = (60_000, 118_000);
    scenario.traffic.profile.patience_ms = 200_000;
    for connection in [ConnectionClass::New, ConnectionClass::Reused] {
        scenario.traffic.with_much(class, connection);
    }
}
