//! S5: a gateway instance sends nothing to a member once it has removed it.

use std::net::Ipv4Addr;

use turquoise_emulator::Instant;

use crate::invariant::Invariant;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(5),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let declared = &case.observation.declared;
    for entry in &case.observation.ledgers.gateway {
        let Some(member) = entry
            .member
            .filter(|member| declared.role_of(*member).is_some())
        else {
            continue;
        };
        let at = entry.dispatched;
        let in_use = |at| uses(case, entry.instance, at, member);
        if !in_use(at) && !in_use(at - declared.policy.epsilon) {
            findings.report_request(at, entry.id, &["F33", "F34", "F39", "F49"], || {
                format!(
                    "gateway instance {} sent request {} to {member}, which it had removed",
                    entry.instance, entry.id
                )
            });
        }
    }
}

/// Whether an instance has a member in use; before its first configuration nobody can say.
fn uses(case: &Case<'_>, instance: u16, at: Instant, member: Ipv4Addr) -> bool {
    let members = case.timeline.effective_at(instance, at);
    members.is_none_or(|members| members.contains(&member))
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{OLD, at, clean, secs};
    let mut observation = clean();
    // Both gateway instances have removed the old side by 167 s.
    let late = at(&observation, secs(168));
    observation.ledgers.gateway[late].member = Some(OLD);
    observation
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sample::{OLD, at, clean, secs};

    #[test]
    fn dispatch_is_forgiven_within_epsilon_of_removal_and_not_beyond() {
        for (millis, violated) in [(49, false), (51, true)] {
            let mut observation = clean();
            let index = at(&observation, secs(168));
            let entry = &mut observation.ledgers.gateway[index];
            let removed = secs(165 + 2 * u64::from(entry.instance));
            entry.member = Some(OLD);
            entry.dispatched = removed + Duration::from_millis(millis);
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::S(5)),
                violated,
                "{millis} ms after removal"
            );
        }
    }
}
