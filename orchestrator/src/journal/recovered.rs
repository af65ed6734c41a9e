//! What a journal says of its run: the same fold for `resume`, `status` and `history`.

use std::collections::BTreeMap;

use super::record::{Entry, Record};
use crate::gates::HookAnswer;
use crate::phase::Phase;
use crate::plan::Sides;
use crate::report::{GatewayWrite, Outcome};
use crate::swap::machine::State;
use crate::view::autoscale::Limits;
use turquoise_arm::ResourceId;

/// An autoscale setting that was or is about to be pinned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pin {
    pub(crate) side: String,
    pub(crate) setting: ResourceId,
    pub(crate) originals: Vec<Limits>,
    pub(crate) count: u32,
}

/// A scale set that was or is about to be scaled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) side: String,
    pub(crate) scale_set: ResourceId,
    pub(crate) from: u32,
}

/// What a hook was asked and said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HookPast {
    /// How often it is known to have been asked.
    pub(crate) attempts: u32,
    /// The last answer; `None` when the first call was never answered.
    pub(crate) answer: Option<(HookAnswer, String)>,
}

/// A run as its journal tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recovered {
    /// The last state whose work had begun or was about to.
    pub(crate) state: Option<State>,
    pub(crate) sides: Option<Sides>,
    pub(crate) required: u32,
    pub(crate) old_build: Option<String>,
    pub(crate) new_build: Option<String>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) scales: Vec<Scale>,
    pub(crate) writes: Vec<GatewayWrite>,
    /// Operations of gateway writes that may still run.
    pub(crate) operations: Vec<String>,
    /// Whether Azure is known to have done what the last of the writes asks for.
    pub(crate) landed: bool,
    /// The etag that the last of the writes replaces.
    pub(crate) replaces: Option<String>,
    /// What hooks said, by name.
    pub(crate) hooks: BTreeMap<String, HookPast>,
    /// Whether it was begun to bring back what an earlier run had replaced.
    pub(crate) rollback: Option<bool>,
    /// How the last process ended; `None` when it died.
    pub(crate) outcome: Option<Outcome>,
}

impl Recovered {
    /// Folds a journal's entries.
    pub(crate) fn replay(entries: &[Entry]) -> Self {
        let mut run = Self::default();
        for entry in entries {
            run.apply(&entry.record);
        }
        run
    }

    fn apply(&mut self, record: &Record) {
        match record.clone() {
            // A run is what its first process was asked for.
            Record::Began { rollback, .. } => {
                self.rollback.get_or_insert(rollback);
                self.outcome = None;
            }
            Record::Planned {
                sides, required, ..
            } => {
                self.sides = Some(sides);
                self.required = required;
            }
            // A parked run goes on from where it was parked, an ended one nowhere.
            Record::Entered {
                state: State::Parked(_),
            } => {}
            Record::Entered { state } => self.state = Some(state),
            Record::Builds { old, new } => {
                self.old_build = old;
                self.new_build = new;
            }
            Record::Pinning {
                side,
                setting,
                originals,
                count,
            } => {
                self.pin(Pin {
                    side,
                    setting,
                    originals,
                    count,
                });
            }
            Record::Scaling {
                side,
                scale_set,
                from,
                ..
            } => {
                self.scale(Scale {
                    side,
                    scale_set,
                    from,
                });
            }
            Record::Writing { write, etag, .. } => {
                self.writes.push(write);
                self.landed = false;
                self.replaces = etag;
            }
            Record::Written {
                accepted,
                operation,
                ..
            } => {
                if let Some(last) = self.writes.last_mut() {
                    last.accepted = accepted;
                }
                self.landed = accepted == Some(true) && operation.is_none();
                self.operations.extend(operation);
            }
            Record::Settled { members } => {
                self.operations.clear();
                self.resolve(&members);
                self.landed |= self.writes.last().is_some_and(|last| last.to == members);
            }
            Record::Evidence { .. } => {}
            Record::HookCalled { hook, .. } => self.hooks.entry(hook).or_default().attempts = 1,
            Record::HookAnswered {
                hook,
                attempt,
                answer,
                detail,
            } => {
                let answer = Some((answer, detail));
                let past = HookPast {
                    attempts: attempt,
                    answer,
                };
                self.hooks.insert(hook, past);
            }
            Record::Restored { .. } => {
                self.pins.clear();
                self.scales.clear();
            }
            Record::Ended { outcome, .. } => {
                self.outcome = Some(outcome);
                // Who goes on with a run that was parked wants to hear whether its hooks agree now.
                let agreed =
                    |past: &HookPast| matches!(past.answer, Some((HookAnswer::Succeeded, _)));
                self.hooks.retain(|_, past| agreed(past));
            }
        }
    }

    /// A write whose reply was lost acted if the pool now lists what it asked for.
    fn resolve(&mut self, members: &[std::net::Ipv4Addr]) {
        if let Some(last) = self.writes.last_mut()
            && last.accepted.is_none()
        {
            last.accepted = Some(last.to == members);
        }
    }

    /// The first originals are the true ones: a second pin finds the first one's limits.
    fn pin(&mut self, pin: Pin) {
        if !self.pins.iter().any(|known| known.setting == pin.setting) {
            self.pins.push(pin);
        }
    }

    fn scale(&mut self, scale: Scale) {
        if !self
            .scales
            .iter()
            .any(|known| known.scale_set == scale.scale_set)
        {
            self.scales.push(scale);
        }
    }

    /// Whether nobody knows if the last write acted: its answer was never written down.
    pub(crate) fn is_unheard(&self) -> bool {
        self.writes
            .last()
            .is_some_and(|last| last.accepted.is_none())
    }

    /// Whether the run touched something and is not over: then nothing else may begin.
    pub(crate) fn is_open(&self) -> bool {
        match self.state {
            None | Some(State::Observing | State::Preflighting | State::Ended(_)) => false,
            Some(_) => true,
        }
    }

    /// Whether its process died before it touched anything: its lease is left behind all the same,
    /// so that taking up this run is the quickest way to begin again.
    pub(crate) fn died_early(&self) -> bool {
        let early = matches!(
            self.state,
            None | Some(State::Observing | State::Preflighting)
        );
        early && self.outcome.is_none()
    }

    /// Whether its process died after its work was done and before it had given account: whoever takes
    /// it up has only that left to do.
    pub(crate) fn died_unaccounted(&self) -> bool {
        matches!(self.state, Some(State::Ended(_))) && self.outcome.is_none()
    }

    /// Whether somebody should take it up.
    pub(crate) fn has_more_to_do(&self) -> bool {
        self.is_open() || self.died_early() || self.died_unaccounted()
    }

    /// The last phase entered.
    pub(crate) fn phase(&self) -> Phase {
        self.state
            .map_or(Phase::P0, |state| state.phase().unwrap_or(Phase::P11))
    }
}
