//! S13: capacity goes only after its side is out of the pool, out of every gateway instance, quiet
//! and idle.

use turquoise_arm::ResourceId;
use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::observation::{Role, Side};
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(13),
    judge,
};

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let start = case.observation.window.swap_start;
    for timed in case
        .observation
        .events
        .iter()
        .filter(|timed| timed.at >= start)
    {
        for role in [Role::Old, Role::New] {
            let side = case.observation.declared.side(role);
            if !removes_capacity(case, side, &timed.event) {
                continue;
            }
            if let Some(reason) = still_needed(case, side, timed.at) {
                findings.report(timed.at, &["F37", "F86", "F87"], || {
                    format!("capacity of {} was taken away while {reason}", side.name)
                });
            }
        }
    }
}

/// Whether the orchestrator under test takes capacity from a side: a smaller scale set, or a
/// deletion of the scale set or of something it lives in.
fn removes_capacity(case: &Case<'_>, side: &Side, event: &Event) -> bool {
    let declared = &case.observation.declared;
    match event {
        Event::Scaled {
            scale_set,
            from,
            to,
            by,
        } => to < from && *scale_set == side.scale_set && declared.is_ours(by),
        Event::Arm {
            method,
            target,
            caller,
            applied: true,
            ..
        } => method == "DELETE" && declared.is_ours(caller) && holds(target, &side.scale_set),
        _ => false,
    }
}

fn holds(target: &str, scale_set: &ResourceId) -> bool {
    let path = target.split('?').next().unwrap_or(target);
    ResourceId::parse(path).is_ok_and(|deleted| scale_set.is_within(&deleted))
}

fn still_needed(case: &Case<'_>, side: &Side, at: Instant) -> Option<String> {
    let timeline = case.timeline;
    if timeline
        .arm_at(at)
        .is_some_and(|members| members.contains(&side.address))
    {
        return Some("the pool named it".to_owned());
    }
    let mut instances = timeline.gateway_instances();
    let using = instances.find(|instance| {
        let members = timeline.effective_at(*instance, at);
        members.is_some_and(|members| members.contains(&side.address))
    });
    if let Some(instance) = using {
        return Some(format!(
            "gateway instance {instance} still dispatched to it"
        ));
    }
    busy(case, side, at)
}

fn busy(case: &Case<'_>, side: &Side, at: Instant) -> Option<String> {
    let quiet_since = at - case.observation.declared.policy.quiet;
    let entries = &case.observation.ledgers.gateway;
    let mut dispatched = entries
        .iter()
        .filter(|entry| entry.member == Some(side.address) && entry.dispatched <= at);
    let busy = dispatched.find(|entry| entry.dispatched > quiet_since || entry.ended > at)?;
    Some(format!(
        "request {} had been sent to it at {}",
        busy.id, busy.dispatched
    ))
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{US, arm, clean, id, insert, secs};
    let mut observation = clean();
    // Out of the pool since 160 s, but gateway instance 1 applies that at 167 s.
    insert(&mut observation, secs(166), arm("DELETE", &id("green"), US));
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{FOREIGN, US, arm, clean, id, insert, scale_set, secs};

    fn violated(at: u64, event: Event) -> bool {
        let mut observation = clean();
        insert(&mut observation, secs(at), event);
        crate::judge(&observation).violates(Invariant::S(13))
    }

    #[test]
    fn a_side_may_go_once_it_is_out_quiet_and_idle() {
        let cases = [(150, true), (166, true), (167, true), (169, false)];
        for (at, expected) in cases {
            assert_eq!(
                violated(at, arm("DELETE", &scale_set("green"), US)),
                expected,
                "at {at} s"
            );
        }
    }

    #[test]
    fn only_what_holds_the_scale_set_counts_and_only_by_us() {
        let other = id("green/providers/Microsoft.Network/loadBalancers/green");
        assert!(!violated(150, arm("DELETE", &other, US)));
        assert!(!violated(150, arm("DELETE", &id("greenhouse"), US)));
        assert!(!violated(150, arm("DELETE", &id("green"), FOREIGN)));
        assert!(!violated(150, arm("PUT", &id("green"), US)));
    }
}
