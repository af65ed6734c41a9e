//! The account a run gives at its end.

use crate::environment::Environment;
use crate::journal::Record;
use crate::phase::Phase;
use crate::report::{GatewayWrite, Outcome, PoolReport, SideReport, SwapReport};

use super::drive::{Driven, Driver, Memory};
use super::event::Reason;
use super::machine::{Ending, State};

impl<E: Environment> Driver<'_, E> {
    /// Writes the end into the journal, gives the lease back and reports.
    pub(super) async fn account(&self, driven: Driven) -> SwapReport {
        let outcome = match outcome(driven) {
            Outcome::Interrupted if self.paused.borrow().is_some() => Outcome::Paused,
            Outcome::Refused if self.memory.borrow().stale => Outcome::Stale,
            outcome => outcome,
        };
        let reason = self.reason(driven);
        let ended = Record::Ended {
            outcome: outcome.clone(),
            reason: reason.clone(),
        };
        let epoch = self.lease.epoch();
        // A journal that cannot take this line already is the reason why we end.
        let written = self.journal.write(self.run.environment, epoch, ended).await;
        // Given back also by a run that is not over: its journal keeps others from beginning anew,
        // and whoever resumes or rolls it back need not wait (F80).
        let released = self.lease.release().await;
        let mut report = report(&self.memory.borrow(), driven, outcome, reason);
        report.run = self.journal.run().to_string();
        report.resume = report.resume.map(|verb| format!("{verb} {}", report.run));
        let left = [
            written.err().map(|e| crate::error_text(&e)),
            released.err().map(|e| e.to_string()),
        ];
        report.residue.extend(left.into_iter().flatten());
        report
    }

    fn reason(&self, driven: Driven) -> String {
        match driven {
            Driven::Final(State::Ended(Ending::Completed)) => String::new(),
            Driven::Detached(_) => self.paused.borrow().as_ref().map_or_else(
                || "stopped at a safe point on request".to_owned(),
                |asked| format!("paused at a safe point, {asked}"),
            ),
            Driven::Final(State::Parked(why)) => explained(why, &self.memory.borrow().reason),
            Driven::Final(_) => self.memory.borrow().reason.clone(),
        }
    }
}

/// The reason for parking, with what led to it. Whether it was the control plane or the journal that
/// could not be reached, only the detail knows.
fn explained(why: Reason, detail: &str) -> String {
    if why == Reason::Unavailable && !detail.is_empty() {
        return detail.to_owned();
    }
    let remedy = match why {
        Reason::Denied if detail.contains("(403)") => {
            "; `turquoise init --roles` writes the role that a swap needs"
        }
        _ => "",
    };
    format!("{}{remedy}", told(&why.to_string(), detail))
}

fn told(why: &str, detail: &str) -> String {
    match detail {
        "" => why.to_owned(),
        _ if detail.contains(why) => detail.to_owned(),
        _ => format!("{why}: {detail}"),
    }
}

fn outcome(driven: Driven) -> Outcome {
    let state = match driven {
        Driven::Detached(_) => return Outcome::Interrupted,
        Driven::Final(state) => state,
    };
    match state {
        State::Ended(Ending::Completed) => Outcome::Completed,
        State::Ended(Ending::NothingToDo) => Outcome::NothingToDo,
        State::Ended(Ending::Refused) => Outcome::Refused,
        State::Ended(Ending::Abandoned) => Outcome::GateFailed,
        State::Ended(Ending::RolledBack) => Outcome::RolledBack,
        State::Ended(Ending::RolledBackUnverified) => Outcome::RolledBackUnverified,
        State::Parked(Reason::Denied) => Outcome::Unauthorised,
        State::Parked(Reason::Unavailable) => Outcome::Unavailable,
        _ => Outcome::Parked,
    }
}

fn report(memory: &Memory, driven: Driven, outcome: Outcome, reason: String) -> SwapReport {
    let over = matches!(driven, Driven::Final(State::Ended(_)));
    let pinned = !memory.pins.is_empty() || !memory.scales.is_empty();
    let touched = pinned && !memory.restored;
    let old = side(memory, |sides| &sides.old, &memory.old_build);
    let new = side(memory, |sides| &sides.new, &memory.new_build);
    // A write whose answer nobody has seen may have acted: then nobody can say "unchanged" (S23).
    let may_have_moved = |write: &GatewayWrite| write.accepted != Some(false);
    let moved = memory.writes.iter().any(may_have_moved) && !matches!(outcome, Outcome::RolledBack);
    let pinned = memory.pins.iter().filter(|_| touched);
    let pinned = pinned.map(|pin| format!("`{}` is still pinned", pin.setting));
    SwapReport {
        run: String::new(),
        phase: memory.phases.last().map_or(Phase::P0, |last| last.phase),
        changed: moved || touched || !memory.residue.is_empty(),
        pool: PoolReport {
            arm: memory.pool.clone(),
            effective: effective(&[&old, &new], &memory.seen),
        },
        gateway_puts: memory.gateway_puts(),
        old,
        new,
        phases: memory.phases.clone(),
        writes: memory.writes.clone(),
        residue: memory.residue.iter().cloned().chain(pinned).collect(),
        resume: (!over).then(|| "turquoise resume".to_owned()),
        outcome,
        reason,
    }
}

fn side(
    memory: &Memory,
    pick: impl Fn(&crate::plan::Sides) -> &crate::plan::Member,
    build: &Option<String>,
) -> Option<SideReport> {
    let member = pick(memory.sides.as_ref()?);
    Some(SideReport {
        name: member.name.clone(),
        address: member.address,
        build: build.clone(),
    })
}

/// Sides whose build answered in the last look.
fn effective(sides: &[&Option<SideReport>], seen: &[String]) -> Vec<std::net::Ipv4Addr> {
    let sides = sides.iter().filter_map(|side| side.as_ref());
    sides
        .filter(|side| {
            side.build
                .as_ref()
                .is_some_and(|build| seen.contains(build))
        })
        .map(|side| side.address)
        .collect()
}

/// A report of a run that never began.
pub(super) fn refused(outcome: Outcome, reason: String) -> Box<SwapReport> {
    let nowhere = Driven::Final(State::Ended(Ending::Refused));
    let mut report = report(&Memory::default(), nowhere, outcome, reason);
    report.resume = None;
    Box::new(report)
}
