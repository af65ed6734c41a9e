//! S7: a user who saw the new side does not see the old one again.
//!
//! Under the policy `mixed` this holds once the old side has been removed; under `monotone` from the
//! first answer of the new side on. The way back ends the promise: whoever rolls back says so. So
//! does a stranger who brings the old side back: that is not the orchestrator's doing.

use turquoise_emulator::Instant;
use turquoise_emulator::ledger::{ConnectionClass, RequestId, User};

use crate::invariant::Invariant;
use crate::ledger::Request;
use crate::observation::{Role, Sessions};
use crate::oracles::writes::strangers_writes;
use crate::oracles::{Case, Findings, Oracle, at_place};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(7),
    judge,
};

/// An answer of one side to a user.
struct Answer {
    dispatched: Instant,
    ended: Instant,
    id: RequestId,
    role: Role,
}

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let declared = &case.observation.declared;
    if declared.old.build == declared.new.build {
        return;
    }
    let returned = returned_by_a_stranger(case);
    for (user, mut answers) in (0..).zip(by_user(case)) {
        answers.retain(|answer| returned.is_none_or(|at| answer.dispatched < at));
        judge_user(case, user, &answers, findings);
    }
}

/// When a stranger's write first brought the old side back into a pool that had lost it.
fn returned_by_a_stranger(case: &Case<'_>) -> Option<Instant> {
    let writes = strangers_writes(case);
    let mut returned = writes
        .iter()
        .filter(|write| write.added().any(|role| role == Role::Old));
    returned.next().map(|write| write.at)
}

/// Every user's answers from the swap's start on, by when they were dispatched. Users are numbered
/// without gaps.
fn by_user(case: &Case<'_>) -> Vec<Vec<Answer>> {
    let mut users: Vec<Vec<Answer>> = Vec::new();
    let start = case.observation.window.swap_start;
    for request in case.ledger.requests() {
        if let Some(answer) = answer(case, request).filter(|a| a.dispatched >= start) {
            at_place(&mut users, request.client().user.into()).push(answer);
        }
    }
    for answers in &mut users {
        answers.sort_by_key(|answer| (answer.dispatched, answer.id));
    }
    users
}

fn answer(case: &Case<'_>, request: Request<'_>) -> Option<Answer> {
    let client = request.client();
    let sent = client.connection != ConnectionClass::Direct;
    let build = request.build().filter(|_| sent)?;
    Some(Answer {
        dispatched: request.dispatched(),
        ended: client.ended,
        id: client.id,
        role: case.observation.declared.role_of_build(build)?,
    })
}

fn judge_user(case: &Case<'_>, user: User, answers: &[Answer], findings: &mut Findings) {
    let epsilon = case.observation.declared.policy.epsilon;
    // The earliest end of an answer by the new side that binds: what was asked before may come
    // from either.
    let mut bound: Option<Instant> = None;
    for answer in answers {
        if is_on_the_way_back(case, answer.dispatched) {
            bound = None;
            continue;
        }
        match answer.role {
            Role::New if binds(case, answer.dispatched) => {
                bound = Some(bound.map_or(answer.ended, |known| known.min(answer.ended)));
            }
            Role::Old if bound.is_some_and(|since| answer.dispatched > since + epsilon) => {
                let catalogue = &["F34", "F42", "F50", "F113"];
                findings.report_request(answer.dispatched, answer.id, catalogue, || {
                    format!(
                        "user {user} had been served by the new side and got request {} answered by the old one",
                        answer.id
                    )
                });
            }
            Role::Old | Role::New => {}
        }
    }
}

/// Whether an answer of the new side at an instant is a promise.
fn binds(case: &Case<'_>, at: Instant) -> bool {
    match case.observation.declared.policy.sessions {
        Sessions::Monotone => true,
        Sessions::Mixed => !case.timeline.allowed_at(at).permits(Role::Old),
    }
}

fn is_on_the_way_back(case: &Case<'_>, at: Instant) -> bool {
    let mark = case.timeline.phase_at(at);
    mark.is_some_and(|mark| mark.reverse)
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use turquoise_emulator::ledger::Seen;

    use crate::sample::{at, clean, secs};
    let mut observation = clean();
    // P9 begins at 180 s: the user's request before this one was answered by the new side.
    let late = at(&observation, secs(190));
    observation.ledgers.clients[late].seen = Seen::Answer {
        status: 200,
        build: Some(0),
        complete: true,
    };
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::clean;

    #[test]
    fn mixing_is_a_breach_only_where_it_was_promised_not_to() {
        for (sessions, violated) in [(Sessions::Mixed, false), (Sessions::Monotone, true)] {
            let mut observation = clean();
            observation.declared.policy.sessions = sessions;
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(7)), violated, "{sessions:?}");
        }
    }

    #[test]
    fn the_way_back_ends_the_promise() {
        let mut observation = broken();
        assert!(crate::judge(&observation).violates(Invariant::S(7)));
        for mark in &mut observation.phases {
            mark.reverse = mark.phase >= 9;
        }
        assert!(!crate::judge(&observation).violates(Invariant::S(7)));
    }
}
