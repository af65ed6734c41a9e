//! Real runs to measure the harness on, and what can be done to their ledgers.

use turquoise_emulator::Instant;
use turquoise_emulator::ledger::{Attempt, ClientEntry, Fault, RequestId, Seen};

use crate::breaks::Break;
use crate::generate;
use crate::observation::Observation;
use crate::run::{Level, Ran, Runner};
use crate::scenario::Scenario;
use crate::subject::Subject;

/// The seed of the runs; any other would do.
const SEED: u64 = 7;

/// Runs scenarios for meta-tests; systems are deployed once.
#[derive(Clone, Debug, Default)]
pub struct Bench {
    runner: Runner,
}

impl Bench {
    /// A bench without any run yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A bench that shares the systems which a runner has deployed.
    #[must_use]
    pub fn on(runner: &Runner) -> Self {
        Self {
            runner: runner.clone(),
        }
    }

    /// A scenario, run.
    pub(crate) fn ran(&self, subject: Subject, scenario: &Scenario) -> Result<Ran, String> {
        let ran = self.runner.run(Level::Core, subject, scenario);
        ran.map_err(|error| error.to_string())
    }

    /// The reference's swap on a calm day: nothing is lost.
    pub(crate) fn calm(&self) -> Result<Observation, String> {
        self.calm_at(None)
    }

    /// The same with that many requests a second.
    pub(crate) fn calm_at(&self, rate: Option<f64>) -> Result<Observation, String> {
        let mut scenario = generate::calm(SEED);
        if let Some(rate) = rate {
            scenario.traffic.profile.rate = rate;
        }
        let ran = self.ran(Subject::Turquoise, &scenario)?;
        Ok(ran.observation)
    }

    /// A swap straight to a side that is still starting: what is due meanwhile is lost.
    pub(crate) fn losing(&self) -> Result<Observation, String> {
        let ran = self.ran(Subject::Broken(Break::NoOverlap), &generate::calm(SEED))?;
        Ok(ran.observation)
    }
}

/// The server resets these requests before any instance sees them.
pub(crate) fn reset(run: &mut Observation, hit: impl Fn(&ClientEntry) -> bool) {
    damage(run, hit, Seen::Reset);
}

/// Nobody answers what is due in a span.
pub(crate) fn stop(run: &mut Observation, from: Instant, until: Instant) {
    reset(run, |entry| (from..until).contains(&entry.due));
}

fn damage(run: &mut Observation, hit: impl Fn(&ClientEntry) -> bool, seen: Seen) {
    let ledgers = &mut run.ledgers;
    let mut ids: Vec<RequestId> = Vec::new();
    for entry in ledgers.clients.iter_mut().filter(|entry| hit(entry)) {
        entry.seen = seen;
        ids.push(entry.id);
    }
    ids.sort_unstable();
    let is_hit = |id: RequestId| ids.binary_search(&id).is_ok();
    ledgers.instances.retain(|entry| !is_hit(entry.id));
    for attempt in ledgers.gateway.iter_mut().filter(|entry| is_hit(entry.id)) {
        attempt.outcome = Attempt::Failed {
            fault: Fault::Refused,
            status: 502,
        };
    }
}

/// The generator never sent these requests, or nobody will ever know that it did.
pub(crate) fn forget(run: &mut Observation, forgotten: impl Fn(&ClientEntry) -> bool) {
    let ledgers = &mut run.ledgers;
    let mut ids: Vec<RequestId> = Vec::new();
    ledgers.clients.retain(|entry| {
        if forgotten(entry) {
            ids.push(entry.id);
        }
        !forgotten(entry)
    });
    ids.sort_unstable();
    let is_known = |id: RequestId| ids.binary_search(&id).is_err();
    ledgers.gateway.retain(|entry| is_known(entry.id));
    ledgers.instances.retain(|entry| is_known(entry.id));
    run.sent -= ids.len() as u64;
}

/// Red unless the statement holds.
pub(crate) fn require(holds: bool, measured: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(measured()) }
}
