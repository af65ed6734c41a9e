//! S16: every gateway write rests on reads that are newer than the last write's effect.
//!
//! Judged by the ARM log alone. Before each accepted write of the pool the orchestrator must have
//! read the gateway since the write before it ended; the machines and the balancer of the side it
//! leans on; and, when a side is to serve alone, the gateway's own health of its members. Answers
//! that a process kept from earlier leave no trace in the log, which is what gives a cache away.
//!
//! A process that is frozen after its last check, on the very way to its call, cannot know it: its
//! evidence counts from the freeze. Against what happens meanwhile there is only `If-Match`.

use std::time::Duration;

use turquoise_arm::ResourceId;
use turquoise_emulator::{Event, Instant, Timed};

use crate::invariant::Invariant;
use crate::observation::Role;
use crate::oracles::writes::{PoolWrite, frozen_on_its_way, pool_writes};
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(16),
    judge,
};

/// Evidence older than this has expired: longer than Azure takes to tell a gateway's health.
const EXPIRES: Duration = Duration::from_secs(180);

fn judge(case: &Case<'_>, findings: &mut Findings) {
    for write in pool_writes(case)
        .into_iter()
        .filter(|write| write.changes())
    {
        let missing = Evidence {
            case,
            write: &write,
        }
        .missing();
        if !missing.is_empty() {
            findings.report(
                write.at,
                &["F13", "F16", "F23", "F65", "F68", "F77"],
                || {
                    format!(
                        "the pool was set to {} without {}",
                        write.listed(),
                        missing.join(" and ")
                    )
                },
            );
        }
    }
}

/// What the orchestrator had read when it wrote.
struct Evidence<'a> {
    case: &'a Case<'a>,
    write: &'a PoolWrite,
}

impl Evidence<'_> {
    fn missing(&self) -> Vec<&'static str> {
        let settled = self.last_effect();
        let mut missing = Vec::new();
        if !self.read("GET", &self.gateway(), settled) {
            missing.push("a read of the gateway since the write before");
        }
        let Some(role) = self.leans_on() else {
            return missing;
        };
        let side = self.case.observation.declared.side(role);
        let fresh = settled.max(self.sent() - EXPIRES);
        if !self.read("GET", &below(&side.scale_set, "/virtualmachines"), fresh) {
            missing.push("a fresh look at each machine");
        }
        if !self.balancer_was_asked(&side.scale_set, fresh) {
            missing.push("a fresh look at its load balancer");
        }
        let alone = self.write.after.len() == 1;
        if alone && !self.health_was_told(fresh) {
            missing.push("the gateway's own health since the write before");
        }
        missing
    }

    /// The side that the write makes serve, or leaves to serve alone.
    fn leans_on(&self) -> Option<Role> {
        let [only] = self.write.after[..] else {
            let mut added = self.write.after.iter();
            return added
                .find(|role| !self.write.before.contains(role))
                .copied();
        };
        Some(only)
    }

    /// When the last write of the gateway before this one had ended, or was accepted if it has not.
    fn last_effect(&self) -> Instant {
        let gateway = &self.case.observation.declared.gateway;
        let touched = |timed: &&Timed| match &timed.event {
            Event::GatewayWritten { gateway: id, .. } => id == gateway,
            Event::OperationEnded { resource, verb, .. } => resource == gateway && verb == "PUT",
            _ => false,
        };
        self.before()
            .filter(touched)
            .map(|timed| timed.at)
            .last()
            .unwrap_or_default()
    }

    /// When the write was on its way: when it took effect, or when its process froze with nothing
    /// left to do but the call.
    fn sent(&self) -> Instant {
        frozen_on_its_way(self.case, self.write.index).unwrap_or(self.write.at)
    }

    fn before(&self) -> impl Iterator<Item = &Timed> {
        let events = self.case.observation.events.iter();
        events.take(self.write.index)
    }

    fn gateway(&self) -> String {
        below(&self.case.observation.declared.gateway, "")
    }

    /// Whether we asked this path, at or after an instant, and were answered.
    fn read(&self, wanted: &str, path: &str, since: Instant) -> bool {
        self.asked(since, |method, target| {
            method == wanted && target.split('?').next() == Some(path)
        })
    }

    fn balancer_was_asked(&self, scale_set: &ResourceId, since: Instant) -> bool {
        let group = scale_set.group().unwrap_or_else(|| scale_set.clone());
        let group = below(&group, "/providers/microsoft.network/loadbalancers/");
        self.asked(since, |method, target| {
            let path = target.split('?').next().unwrap_or_default();
            method == "POST" && path.starts_with(&group) && path.ends_with("/health")
        })
    }

    fn asked(&self, since: Instant, is: impl Fn(&str, &str) -> bool) -> bool {
        let declared = &self.case.observation.declared;
        self.before().any(|timed| match &timed.event {
            Event::Arm {
                method,
                target,
                caller,
                status: 200..=299,
                ..
            } => {
                timed.at >= since
                    && declared.is_ours(caller)
                    && is(method, &target.to_ascii_lowercase())
            }
            _ => false,
        })
    }

    /// Backend health is told when its operation ends, as things are then.
    fn health_was_told(&self, since: Instant) -> bool {
        let gateway = &self.case.observation.declared.gateway;
        self.before().any(|timed| match &timed.event {
            Event::OperationEnded {
                resource,
                verb,
                status,
            } => {
                timed.at >= since
                    && resource == gateway
                    && verb.eq_ignore_ascii_case("backendhealth")
                    && status == "Succeeded"
            }
            _ => false,
        })
    }
}

fn below(id: &ResourceId, rest: &str) -> String {
    format!("{}{rest}", id.as_str().to_ascii_lowercase())
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{clean, secs};
    let mut observation = clean();
    // Everything that was read before the second write.
    let between = secs(126)..secs(160);
    let reads = |event: &Event| matches!(event, Event::Arm { .. } | Event::OperationEnded { .. });
    observation
        .events
        .retain(|timed| !between.contains(&timed.at) || !reads(&timed.event));
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::FROZEN_ON_THE_WAY;
    use crate::sample::{US, clean, insert, secs};

    /// Whether the run violates S16 without the requests and answers that a text names.
    fn without(second: u64, text: &str) -> bool {
        let mut observation = clean();
        observation.events.retain(|timed| {
            let (until, json) = (secs(second), serde_json::to_string(&timed.event));
            let json = json.expect("an event is plain data");
            timed.at >= until || timed.at < until - Duration::from_secs(40) || !json.contains(text)
        });
        crate::judge(&observation).violates(Invariant::S(16))
    }

    #[test]
    fn each_kind_of_evidence_is_needed() {
        assert!(!crate::judge(&clean()).violates(Invariant::S(16)));
        for (second, text) in [
            (120, "virtualMachines?"),
            (120, "/health"),
            (160, "virtualMachines?"),
            (160, "backendhealth"),
            (160, "applicationGateways/front?"),
        ] {
            assert!(without(second, text), "{text} before {second} s");
        }
        assert!(
            !without(120, "backendhealth"),
            "nothing is new in the pool yet"
        );
    }

    #[test]
    fn a_freeze_on_the_way_to_the_call_ages_nothing() {
        // The write of 120 s, 600 s late; frozen since then, and with a call in between.
        for (frozen, called, violated) in [
            (true, false, false),
            (false, false, true),
            (true, true, true),
        ] {
            let mut observation = clean();
            for timed in &mut observation.events {
                if timed.at >= secs(120) {
                    timed.at = timed.at + Duration::from_secs(600);
                }
            }
            if frozen {
                let happened = &mut observation.record.happened;
                happened.push((secs(120), FROZEN_ON_THE_WAY.to_owned()));
            }
            if called {
                let mut asked = observation.events.iter().filter(|timed| {
                    matches!(&timed.event, Event::Arm { caller, .. } if caller.starts_with(US))
                });
                let call = asked.next().expect("the run asks Azure").event.clone();
                insert(&mut observation, secs(700), call);
            }
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::S(16)),
                violated,
                "{frozen} {called}"
            );
        }
    }

    #[test]
    fn evidence_expires() {
        // The evidence is of 118 s, the write of 120 s: just fresh, and just not.
        for (later_s, violated) in [(178, false), (179, true)] {
            let mut observation = clean();
            for timed in &mut observation.events {
                if timed.at >= secs(120) {
                    timed.at = timed.at + Duration::from_secs(later_s);
                }
            }
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::S(16)),
                violated,
                "{later_s} s later"
            );
        }
    }
}
