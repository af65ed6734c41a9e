//! Mutants that hold the lease wrongly: not at all, for ever, or without renewing it.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use http::Request;
use turquoise_orchestrator::{JournalStore, Lease, LeaseStore, RunId, Version};

use super::Mutant;
use super::gives_up::settled;
use super::interference::{
    ArmAnswer, Begin, Call, Interference, Seam, Stored, pass, without_if_match,
};
use super::occasions::ScenarioExt;
use crate::invariant::Invariant;
use crate::scenario::{Act, Effect, Goal, Pause, Point, Scenario, Second, Verb};

/// F78: nobody asks for the lease.
pub(super) const TWO_ORCHESTRATORS: Mutant = Mutant {
    id: "two-orchestrators",
    catalogue: "F78",
    wrong: "swaps without asking for the lease, while another run does the same",
    oracles: &[Invariant::S(14), Invariant::S(15)],
    expose: |scenario| with_second(scenario, 100_000, Verb::Swap),
    make: || Box::new(Lockless { mutex: false }),
    ..Mutant::HARMLESS
};

/// F62: the gateway's `provisioningState` is taken for a lock.
pub(super) const STATE_AS_MUTEX: Mutant = Mutant {
    id: "state-as-mutex",
    catalogue: "F62",
    wrong: "takes a gateway that is not `Updating` for its own, without lease and If-Match",
    oracles: &[Invariant::S(14), Invariant::S(15)],
    expose: |scenario| with_second(scenario, 60_000, Verb::Swap),
    make: || Box::new(Lockless { mutex: true }),
    ..Mutant::HARMLESS
};

/// F80: the lease has no end.
pub(super) const LOCK_FOREVER: Mutant = Mutant {
    id: "lock-forever",
    catalogue: "F80",
    wrong: "takes a lease that no silence ends",
    oracles: &[Invariant::L(3)],
    expose: |scenario| scenario.with_crash(Effect::ProbeAfter, 40, Verb::Rollback),
    make: || Box::new(Endless),
    ..Mutant::HARMLESS
};

/// F81: the heartbeat stands still while an operation is awaited.
pub(super) const LEASE_STARVE: Mutant = Mutant {
    id: "lease-starve",
    catalogue: "F81",
    wrong: "renews its lease only between operations, and does not look at it before it writes",
    oracles: &[Invariant::S(14), Invariant::L(3)],
    expose: |scenario| {
        scenario.with_slow_gateway_writes(900_000);
        with_second(scenario, 400_000, Verb::Rollback);
    },
    make: || Box::new(Starves::default()),
    ..Mutant::HARMLESS
};

/// F79: a writer that was paused past its lease wakes up and sends what it had decided.
pub(super) const ZOMBIE_WRITER: Mutant = Mutant {
    id: "zombie-writer",
    catalogue: "F79",
    wrong: "wakes from a pause that outlasted its lease, and sends the write that it had decided",
    oracles: &[Invariant::S(14)],
    expose: |scenario| {
        paused_before(scenario, 1);
        with_second(scenario, 120_000, Verb::ResumeLast);
    },
    make: || Box::new(Starves::from_the_start()),
    ..Mutant::HARMLESS
};

/// F79, from the other end: the check of the lease is older than the write.
pub(super) const CHECKS_EARLY: Mutant = Mutant {
    id: "lease-checked-early",
    catalogue: "F79",
    wrong: "looks at its lease when a phase begins, sleeps, and makes its second write long after",
    oracles: &[Invariant::S(14)],
    expose: |scenario| {
        paused_before(scenario, 2);
        with_second(scenario, 600_000, Verb::Rollback);
    },
    make: || Box::new(Starves::from_the_start()),
    ..Mutant::HARMLESS
};

/// The first process stands still for twenty minutes right before a write.
fn paused_before(scenario: &mut Scenario, write: u32) {
    scenario.pauses.push(Pause {
        orchestrator: 0,
        at: Point::Effect {
            effect: Effect::WriteBefore,
            ordinal: write,
        },
        for_ms: 1_200_000,
    });
}

pub(super) fn with_second(scenario: &mut Scenario, at_ms: u64, verb: Verb) {
    let second = Second {
        to: Goal::New,
        shares_stores: true,
        verb,
    };
    scenario.with_actor(at_ms, Act::Orchestrator(second));
}

/// Takes every lease for free and keeps none; sees nobody else's run.
#[derive(Debug)]
struct Lockless {
    /// Whether the gateway's state is looked at instead, which is hardly ever `Updating`.
    mutex: bool,
}

impl Interference for Lockless {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let call = seam.call(&request);
            if !self.mutex {
                return pass(&seam, request).await;
            }
            let request = without_if_match(request);
            let answer = pass(&seam, request).await?;
            Ok(match call {
                Call::ReadGateway => settled(answer),
                _ => answer,
            })
        })
    }

    fn runs<'a>(
        &'a self,
        _seam: Seam<'a>,
        _store: &'a dyn JournalStore,
    ) -> LocalBoxFuture<'a, Stored<Vec<RunId>>> {
        ready(Ok(Vec::new())).boxed_local()
    }

    fn read_lease<'a>(
        &'a self,
        _seam: Seam<'a>,
        _store: &'a dyn LeaseStore,
    ) -> LocalBoxFuture<'a, Stored<Option<(Version, Lease)>>> {
        ready(Ok(None)).boxed_local()
    }

    fn put_lease<'a>(
        &'a self,
        _seam: Seam<'a>,
        _store: &'a dyn LeaseStore,
        _expected: Option<&'a Version>,
        lease: &'a Lease,
    ) -> LocalBoxFuture<'a, Stored<Version>> {
        ready(Ok(Version::of(lease))).boxed_local()
    }
}

#[derive(Debug)]
struct Endless;

impl Interference for Endless {
    fn put_lease<'a>(
        &'a self,
        _seam: Seam<'a>,
        store: &'a dyn LeaseStore,
        expected: Option<&'a Version>,
        lease: &'a Lease,
    ) -> LocalBoxFuture<'a, Stored<Version>> {
        let endless = Lease {
            ttl_ms: u64::from(u32::MAX),
            ..lease.clone()
        };
        async move { store.put(expected, &endless).await }.boxed_local()
    }
}

/// Renews nothing from its first gateway write on, and believes that it still holds the lease.
#[derive(Debug, Default)]
struct Starves {
    starving: Cell<bool>,
    at_once: bool,
    believed: RefCell<Option<u32>>,
}

impl Starves {
    fn from_the_start() -> Self {
        Self {
            at_once: true,
            ..Self::default()
        }
    }
}

impl Interference for Starves {
    fn begin(&self, seam: Seam<'_>, begin: Begin) -> Begin {
        self.believed.borrow_mut().get_or_insert(seam.process);
        begin
    }

    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let ours = *self.believed.borrow() == Some(seam.process);
            if !ours || !matches!(seam.call(&request), Call::WriteGateway(_)) {
                return pass(&seam, request).await;
            }
            self.starving.set(true);
            pass(&seam, without_if_match(request)).await
        })
    }

    fn put_lease<'a>(
        &'a self,
        seam: Seam<'a>,
        store: &'a dyn LeaseStore,
        expected: Option<&'a Version>,
        lease: &'a Lease,
    ) -> LocalBoxFuture<'a, Stored<Version>> {
        let ours = *self.believed.borrow() == Some(seam.process);
        let renewal = lease.beat > 0;
        if ours && renewal && (self.at_once || self.starving.get()) {
            return ready(Ok(Version::of(lease))).boxed_local();
        }
        store.put(expected, lease)
    }
}
