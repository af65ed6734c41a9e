//! The judgement of a run: counts by class, violations, gaps, latencies.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use turquoise_emulator::ledger::{ConnectionClass, RequestClass, RequestId};
use turquoise_emulator::{Event, Instant};

use crate::cause::Cause;
use crate::gap::Gaps;
use crate::invariant::Invariant;
use crate::latency;
use crate::latency::Latencies;
use crate::ledger::{Class, Ledger, Request};
use crate::observation::Observation;
use crate::oracles::{self, Case};
use crate::scale::Folded;
use crate::timeline::Timeline;

/// At most this many lost requests are named; all are counted.
const NAMED_LOSSES: usize = 1000;

/// What a run was worth.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Requests by outcome class.
    pub requests: Counts,
    /// What was violated, in order of invariant and time; each oracle names its first few.
    pub violations: Vec<Violation>,
    /// How often each violated invariant was violated, named or not.
    pub violated: BTreeMap<Invariant, u64>,
    /// The first lost requests, in order of time, each explained.
    pub lost: Vec<Lost>,
    /// The longest time a due request waited for any answer of its connection class, as felt.
    pub max_gap: BTreeMap<ConnectionClass, Duration>,
    /// Latency from the intended send time, before and during the swap, as felt.
    pub latency: Latencies,
    /// Gateway writes by the orchestrator under test since its start.
    pub gateway_puts: u64,
    /// How long the swap took, as felt.
    pub duration: Duration,
    /// Whether the ledgers obey the conservation law; else what contradicts.
    pub conservation: Result<(), String>,
}

/// One breach of one invariant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violation {
    /// Which invariant.
    pub invariant: Invariant,
    /// When it was first broken.
    pub at: Instant,
    /// The request it was broken on, where it is about one.
    pub request: Option<RequestId>,
    /// A sentence that explains.
    pub what: String,
    /// Catalogue entries whose symptom matches, such as `F33`.
    pub catalogue: Vec<&'static str>,
}

/// One lost request, explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lost {
    /// The request.
    pub id: RequestId,
    /// How it was lost.
    pub outcome: Class,
    /// What kind of work it was.
    pub class: RequestClass,
    /// How its connection was used.
    pub connection: ConnectionClass,
    /// When it was due.
    pub due: Instant,
    /// When the client knew.
    pub ended: Instant,
    /// The likely cause, as a sentence.
    pub why: String,
    /// Catalogue entries whose symptom matches.
    pub catalogue: Vec<&'static str>,
}

/// Requests by outcome class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that left the generator.
    pub sent: u64,
    /// How many ended in each class; absent means none.
    pub by_class: BTreeMap<Class, u64>,
    /// Sent and never ended (INDETERMINATE): counted as lost.
    pub unresolved: u64,
}

impl Counts {
    /// Requests of one class.
    #[must_use]
    pub fn of(&self, class: Class) -> u64 {
        self.by_class.get(&class).copied().unwrap_or(0)
    }

    /// Requests served well, late ones included.
    #[must_use]
    pub fn ok(&self) -> u64 {
        self.sum(Class::is_ok)
    }

    /// Requests lost to the infrastructure, with those that never ended.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.sum(Class::is_loss) + self.unresolved
    }

    /// Requests answered in breach of a promise.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.sum(Class::is_violation)
    }

    fn sum(&self, belongs: impl Fn(Class) -> bool) -> u64 {
        let chosen = self.by_class.iter().filter(|(class, _)| belongs(**class));
        chosen.map(|(_, count)| count).sum()
    }
}

impl Verdict {
    /// Whether nothing was violated. What was lost to the weather alone violates nothing.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.violated.is_empty() && self.conservation.is_ok()
    }

    /// Whether nothing was violated and nothing lost, to the weather neither: what a rehearsal,
    /// where no fault is injected, must show.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.holds() && self.requests.lost() == 0
    }

    /// Whether an invariant was violated.
    #[must_use]
    pub fn violates(&self, invariant: Invariant) -> bool {
        self.violated.contains_key(&invariant)
    }

    /// The longest gap over all connection classes, in milliseconds.
    #[must_use]
    pub fn max_gap_ms(&self) -> f64 {
        let longest = self.max_gap.values().max().copied().unwrap_or_default();
        longest.as_secs_f64() * 1000.0
    }
}

/// Judges a run.
#[must_use]
pub fn judge(observation: &Observation) -> Verdict {
    let timeline = Timeline::new(observation);
    let ledger = Ledger::join(observation, &timeline);
    let gaps = Gaps::measure(observation, &ledger);
    let latencies = latency::measure(observation, &ledger);
    judge_with(observation, &timeline, &ledger, &gaps, latencies)
}

/// What cannot be judged once ordinary requests are forgotten: these weigh good answers against bad
/// ones, a user's answers against one another, or machines by everything they did.
pub(crate) const NEED_ALL: [Invariant; 7] = [
    Invariant::S(7),
    Invariant::S(10),
    Invariant::S(19),
    Invariant::S(20),
    Invariant::L(4),
    Invariant::Q(4),
    Invariant::Q(6),
];

/// Judges a run whose ordinary requests were counted and forgotten as they ended.
pub(crate) fn judge_folded(observation: &Observation, folded: &Folded) -> Verdict {
    let timeline = Timeline::new(observation);
    let ledger = Ledger::join(observation, &timeline);
    let (gaps, latencies) = (&folded.gaps, folded.latencies);
    let mut verdict = judge_with(observation, &timeline, &ledger, gaps, latencies);
    verdict
        .violations
        .retain(|it| !NEED_ALL.contains(&it.invariant));
    verdict.violated.retain(|it, _| !NEED_ALL.contains(it));
    verdict.requests.sent += folded.ordinary;
    if folded.ordinary > 0 {
        *verdict.requests.by_class.entry(Class::Ok).or_default() += folded.ordinary;
    }
    verdict
}

fn judge_with(
    observation: &Observation,
    timeline: &Timeline,
    ledger: &Ledger<'_>,
    gaps: &Gaps,
    latencies: Latencies,
) -> Verdict {
    let case = Case {
        observation,
        timeline,
        ledger,
        gaps,
        latencies: &latencies,
    };
    let (violations, violated) = oracles::judge(&case);
    Verdict {
        requests: count(observation, ledger),
        violations,
        violated,
        lost: lost(&case),
        max_gap: gaps.by_connection(observation),
        latency: latencies,
        gateway_puts: gateway_puts(observation),
        duration: observation.felt(
            observation
                .window
                .swap_end
                .since(observation.window.swap_start),
        ),
        conservation: match ledger.contradictions().first() {
            None => Ok(()),
            Some(contradiction) => Err(contradiction.clone()),
        },
    }
}

fn count(observation: &Observation, ledger: &Ledger<'_>) -> Counts {
    let mut counts = [0u64; Class::ALL.len()];
    for request in ledger.requests() {
        counts[request.class() as usize] += 1;
    }
    let present = Class::ALL
        .into_iter()
        .zip(counts)
        .filter(|(_, count)| *count > 0);
    Counts {
        sent: observation.sent,
        by_class: present.collect(),
        unresolved: ledger.unresolved(),
    }
}

fn lost(case: &Case<'_>) -> Vec<Lost> {
    let mut lost: Vec<Request<'_>> = case
        .ledger
        .requests()
        .filter(|request| request.class().is_loss())
        .collect();
    lost.sort_by_key(|request| (request.client().ended, request.client().id));
    lost.truncate(NAMED_LOSSES);
    lost.into_iter()
        .map(|request| explain(case, request))
        .collect()
}

fn explain(case: &Case<'_>, request: Request<'_>) -> Lost {
    let client = request.client();
    let cause = Cause::of(case, request);
    Lost {
        id: client.id,
        outcome: request.class(),
        class: client.class,
        connection: client.connection,
        due: client.due,
        ended: client.ended,
        why: cause.sentence(&case.observation.declared),
        catalogue: cause.catalogue().to_vec(),
    }
}

fn gateway_puts(observation: &Observation) -> u64 {
    let declared = &observation.declared;
    let ours = observation
        .events_of_the_swap()
        .filter(|timed| match &timed.event {
            Event::GatewayWritten {
                gateway, caller, ..
            } => *gateway == declared.gateway && declared.is_ours(caller),
            _ => false,
        });
    ours.count() as u64
}
