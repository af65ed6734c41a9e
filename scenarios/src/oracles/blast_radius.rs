//! S21: the orchestrator makes only the declared requests, on the declared resources, and its
//! gateway writes change only what it declared.
//!
//! Reads are free. What the streams of other pools suffer from a write is Q7's business.

use turquoise_arm::ResourceId;
use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::observation::Declared;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(21),
    judge,
};

/// What a swap may send beside reads: method, the type it ends on, in lower case, and whose it is.
/// `backendhealth` and `health` are reads that Azure gives a POST (azure-facts.md §4.10, §4.11.4).
const ALLOWED: &[(&str, &str, Whose)] = &[
    (
        "PUT",
        "microsoft.network/applicationgateways",
        Whose::Gateway,
    ),
    (
        "POST",
        "microsoft.network/applicationgateways/backendhealth",
        Whose::Gateway,
    ),
    (
        "POST",
        "microsoft.network/loadbalancers/loadbalancingrules/health",
        Whose::Anyone,
    ),
    ("PUT", "microsoft.insights/autoscalesettings", Whose::Sides),
    (
        "PATCH",
        "microsoft.compute/virtualmachinescalesets",
        Whose::Sides,
    ),
];

/// Which resources of a type are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The declared gateway.
    Gateway,
    /// Resources in the groups of the two sides.
    Sides,
    /// Everybody's: the request changes nothing.
    Anyone,
}

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let observation = case.observation;
    let (declared, start) = (&observation.declared, observation.window.swap_start);
    for timed in observation.events.iter().filter(|timed| timed.at >= start) {
        match &timed.event {
            Event::Arm {
                method,
                target,
                caller,
                ..
            } if method != "GET"
                && declared.is_ours(caller)
                && !allows(declared, method, target) =>
            {
                findings.report(timed.at, &["F36", "F69", "F103"], || {
                    let path = path(target);
                    format!("`{method} {path}` is none of the requests that a swap declares")
                });
            }
            Event::GatewayWritten {
                gateway,
                caller,
                changed,
                ..
            } if declared.is_ours(caller) => {
                let own = *gateway == declared.gateway;
                judge_paths(own, timed.at, changed, findings);
            }
            _ => {}
        }
    }
}

fn judge_paths(own: bool, at: Instant, changed: &[String], findings: &mut Findings) {
    for pointer in changed
        .iter()
        .filter(|pointer| !own || !is_members(pointer))
    {
        findings.report(at, &["F36", "F69"], || {
            format!("a gateway write changed `{pointer}`, which no swap declares")
        });
    }
}

/// Whether a pointer names the addresses of one pool: `…/backendAddressPools/0/…/backendAddresses…`.
fn is_members(pointer: &str) -> bool {
    let mut parts = pointer.trim_start_matches('/').split('/');
    let mut next_is = |name: &str| {
        parts
            .next()
            .is_some_and(|part| part.eq_ignore_ascii_case(name))
    };
    if !(next_is("properties") && next_is("backendAddressPools")) {
        return false;
    }
    let mut rest = pointer.trim_start_matches('/').split('/').skip(3);
    rest.next()
        .is_some_and(|part| part.eq_ignore_ascii_case("properties"))
        && rest
            .next()
            .is_some_and(|part| part.eq_ignore_ascii_case("backendAddresses"))
}

fn allows(declared: &Declared, method: &str, target: &str) -> bool {
    let path = path(target).to_ascii_lowercase();
    let Some(kind) = kind(&path) else {
        return false;
    };
    let mut rows = ALLOWED.iter();
    rows.any(|(m, k, whose)| *m == method && *k == kind && whose.owns(declared, &path))
}

impl Whose {
    fn owns(self, declared: &Declared, path: &str) -> bool {
        let within = |id: &ResourceId| {
            let rest = path.strip_prefix(id.key());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match self {
            Self::Anyone => true,
            Self::Gateway => within(&declared.gateway),
            Self::Sides => [&declared.old, &declared.new]
                .into_iter()
                .filter_map(|side| side.scale_set.group())
                .any(|group| path.starts_with(&format!("{}/", group.key()))),
        }
    }
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

/// The resource type of a path with an action at its end, if it has one:
/// `microsoft.network/applicationgateways/backendhealth`.
fn kind(path: &str) -> Option<String> {
    let (_, rest) = path.rsplit_once("/providers/")?;
    let mut parts = rest.split('/');
    let mut kind = parts.next()?.to_owned();
    // Types and names alternate; what is left without a name is an action.
    while let Some(part) = parts.next() {
        kind.push('/');
        kind.push_str(part);
        parts.next();
    }
    Some(kind)
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{US, arm, clean, insert, scale_set, secs};
    let mut observation = clean();
    insert(
        &mut observation,
        secs(150),
        arm("DELETE", &scale_set("green"), US),
    );
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{FOREIGN, US, arm, clean, gateway, id, insert, scale_set, secs, written};

    #[test]
    fn each_request_is_declared_or_not() {
        let (gateway, blue) = (gateway().to_string(), scale_set("blue").to_string());
        let group = |name: &str| id(name).to_string();
        let settings = |name: &str| {
            format!(
                "{}/providers/Microsoft.Insights/autoscaleSettings/a",
                group(name)
            )
        };
        let green = group("green");
        let balancer = format!("{green}/providers/Microsoft.Network/loadBalancers/l");
        let cases = [
            ("PUT", gateway.clone(), false),
            ("PATCH", gateway.clone(), true),
            ("DELETE", gateway.clone(), true),
            ("PUT", format!("{gateway}-2"), true),
            ("POST", format!("{gateway}/backendhealth"), false),
            (
                "POST",
                format!("{balancer}/loadBalancingRules/r/health"),
                false,
            ),
            ("PATCH", blue.clone(), false),
            ("PUT", blue.clone(), true),
            ("POST", format!("{blue}/reimageall"), true),
            ("PUT", settings("green"), false),
            ("PUT", settings("greenhouse"), true),
            ("DELETE", green, true),
        ];
        for (method, path, violated) in cases {
            let mut observation = clean();
            let mut event = arm(method, &scale_set("blue"), US);
            if let Event::Arm { target, .. } = &mut event {
                *target = format!("{path}?api-version=1");
            }
            insert(&mut observation, secs(150), event);
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::S(21)),
                violated,
                "{method} {path}"
            );
        }
    }

    #[test]
    fn what_others_do_is_theirs() {
        let mut observation = clean();
        insert(
            &mut observation,
            secs(150),
            arm("DELETE", &scale_set("green"), FOREIGN),
        );
        assert!(!crate::judge(&observation).violates(Invariant::S(21)));
    }

    #[test]
    fn only_members_of_pools_may_change() {
        let cases = [
            (
                "/properties/backendAddressPools/0/properties/backendAddresses",
                false,
            ),
            (
                "/properties/backendAddressPools/0/properties/backendAddresses/1/ipAddress",
                false,
            ),
            ("/properties/backendAddressPools/0/name", true),
            ("/properties/probes/0", true),
            ("/tags/phase", true),
        ];
        for (pointer, violated) in cases {
            let mut observation = clean();
            let mut write = written(US, 9, &[]);
            if let Event::GatewayWritten { changed, .. } = &mut write {
                *changed = vec![pointer.to_owned()];
            }
            insert(&mut observation, secs(150), write);
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(21)), violated, "{pointer}");
        }
    }
}
