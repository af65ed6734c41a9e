//! Worlds in which the new build breaks the application's contract, and an orchestrator that does
//! not try the contract before it swaps.
//!
//! The orchestrator under test is the real one: it knows nothing of pages, sessions or queues. The
//! same swap of builds without the flaw is clean, so that what S9 and S3 find is the flaw.

use turquoise_emulator::ledger::{ConnectionClass, RequestClass};

use super::Mutant;
use crate::invariant::Invariant;
use crate::scenario::Scenario;

/// F57: a route that takes longer than the gateway waits.
pub(super) const LIMITS_DIFFER: Mutant = Mutant {
    id: "limits-differ",
    catalogue: "F57",
    wrong: "tries `/` only, and swaps to a build with a route slower than the gateway waits",
    oracles: &[Invariant::S(2), Invariant::S(9)],
    expose: |scenario| scenario.traffic.without_long_work(),
    world: |scenario| {
        let flaws = &mut scenario.builds.new.flaws;
        (flaws.slow_percent, flaws.slow_ms) = (2, 100_000);
    },
    ..Mutant::HARMLESS
};

/// F105: the new side still has the settings that it was tried with.
pub(super) const CONFIG_SLOT: Mutant = Mutant {
    id: "config-slot",
    catalogue: "F105",
    wrong: "swaps to a side that still works with the settings of staging",
    oracles: &[Invariant::S(9)],
    expose: |scenario| with_much_of(scenario, RequestClass::Session),
    world: |scenario| scenario.builds.new.flaws.staging = true,
    ..Mutant::HARMLESS
};

/// F108: the new build writes what the old one cannot read.
pub(super) const SCHEMA: Mutant = Mutant {
    id: "schema",
    catalogue: "F108",
    wrong: "mixes builds of which one cannot read the other's records",
    oracles: &[Invariant::S(9)],
    expose: |scenario| with_much_of(scenario, RequestClass::Session),
    world: |scenario| scenario.builds.new.flaws.schema = 2,
    ..Mutant::HARMLESS
};

/// F109: pages name files that the other side does not have.
pub(super) const ASSETS_404: Mutant = Mutant {
    id: "assets-404",
    catalogue: "F109",
    wrong: "mixes builds that each have their own files only",
    oracles: &[Invariant::S(9)],
    expose: |scenario| with_much_of(scenario, RequestClass::Page),
    world: |scenario| scenario.builds.new.flaws.own_files = true,
    ..Mutant::HARMLESS
};

/// F110: a token of one side is nothing to the other.
pub(super) const SESSION_KEYS: Mutant = Mutant {
    id: "session-keys",
    catalogue: "F110",
    wrong: "mixes builds that sign their users' tokens with keys of their own",
    oracles: &[Invariant::S(9)],
    expose: |scenario| with_much_of(scenario, RequestClass::Session),
    world: |scenario| scenario.builds.new.flaws.own_key = true,
    ..Mutant::HARMLESS
};

/// F111: the new build leaves in a cache what the old one cannot read.
pub(super) const POISON_ROLLBACK: Mutant = Mutant {
    id: "poison-rollback",
    catalogue: "F111",
    wrong: "lets a build write into a shared cache that the other one cannot read",
    oracles: &[Invariant::S(9)],
    expose: |scenario| with_much_of(scenario, RequestClass::Page),
    world: |scenario| scenario.builds.new.flaws.poison_ms = 30 * 60 * 1000,
    ..Mutant::HARMLESS
};

/// F112: an idle side works.
pub(super) const DUP_WORKERS: Mutant = Mutant {
    id: "dup-workers",
    catalogue: "F112",
    wrong: "keeps an idle side warm that works on the queue's jobs as well",
    oracles: &[Invariant::S(3)],
    expose: |scenario| {
        scenario
            .traffic
            .with_much(RequestClass::Job, ConnectionClass::Direct);
    },
    world: |scenario| scenario.builds.new.flaws.eager = true,
    ..Mutant::HARMLESS
};

fn with_much_of(scenario: &mut Scenario, class: RequestClass) {
    for connection in [ConnectionClass::New, ConnectionClass::Reused] {
        scenario.traffic.with_much(class, connection);
    }
}
