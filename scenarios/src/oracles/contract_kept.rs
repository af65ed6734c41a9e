//! S9: the application's contract holds: what a client gets is what it asked for, across pages and
//! their files, sessions and their data, whichever side serves.
//!
//! The check is the client's own, of the answer's content; a status alone proves nothing (H04).

use turquoise_emulator::ledger::Contract;

use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(9),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let start = case.observation.window.swap_start;
    let broken = case.ledger.requests().filter(|request| {
        let client = request.client();
        client.contract != Contract::Kept && client.due >= start
    });
    for request in broken {
        let client = request.client();
        let (what, catalogue) = symptom(client.contract);
        findings.report_request(client.ended, client.id, catalogue, || {
            let by = request.build().map_or_else(
                || "nobody".to_owned(),
                |build| case.observation.build_name(build),
            );
            format!("request {}, answered by {by}, {what}", client.id)
        });
    }
}

/// What the client found, and the entries of the catalogue that look so.
const fn symptom(contract: Contract) -> (&'static str, &'static [&'static str]) {
    match contract {
        Contract::Kept => ("got what it asked for", &[]),
        Contract::MissingAsset => ("did not find a file that its page named", &["F109"]),
        Contract::UnknownToken => ("presented a token that was not accepted", &["F110"]),
        Contract::UnreadableRecord => ("could not get its user's own data", &["F108"]),
        Contract::PoisonedCache => (
            "met an entry of a shared cache that nobody could read",
            &["F111"],
        ),
        Contract::WrongSettings => ("worked on the data of another environment", &["F105"]),
        Contract::UnknownHost => (
            "asked for a host that the application does not know",
            &["F15"],
        ),
        Contract::NoDependency => (
            "needed something that could not be reached",
            &["F28", "F104"],
        ),
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use turquoise_emulator::ledger::Seen;

    use crate::sample::{at, clean, secs};
    let mut observation = clean();
    let index = at(&observation, secs(130));
    observation.ledgers.clients[index].contract = Contract::MissingAsset;
    observation.ledgers.clients[index].seen = Seen::Answer {
        status: 404,
        build: Some(0),
        complete: true,
    };
    observation.ledgers.instances[index].status = Some(404);
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, clean, secs};

    #[test]
    fn a_broken_promise_behind_a_good_status_is_found_too() {
        let mut observation = clean();
        let index = at(&observation, secs(130));
        observation.ledgers.clients[index].contract = Contract::WrongSettings;
        let verdict = crate::judge(&observation);
        assert!(verdict.violates(Invariant::S(9)));
        assert_eq!(verdict.requests.lost(), 0);
    }

    #[test]
    fn what_was_broken_before_the_swap_began_is_not_its_doing() {
        let mut observation = clean();
        let index = at(&observation, secs(50));
        observation.ledgers.clients[index].contract = Contract::UnknownToken;
        assert!(!crate::judge(&observation).violates(Invariant::S(9)));
    }
}
