//! S5: a gateway instance sends nothing to a member once it has removed it.

use std::net::Ipv4Addr;

use turquoise_emulator::ledger::GatewayEntry;

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
        if !permitted(case, entry, member) {
            let (at, instance) = (entry.dispatched, entry.instance);
            findings.report_request(at, entry.id, &["F33", "F34", "F39", "F49"], || {
                format!(
                    "gateway instance {instance} sent request {} to {member}, which it had removed",
                    entry.id
                )
            });
        }
    }
}

/// Whether the configuration that the entry was dispatched by had the member, and was still in
/// use: its replacement ends it for new connections at once, for kept ones after the drain.
/// Before an instance's first configuration nobody can say.
fn permitted(case: &Case<'_>, entry: &GatewayEntry, member: Ipv4Addr) -> bool {
    let (timeline, policy) = (case.timeline, &case.observation.declared.policy);
    if timeline
        .effective_at(entry.instance, entry.dispatched)
        .is_none()
    {
        return true;
    }
    let Some((members, replaced)) = timeline.generation(entry.instance, entry.generation) else {
        return false;
    };
    if policy.affinity && drains(case, entry, member) {
        return true;
    }
    let last = replaced.map(|at| at + policy.drain + policy.epsilon);
    members.contains(&member) && last.is_none_or(|last| entry.dispatched <= last)
}

/// Whether the gateway instance had the member until less than a drain time-out ago: cookies may
/// still lead to it.
fn drains(case: &Case<'_>, entry: &GatewayEntry, member: Ipv4Addr) -> bool {
    let policy = &case.observation.declared.policy;
    let steps = case.timeline.effective_steps(entry.instance);
    let mut replaced = steps.iter().zip(steps.iter().skip(1));
    replaced.any(|((_, members), (at, _))| {
        members.contains(&member) && entry.dispatched <= *at + policy.drain + policy.epsilon
    })
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
    fn a_kept_connection_may_follow_its_old_configuration_until_the_drain_ends() {
        for (millis, violated) in [(50, false), (30_049, false), (30_051, true)] {
            let mut observation = clean();
            let index = at(&observation, secs(168));
            let entry = &mut observation.ledgers.gateway[index];
            let replaced = secs(165 + 2 * u64::from(entry.instance));
            entry.member = Some(OLD);
            entry.generation = 2;
            entry.dispatched = replaced + Duration::from_millis(millis);
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::S(5)),
                violated,
                "{millis} ms after"
            );
        }
    }

    #[test]
    fn a_cookie_may_lead_to_a_removed_member_until_the_drain_ends_where_the_plan_says_so() {
        for (affinity, millis, violated) in [
            (false, 50, true),
            (true, 30_049, false),
            (true, 30_051, true),
        ] {
            let mut observation = clean();
            observation.declared.policy.affinity = affinity;
            let index = at(&observation, secs(168));
            let entry = &mut observation.ledgers.gateway[index];
            entry.member = Some(OLD);
            entry.dispatched =
                secs(165 + 2 * u64::from(entry.instance)) + Duration::from_millis(millis);
            let verdict = crate::judge(&observation);
            let violates = verdict.violates(Invariant::S(5));
            assert_eq!(violates, violated, "{affinity}, {millis} ms after");
        }
    }

    #[test]
    fn a_generation_that_the_instance_never_used_permits_nothing() {
        let mut observation = clean();
        observation.ledgers.gateway[0].generation = 7;
        assert!(crate::judge(&observation).violates(Invariant::S(5)));
    }
}
