//! Q6: no user sees only failures for a minute.
//!
//! Unavailability as users have it, not as requests do: a minute counts for a user who asked for
//! more than once and was never served (windowed user-uptime, failure-catalogue.md D.4).

use std::collections::BTreeMap;

use turquoise_emulator::Instant;
use turquoise_emulator::ledger::User;

use crate::cause::Cause;
use crate::invariant::Invariant;
use crate::ledger::{Class, Request};
use crate::oracles::{Case, Findings, Oracle, at_place};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::Q(6),
    judge,
};

/// The length of a window, in milliseconds.
const MINUTE_MS: u64 = 60_000;
/// A single failure is a lost request and no outage.
const LEAST_REQUESTS: u64 = 2;

/// What became of one user's requests in one minute.
#[derive(Default)]
struct Minute {
    lost: u64,
    served: u64,
}

fn judge(case: &Case<'_>, findings: &mut Findings) {
    // By minute, then by user: users are numbered without gaps.
    let mut minutes: BTreeMap<u64, Vec<Minute>> = BTreeMap::new();
    for request in case.ledger.requests() {
        let Some(served) = outcome(case, request) else {
            continue;
        };
        let client = request.client();
        let window = client.due.as_millis() / MINUTE_MS;
        let minute = at_place(minutes.entry(window).or_default(), client.user.into());
        if served {
            minute.served += 1;
        } else {
            minute.lost += 1;
        }
    }
    for (user, window, lost) in outages(minutes) {
        let at = Instant::from_millis(window * MINUTE_MS);
        findings.report(at, &["F49", "F53", "F55"], || {
            format!("user {user} saw nothing but {lost} failures in the minute from {at}")
        });
    }
}

/// Whom nothing served in which minute, and how often; by user, then in order of time.
fn outages(minutes: BTreeMap<u64, Vec<Minute>>) -> Vec<(User, u64, u64)> {
    let minutes = minutes.into_iter().flat_map(|(window, users)| {
        let users = (0..).zip(users);
        users.map(move |(user, minute)| (user, window, minute))
    });
    let out = minutes.filter(|(_, _, it)| it.served == 0 && it.lost >= LEAST_REQUESTS);
    let mut out: Vec<_> = out.map(|(user, at, it)| (user, at, it.lost)).collect();
    out.sort_unstable();
    out
}

/// Whether a request was served; `None` for one that says nothing about the service.
fn outcome(case: &Case<'_>, request: Request<'_>) -> Option<bool> {
    match request.class() {
        Class::ClientAbort | Class::StreamCut => None,
        class if class.is_loss() => (!Cause::of(case, request).is_weather()).then_some(false),
        _ => Some(true),
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    lost_from(120, 180)
}

/// Everything that one user asks for between two seconds is lost.
#[cfg(test)]
fn lost_from(from: u64, to: u64) -> crate::Observation {
    use turquoise_emulator::ledger::Fault;

    use crate::sample::{clean, fail, secs};
    let mut observation = clean();
    for index in 0..observation.ledgers.clients.len() {
        let entry = observation.ledgers.clients[index];
        if entry.user == 3 && entry.due >= secs(from) && entry.due < secs(to) {
            fail(&mut observation, index, Fault::Reset);
        }
    }
    observation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_good_answer_a_minute_is_enough_here() {
        // The user asks once a second; 120 s to 180 s is one minute of the clock.
        for (from, to, violated) in [(120, 180, true), (121, 180, false), (120, 179, false)] {
            let verdict = crate::judge(&lost_from(from, to));
            assert_eq!(
                verdict.violates(Invariant::Q(6)),
                violated,
                "{from} to {to} s"
            );
        }
    }
}
