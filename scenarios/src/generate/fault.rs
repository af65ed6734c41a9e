//! Faults of the cloud, by family.
//!
//! A fault is declined when no orchestrator could survive it, such as killing a machine of the live
//! side with requests on it: a loss there would accuse nobody. Declined draws are counted by their
//! reason.

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use proptest::sample::select;
use turquoise_emulator::Seed;
use turquoise_emulator::faults::{Fault, FaultKind, Matches, RetryAfter, Sickness};

use super::FaultFamily;
use super::draw::draw;
use crate::scenario::Topology;
use crate::world::names;

/// A fault, or why there is none.
pub(super) type Drawn<T> = Result<T, &'static str>;

/// Why a fault was declined: it hits the live side, whose requests nobody could keep.
const LIVE_SIDE: &str = "hits the live side";

/// Longer than any run.
const FOR_EVER_MS: u64 = 100_000_000;

/// One draw in four is declined at most, so that all of these are once in 4^32 seeds.
const ATTEMPTS: u64 = 32;

/// A swap without faults takes three to ten minutes; faults begin within that.
pub(super) const WINDOW_MS: u64 = 400_000;

/// The faults that a family gives a scenario.
pub(super) fn faults(family: FaultFamily, topology: &Topology) -> BoxedStrategy<Vec<Drawn<Fault>>> {
    let Some(kinds) = kinds(family, topology) else {
        return Just(Vec::new()).boxed();
    };
    let one = (begins(family), kinds).prop_map(|(at_ms, kind)| Ok(Fault { at_ms, kind: kind? }));
    match family {
        // Azure does not replace a machine that is gone, so the gate refuses every time: seldom.
        FaultFamily::Kills => prop_oneof![
            3 => Just(Vec::new()),
            1 => one.prop_map(|fault| vec![fault]),
        ]
        .boxed(),
        _ => vec(one, 1..=2).boxed(),
    }
}

/// When such a fault may begin.
fn begins(family: FaultFamily) -> BoxedStrategy<u64> {
    match family {
        // Machines that fail later would fail with requests on them.
        FaultFamily::SickInstances
        | FaultFamily::Kills
        | FaultFamily::SlowStarts
        | FaultFamily::PartialGrants => Just(0).boxed(),
        _ => (0..WINDOW_MS).boxed(),
    }
}

/// The faults of a family; `None` for one that is no fault of the cloud.
fn kinds(family: FaultFamily, topology: &Topology) -> Option<BoxedStrategy<Drawn<FaultKind>>> {
    use FaultFamily as Family;
    let count = 1..=3_u32;
    Some(match family {
        Family::Refusals => refusals(),
        Family::Resets => of((targets(), count), |(on, count)| FaultKind::ResetBefore {
            on,
            count,
        }),
        Family::LostReplies => of((targets(), count), |(on, count)| FaultKind::ReplyLost {
            on,
            count,
        }),
        Family::SlowOperations => slow_operations(),
        Family::FailedOperations => of(writes(), |on| FaultKind::FailOperation {
            on,
            code: "InternalServerError".to_owned(),
            count: 1,
        }),
        Family::LateActivations => {
            let instances = 0..topology.gateway_instances;
            of(
                (instances, 5_000..125_000_u64, count),
                |(instance, extra_ms, count)| FaultKind::LateActivation {
                    instance,
                    extra_ms,
                    count,
                },
            )
        }
        Family::SickInstances => sick(),
        Family::Kills => kills(topology),
        Family::SlowStarts => of(5_000..125_000_u64, |extra_ms| FaultKind::SlowStart {
            scale_set: names::NEW_SCALE_SET.to_owned(),
            extra_ms,
            for_ms: 600_000,
        }),
        Family::ThrottleStorms => throttles(),
        Family::Outages => of(10_000..1_800_000_u64, |for_ms| FaultKind::Outage { for_ms }),
        Family::StaleReads => of(
            (1_000..60_000_u64, 60_000..600_000_u64),
            |(lag_ms, for_ms)| FaultKind::StaleRead {
                on: matches("", "applicationGateways"),
                lag_ms,
                for_ms,
            },
        ),
        Family::BareAnswers => of(count, |count| FaultKind::BareAnswer {
            on: matches("PUT", "applicationGateways"),
            count,
        }),
        Family::HalfFailures => of(0..=topology.gateway_instances, |instances| {
            FaultKind::FailApplied {
                code: "InternalServerError".to_owned(),
                instances,
                count: 1,
            }
        }),
        Family::NotFounds => of((targets(), count), |(on, count)| FaultKind::Refuse {
            on,
            status: 404,
            code: "ResourceNotFound".to_owned(),
            retry_after: None,
            count,
        }),
        Family::PartialGrants => of((0..100_u8, count), |(percent, count)| {
            FaultKind::PartialGrant {
                scale_set: names::NEW_SCALE_SET.to_owned(),
                percent,
                count,
            }
        }),
        Family::HealthGaps => {
            let sides = select(vec![names::OLD_ADDRESS, names::NEW_ADDRESS]);
            of((sides, 30_000..600_000_u64), |(address, for_ms)| {
                FaultKind::HealthOmits { address, for_ms }
            })
        }
        Family::ForeignWriter
        | Family::Actors
        | Family::Orchestrators
        | Family::Crashes
        | Family::Pauses
        | Family::Orders
        | Family::Storage
        | Family::Identity
        | Family::Clocks => return None,
    })
}

fn of<S>(
    strategy: S,
    kind: impl Fn(S::Value) -> FaultKind + 'static,
) -> BoxedStrategy<Drawn<FaultKind>>
where
    S: Strategy + 'static,
{
    strategy.prop_map(move |drawn| Ok(kind(drawn))).boxed()
}

/// One fault of a family, armed when the swap begins: a quick orchestrator meets it as well as a slow
/// one. None for a family that is no fault of the cloud.
pub(super) fn one(seed: Seed, family: FaultFamily, topology: &Topology) -> Option<Fault> {
    let seed = seed.child(family.name());
    let kinds = kinds(family, topology)?;
    let kind = (0..ATTEMPTS).find_map(|index| draw(seed.at(index), &kinds).ok())?;
    Some(Fault { at_ms: 0, kind })
}

/// Which requests: mostly those of the swap itself.
fn targets() -> impl Strategy<Value = Matches> {
    let targets = [
        ("PUT", "applicationGateways"),
        ("PUT", "applicationGateways"),
        ("GET", "applicationGateways"),
        ("POST", "backendhealth"),
        ("GET", "operations"),
        ("GET", "virtualMachineScaleSets"),
        ("PATCH", "virtualMachineScaleSets"),
        ("PUT", "autoscalesettings"),
        ("", ""),
    ];
    select(targets.to_vec()).prop_map(|(method, path)| matches(method, path))
}

fn writes() -> impl Strategy<Value = Matches> {
    let targets = [
        ("PUT", "applicationGateways"),
        ("PUT", "applicationGateways"),
        ("POST", "backendhealth"),
        ("PATCH", "virtualMachineScaleSets"),
    ];
    select(targets.to_vec()).prop_map(|(method, path)| matches(method, path))
}

fn matches(method: &str, path: &str) -> Matches {
    Matches {
        method: method.to_owned(),
        path: path.to_owned(),
    }
}

fn refusals() -> BoxedStrategy<Drawn<FaultKind>> {
    let answers = [
        (429, "RetryableError"),
        (429, "TooManyRequests"),
        (409, "AnotherOperationInProgress"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
    ];
    let patience = [None, Some(1), Some(10), Some(30)];
    let drawn = (
        targets(),
        select(answers.to_vec()),
        select(patience.to_vec()),
        1..=3_u32,
    );
    of(drawn, |(on, (status, code), retry_after, count)| {
        FaultKind::Refuse {
            on,
            status,
            code: code.to_owned(),
            retry_after,
            count,
        }
    })
}

/// Longer by up to ten minutes, or, bimodal, by twenty (F63).
fn slow_operations() -> BoxedStrategy<Drawn<FaultKind>> {
    let extra = prop_oneof![3 => 5_000..605_000_u64, 1 => Just(1_200_000)];
    of((writes(), extra, 1..=3_u32), |(on, extra_ms, count)| {
        FaultKind::SlowOperation {
            on,
            extra_ms,
            count,
        }
    })
}

fn throttles() -> BoxedStrategy<Drawn<FaultKind>> {
    let patience = prop_oneof![
        (1..60_u32).prop_map(|seconds| RetryAfter::Seconds { seconds }),
        (1..60_u32).prop_map(|seconds| RetryAfter::Date { seconds }),
        Just(RetryAfter::Missing),
    ];
    of(
        (targets(), patience, 10_000..600_000_u64),
        |(on, retry_after, for_ms)| FaultKind::ThrottleStorm {
            on,
            retry_after,
            for_ms,
        },
    )
}

/// Only the new side, and from the start: it must not be swapped in before it has recovered.
fn sick() -> BoxedStrategy<Drawn<FaultKind>> {
    let sickness = (
        select(vec![20, 50, 100_u8]),
        select(vec![Sickness::Errors, Sickness::Hangs, Sickness::Refuses]),
        select(vec![30_000, 60_000, 120_000, 300_000, FOR_EVER_MS]),
    );
    prop_oneof![
        3 => sickness.prop_map(|(percent, how, for_ms)| Ok(FaultKind::Sick {
            scale_set: names::NEW_SCALE_SET.to_owned(),
            percent,
            how,
            for_ms,
        })),
        1 => Just(Err(LIVE_SIDE)),
    ]
    .boxed()
}

/// Only the idle side: a machine killed with requests on it loses them, whoever swaps.
fn kills(topology: &Topology) -> BoxedStrategy<Drawn<FaultKind>> {
    prop_oneof![
        3 => (1..=topology.new_instances).prop_map(|count| Ok(FaultKind::Kill {
            scale_set: names::NEW_SCALE_SET.to_owned(),
            count,
        })),
        1 => Just(Err(LIVE_SIDE)),
    ]
    .boxed()
}
