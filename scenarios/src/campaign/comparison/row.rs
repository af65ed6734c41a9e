//! One orchestrator under one trouble, summed over its scenarios.

use std::collections::BTreeMap;

use serde::Serialize;
use turquoise_emulator::Event;

use crate::generate::Trouble;
use crate::invariant::Invariant;
use crate::observation::Observation;
use crate::run::Ran;
use crate::subject::Subject;
use crate::world::FOREIGN_CALLER;

/// How one orchestrator fared under one trouble; runs are added in any order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The trouble's name.
    pub fault: &'static str,
    /// Who swapped.
    pub orchestrator: String,
    /// Scenarios run.
    pub scenarios: u64,
    /// Scenarios in which the trouble took effect: who never asks is never refused.
    pub hit: u64,
    /// Scenarios in which a request was lost or a promise broken.
    pub failed: u64,
    /// Requests sent.
    pub sent: u64,
    /// Requests lost.
    pub lost: u64,
    /// Scenarios by how the orchestrator says it ended.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Its gateway writes.
    pub gateway_puts: u64,
    /// Scenarios by the invariant it broke in them.
    pub violated: BTreeMap<Invariant, u64>,
}

impl Compared {
    pub(super) fn new(trouble: Trouble, subject: Subject) -> Self {
        Self {
            fault: trouble.name(),
            orchestrator: subject.to_string(),
            scenarios: 0,
            hit: 0,
            failed: 0,
            sent: 0,
            lost: 0,
            outcomes: BTreeMap::new(),
            gateway_puts: 0,
            violated: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, ran: &Ran) {
        let verdict = &ran.verdict;
        let end = ran.observation.end;
        let outcome = end.map_or("never ended", |end| end.outcome.name());
        self.scenarios += 1;
        self.hit += u64::from(is_hit(&ran.observation));
        self.failed += u64::from(!verdict.holds());
        self.sent += verdict.requests.sent;
        self.lost += verdict.requests.lost();
        *self.outcomes.entry(outcome).or_default() += 1;
        self.gateway_puts += verdict.gateway_puts;
        for invariant in verdict.violated.keys() {
            *self.violated.entry(*invariant).or_default() += 1;
        }
    }
}

/// Whether an injected fault acted or another pipeline's request was answered well.
fn is_hit(observation: &Observation) -> bool {
    let mut events = observation.events.iter();
    events.any(|timed| match &timed.event {
        Event::FaultHit { .. } => true,
        Event::GatewayWritten { caller, .. } => caller.starts_with(FOREIGN_CALLER),
        _ => false,
    })
}
