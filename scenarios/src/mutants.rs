//! Deliberately wrong orchestrators that an oracle must catch (failure-catalogue.md C.10).
//!
//! Each mutant is the real orchestrator behind an `Interference` or wrongly configured; it names its catalogue entry,
//! the oracle it belongs to, and the scenario that exposes it. A campaign runs them all: a mutant
//! that survives says that an oracle sleeps, and a kill counts only on a scenario that the real
//! orchestrator passes. [`MUTANTS`] is the registry.

mod affinity;
mod application;
mod blind;
mod capacity;
mod confirmation;
mod connection;
mod delivery;
mod drain;
mod early_removal;
mod evidence;
mod gates;
mod gives_up;
mod hands_on;
mod identity;
mod insistent;
mod interference;
mod lingers;
mod load;
mod lock;
mod lost_update;
mod occasions;
mod ownership;
mod probe_edit;
mod reroute;
mod resumption;
mod transfer;
mod trust;
mod wall_clock;
mod way_back;
mod write_economy;

use std::fmt;
use std::rc::Rc;

use turquoise_orchestrator::{Config, Environment};

use crate::invariant::Invariant;
use crate::scenario::Scenario;
use crate::target::Target;

use interference::Passes;
pub(crate) use interference::{Begin, Interfered, Interference, Verb};

/// A deliberately wrong orchestrator.
#[derive(Clone, Copy)]
pub struct Mutant {
    /// Its key in the catalogue, such as `kill-inflight`.
    pub id: &'static str,
    /// Its entry in the catalogue, such as `F37`.
    pub catalogue: &'static str,
    /// What it does wrong.
    pub wrong: &'static str,
    /// The invariants whose oracles it belongs to: one of them must be violated.
    pub oracles: &'static [Invariant],
    /// Makes a seed's scenario one that exposes it.
    expose: fn(&mut Scenario),
    /// Changes the world that the mutant alone meets: Azure or the application at fault, which no
    /// orchestrator of ours has caused. The reference runs without it.
    world: fn(&mut Scenario),
    /// Configures the orchestrator wrongly.
    configure: fn(&mut Config),
    make: fn() -> Box<dyn Interference>,
}

/// Every mutant, in the catalogue's order.
pub const MUTANTS: &[Mutant] = &[
    gates::GATE_NOT_GATEWAY,
    evidence::GATE_POWER,
    evidence::GATE_VACUOUS,
    gates::GATE_SKIP,
    gates::PROBE_SAMPLES_ONE,
    gates::PROBE_MINORITY_OUTAGE,
    gates::PROBE_PINNED,
    gates::PROBE_SHALLOW,
    gates::PROBE_DEEP,
    probe_edit::PROBE_SHARED,
    gates::FLAP_LUCKY,
    gates::HEALTH_API_STALE,
    gates::INSTANCES_DISAGREE,
    gates::SMOKE_BYPASS,
    load::TOCTOU_GATE,
    gates::UNPROBED_MEMBER,
    gates::METRIC_DILUTION,
    gates::TCP_PROBE_EARLY,
    capacity::SPLIT_5050,
    load::COLD_CAPACITY,
    load::SCALEIN_OLD,
    load::SCALEIN_NEW,
    load::SATURATE_REMAINING,
    load::RETRY_STORM,
    load::DEP_DOUBLE,
    load::ALLOC_FAIL,
    load::ZONE_LOSS,
    load::ROLLBACK_SMALL,
    capacity::SCALE_IN,
    early_removal::PROPAGATION_REMOVE,
    connection::PROPAGATION_SPLIT,
    drain::DRAIN_SHORT,
    write_economy::PUT_CUTS_STREAMS,
    early_removal::KILL_INFLIGHT,
    connection::POOL_CONN_REUSE,
    connection::IDLE_RACE,
    connection::CONN_PINNING,
    connection::CLIENT_PINNED,
    connection::GOAWAY,
    connection::WEBSOCKET,
    transfer::UPLOAD,
    transfer::EXPECT_CONTINUE,
    transfer::TRUNCATED_200,
    transfer::DUP_EXEC,
    affinity::AFFINITY_REMOVED,
    affinity::AFFINITY_ROLLBACK,
    connection::ILB_DRAIN_MYTH,
    identity::IP_REUSE,
    identity::DNS_MEMBER,
    reroute::RULE_REPOINT,
    early_removal::EMPTY_POOL,
    identity::NIC_MODEL,
    application::LIMITS_DIFFER,
    lost_update::LOST_UPDATE,
    lost_update::RETRY_STALE_BODY,
    ownership::ETAG_IGNORED,
    gives_up::SUPERSEDED,
    lock::STATE_AS_MUTEX,
    gives_up::LRO_TIMEOUT,
    resumption::LRO_URL_LOST,
    confirmation::LRO_SEMANTICS,
    gives_up::FAILED_BUT_APPLIED,
    ownership::STALE_READ,
    confirmation::DESIRED_NOT_ACTUAL,
    lost_update::LOSSY_ROUNDTRIP,
    insistent::THROTTLE,
    gives_up::TOKEN_EXPIRY,
    insistent::AUTHZ_CHANGE,
    gives_up::ARM_OUTAGE,
    gives_up::NOT_FOUND_NOOP,
    gives_up::PLATFORM_UPGRADE,
    resumption::CRASH_MIXED,
    resumption::RESUME_ELSEWHERE,
    lock::TWO_ORCHESTRATORS,
    lock::ZOMBIE_WRITER,
    lock::CHECKS_EARLY,
    lock::LOCK_FOREVER,
    lock::LEASE_STARVE,
    way_back::ABORT_MIDPUT,
    way_back::ROLLBACK_ORDER,
    way_back::ABORT_GUARDED,
    hands_on::VERIFY_X_SERVE_Y,
    early_removal::CLEANUP_LIVE,
    early_removal::WRONG_SIDE,
    ownership::TAG_DRIFT,
    hands_on::SAME_COLOUR_TWICE,
    hands_on::SWAP_IN_RETENTION,
    wall_clock::WALLCLOCK,
    capacity::PIN_LEAK,
    evidence::FALSE_SUCCESS,
    drain::DRAIN_FOREVER,
    write_economy::NOOP_PUT,
    delivery::LATE_REPEAT,
    resumption::SIGNAL_KILL,
    ownership::IAC_REVERT,
    ownership::PORTAL_EDIT,
    hands_on::RG_ORDER,
    blind::NO_OUTBOUND,
    blind::MONITOR_BLIND,
    application::CONFIG_SLOT,
    application::SCHEMA,
    application::ASSETS_404,
    application::SESSION_KEYS,
    application::POISON_ROLLBACK,
    application::DUP_WORKERS,
    delivery::FLIP_FLOP,
    identity::VERSION_LIE,
    lingers::MIXED_FOR_LONG,
];

/// Entries of the catalogue that no mutant stands for, and why in a line: a report prints them
/// beside the kills, so that nobody takes silence for a pass.
pub const NOT_SEEDED: &[(&str, &str)] = &[
    (
        "F11",
        "a pool under settings without a probe is refused before anything is planned; what the \
         default probe would miss has no trace in the cloud's events",
    ),
    (
        "F24",
        "machines of an older model need an upgrade that stops half-way, and the emulator's go to \
         their end; that such machines do not count is a table test of the orchestrator's view",
    ),
    (
        "F25",
        "a cold side is warmed only by requests, and the one way to its machines is the gateway: no \
         orchestrator of this topology could pass the same scenario",
    ),
    (
        "F31",
        "the emulated gateway's instances have no capacity of their own to fall short of",
    ),
    (
        "F91",
        "an approval is a file between two commands, which no world has; what a stale one does is \
         tested in `orchestrator/src/swap/tests/planning.rs` and `tests/plan.rs`",
    ),
    (
        "F96",
        "every topology has one pool that both sides share: nothing else has to switch with it",
    ),
    (
        "F97",
        "a world is one region, and the orchestrator swaps one gateway",
    ),
    (
        "F99",
        "no world has a hook; what one that fails, hangs or is cut off comes to is tested in \
         `orchestrator/src/swap/tests/hooks.rs`",
    ),
    (
        "F107",
        "going back for no reason loses no request here, and no oracle has a price for it",
    ),
];

impl Mutant {
    /// Nothing wrong at all: what a mutant does not say of itself.
    const HARMLESS: Self = Self {
        id: "",
        catalogue: "",
        wrong: "",
        oracles: &[],
        expose: |_| {},
        world: |_| {},
        configure: |_| {},
        make: || Box::new(Passes),
    };

    /// The mutant of that key.
    #[must_use]
    pub fn by_id(id: &str) -> Option<&'static Self> {
        MUTANTS.iter().find(|mutant| mutant.id == id)
    }

    /// The scenario of a seed, changed so that this mutant is exposed in it.
    #[must_use]
    pub fn exposed(&self, seed: u64) -> Scenario {
        let mut scenario = crate::generate::calm(seed);
        (self.expose)(&mut scenario);
        scenario
    }

    /// That scenario as this mutant itself meets it: with the fault that the reference is not asked
    /// to bear.
    #[must_use]
    pub fn met(&self, seed: u64) -> Scenario {
        let mut scenario = self.exposed(seed);
        self.deform(&mut scenario);
        scenario
    }

    /// Whether it meets a world of its own, with a fault that the reference is not asked to bear.
    pub(crate) fn has_own_world(&self) -> bool {
        self.met(0) != self.exposed(0)
    }

    /// Changes a scenario into the world that this mutant alone meets.
    pub(crate) fn deform(&self, scenario: &mut Scenario) {
        (self.world)(scenario);
    }

    /// Changes the orchestrator's configuration as this mutant would.
    pub(crate) fn configure(&self, config: &mut Config) {
        (self.configure)(config);
    }

    /// A fresh interference; it holds the state of one run, with all its processes.
    pub(crate) fn interference(&self) -> Rc<dyn Interference> {
        Rc::from((self.make)())
    }

    /// Puts an interference around a process of the run, from 0.
    pub(crate) fn interfere<E: Environment>(
        inner: E,
        interference: &Rc<dyn Interference>,
        target: Target,
        process: u32,
    ) -> Interfered<E> {
        Interfered {
            inner,
            interference: Rc::clone(interference),
            target,
            process,
        }
    }
}

impl fmt::Debug for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutant")
            .field("id", &self.id)
            .field("catalogue", &self.catalogue)
            .finish_non_exhaustive()
    }
}

/// Hunts one mutant, for the tests beside it.
///
/// # Panics
/// When it survives `seeds`, or when only an oracle catches it that it does not belong to.
#[cfg(test)]
#[track_caller]
pub(crate) fn assert_killed(mutant: &'static Mutant, seeds: std::ops::Range<u64>) {
    let kill = crate::campaign::hunt(&crate::run::Runner::default(), mutant, seeds);
    let kill = kill.unwrap_or_else(|error| panic!("`{}`: {error}: {error:?}", mutant.id));
    assert!(kill.killed, "`{}` survives: {kill:#?}", mutant.id);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::oracles;

    #[test]
    fn keys_are_unique_and_lead_to_their_mutant() {
        let keys: BTreeSet<_> = MUTANTS.iter().map(|mutant| mutant.id).collect();
        assert_eq!(keys.len(), MUTANTS.len());
        for mutant in MUTANTS {
            assert_eq!(Mutant::by_id(mutant.id).map(|m| m.id), Some(mutant.id));
        }
    }

    #[test]
    fn an_entry_is_either_seeded_or_says_why_not() {
        for (entry, reason) in NOT_SEEDED {
            assert!(MUTANTS.iter().all(|mutant| mutant.catalogue != *entry));
            assert!(reason.len() > 20, "{entry}");
        }
    }

    #[test]
    fn a_mutant_is_hunted_alone_where_that_is_asked_for() {
        assert_killed(&early_removal::KILL_INFLIGHT, 0..5);
    }

    #[test]
    fn every_mutant_belongs_to_an_oracle_that_exists() {
        let judged: BTreeSet<_> = oracles::judged().collect();
        for mutant in MUTANTS {
            assert!(
                mutant.oracles.iter().any(|oracle| judged.contains(oracle)),
                "nobody judges `{}`",
                mutant.id
            );
        }
    }
}
