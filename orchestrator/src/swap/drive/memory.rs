//! What a process remembers of its run. What must survive a crash is in the journal too.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::environment::Instant;
use crate::gates::HookAnswer;
use crate::gates::Tally;
use crate::journal::{HookPast, Pin, Recovered, Scale};
use crate::observer::Progress;
use crate::phase::Phase;
use crate::plan::Sides;
use crate::report::{GatewayWrite, PhaseReport};
use crate::swap::machine::State;
use crate::view::gateway::Entry;

/// What reads may take before the first wait of a state names its own ceiling: as long as the ARM
/// client repeats one, and the time of the last try.
const FIRST_LOOK: Duration = Duration::from_secs(180);

/// One run's memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) sides: Option<Sides>,
    pub(crate) required: u32,
    pub(crate) old_build: Option<String>,
    pub(crate) new_build: Option<String>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) scales: Vec<Scale>,
    pub(crate) writes: Vec<GatewayWrite>,
    /// Etags that writes of ours have replaced: a read that still shows one is stale (F67).
    pub(crate) replaced: Vec<String>,
    /// What the old side answered before the change.
    pub(crate) baseline: Tally,
    /// Where our own probes enter, once known.
    pub(crate) entrance: Option<(Ipv4Addr, Vec<Entry>)>,
    /// Members as ARM last told them.
    pub(crate) pool: Vec<Ipv4Addr>,
    /// Looks of this phase in which the gateway called the new side healthy although its last probe
    /// had failed.
    pub(crate) doubts: u32,
    /// Builds in the last look.
    pub(crate) seen: Vec<String>,
    /// Why the run is where it is, in one line.
    pub(crate) reason: String,
    /// What hooks said, by name.
    pub(crate) hooks: BTreeMap<String, HookPast>,
    /// Whether the world is not the one that was approved.
    pub(crate) stale: bool,
    /// What could not be put back.
    pub(crate) residue: Vec<String>,
    /// Whether pins and scales were put back.
    pub(crate) restored: bool,
    pub(crate) phases: Vec<PhaseReport>,
    /// The state being worked on.
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    state: State,
    entered: Instant,
    /// Whether its phase has begun.
    announced: bool,
    /// Whether it waits for more than its first look.
    waits: bool,
    /// When the current wait gives up.
    deadline: Instant,
    missing: Vec<String>,
    evidence: Vec<String>,
}

impl Memory {
    /// What the journal knows.
    pub(crate) fn of(recovered: &Recovered) -> Self {
        Self {
            sides: recovered.sides.clone(),
            required: recovered.required,
            old_build: recovered.old_build.clone(),
            new_build: recovered.new_build.clone(),
            pins: recovered.pins.clone(),
            scales: recovered.scales.clone(),
            writes: recovered.writes.clone(),
            hooks: recovered.hooks.clone(),
            ..Self::default()
        }
    }

    /// Begins a state's work; until it has looked for the first time it waits for that look (L6).
    pub(crate) fn enter(&mut self, state: State, now: Instant) {
        self.doubts = 0;
        self.take_up(state, now);
    }

    /// A phase begins once it is written down.
    pub(crate) fn announce(&mut self, now: Instant) -> Option<(Phase, bool)> {
        let current = self.current.as_mut()?;
        let (phase, reverse) = (current.state.phase()?, current.state.is_reverse());
        current.announced = true;
        self.phases.push(PhaseReport {
            phase,
            reverse,
            entered_ms: now.0,
            left_ms: now.0,
            evidence: Vec::new(),
        });
        Some((phase, reverse))
    }

    /// Stands in a state without having begun its work: a resumed run first sees what is.
    pub(crate) fn take_up(&mut self, state: State, now: Instant) {
        self.current = Some(Current {
            state,
            entered: now,
            announced: false,
            waits: false,
            deadline: now + FIRST_LOOK,
            missing: vec!["a first look".to_owned()],
            evidence: Vec::new(),
        });
    }

    /// Closes the current phase: which, and what was proven or why it was left.
    pub(crate) fn leave(&mut self, now: Instant) -> Option<(Phase, Vec<String>)> {
        let current = self.current.take().filter(|current| current.announced)?;
        let phase = current.state.phase()?;
        let mut evidence = current.evidence;
        if evidence.is_empty() && !self.reason.is_empty() {
            evidence.push(self.reason.clone());
        }
        if let Some(report) = self.phases.last_mut() {
            report.left_ms = now.0;
            report.evidence.clone_from(&evidence);
        }
        Some((phase, evidence))
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.current.as_ref().map(|current| current.state)
    }

    /// When the current wait gives up.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.current.as_ref().map(|current| current.deadline)
    }

    /// Says when the current wait gives up, and gives back what the wait around it said; nothing where
    /// there was none.
    pub(crate) fn set_deadline(&mut self, deadline: Instant) -> Option<Instant> {
        let current = self.current.as_mut()?;
        let around = current.waits.then_some(current.deadline);
        (current.deadline, current.waits) = (deadline, true);
        around
    }

    pub(crate) fn set_missing(&mut self, missing: Vec<String>) {
        if let Some(current) = &mut self.current {
            current.missing = missing;
        }
    }

    pub(crate) fn missing(&self) -> String {
        let missing = self
            .current
            .as_ref()
            .map(|current| current.missing.join("; "));
        missing.unwrap_or_default()
    }

    pub(crate) fn set_evidence(&mut self, evidence: Vec<String>) {
        if let Some(current) = &mut self.current {
            current.evidence = evidence;
        }
    }

    /// What a hook's wait must leave as it was: why the run is where it is, and what is proven.
    pub(crate) fn kept(&self) -> (String, Vec<String>) {
        let current = self.current.as_ref();
        let evidence = current.map(|current| current.evidence.clone());
        (self.reason.clone(), evidence.unwrap_or_default())
    }

    /// Takes back what a hook's wait was to leave alone, beside what the hook itself proved.
    pub(crate) fn keep(&mut self, (reason, mut evidence): (String, Vec<String>)) {
        self.reason = reason;
        if let Some(current) = &mut self.current {
            for line in current.evidence.drain(..) {
                if !evidence.contains(&line) {
                    evidence.push(line);
                }
            }
            current.evidence = evidence;
        }
    }

    /// After a hook's wait the state's own work has its time for a first look again.
    pub(crate) fn look_anew(&mut self, now: Instant) {
        self.set_deadline(now + FIRST_LOOK);
        self.set_missing(vec!["a first look".to_owned()]);
    }

    /// Counts a call of that hook.
    pub(crate) fn attempt(&mut self, hook: &str) -> u32 {
        let past = self.hooks.entry(hook.to_owned()).or_default();
        past.attempts += 1;
        past.attempts
    }

    /// Whether the hook said something else the last time.
    pub(crate) fn is_news(&mut self, hook: &str, said: &Option<(HookAnswer, String)>) -> bool {
        let past = self.hooks.entry(hook.to_owned()).or_default();
        let news = past.answer != *said;
        past.answer.clone_from(said);
        news
    }

    /// The notice of the current wait, if there is one.
    pub(crate) fn waiting(&self, now: Instant) -> Option<Progress> {
        let current = self.current.as_ref()?;
        Some(Progress::Waiting {
            phase: current.state.phase()?,
            elapsed: now.since(current.entered),
            ceiling: current.deadline.since(current.entered),
            missing: current.missing.clone(),
        })
    }

    /// Whether a gateway write of this run acted, or nobody knows.
    pub(crate) fn may_have_written(&self) -> bool {
        self.writes
            .iter()
            .any(|write| write.accepted != Some(false))
    }

    /// Gateway writes that Azure accepted.
    pub(crate) fn gateway_puts(&self) -> u32 {
        let accepted = self
            .writes
            .iter()
            .filter(|write| write.accepted == Some(true));
        u32::try_from(accepted.count()).unwrap_or(u32::MAX)
    }
}
