//! S20: a phase advances only when the truth backs it.
//!
//! Before a side is added its machines must really be well: all that its scale set is to have, of
//! its own build, healthy for a while and reached by their balancer. Before a side serves alone
//! every gateway instance must really use it and find it healthy, and its machines must answer
//! requests well. And a side is given up only when it really is worse than the other one. The truth
//! is the cloud's events and ledgers; what the orchestrator believed is not asked.

use std::net::Ipv4Addr;
use std::time::Duration;

use turquoise_emulator::{Event, Instant};

use crate::fleet::{Condition, Fleet};
use crate::invariant::Invariant;
use crate::observation::Role;
use crate::oracles::writes::{PoolWrite, pool_writes};
use crate::oracles::{Case, Findings, Oracle};

mod given_up;

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(20),
    judge,
};

/// A machine must have been well for as long as one lucky look cannot show: two probes of a balancer
/// (5 s each) and one of a health extension.
const SETTLED: Duration = Duration::from_secs(10);

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let fleet = Fleet::new(case.observation);
    for write in pool_writes(case) {
        for role in write.added() {
            for doubt in doubts_about_machines(case, &fleet, role, write.at) {
                report(findings, &write, &doubt);
            }
        }
        if write.removed().next().is_none() {
            continue;
        }
        for role in &write.after {
            for doubt in doubts_about_service(case, &fleet, *role, &write) {
                report(findings, &write, &doubt);
            }
        }
        if let Some(doubt) = given_up::doubt(case, &fleet, &write) {
            findings.report(write.at, &["F09", "F31", "F106"], || doubt);
        }
    }
}

fn report(findings: &mut Findings, write: &PoolWrite, doubt: &str) {
    let catalogue = [
        "F01", "F02", "F03", "F04", "F05", "F12", "F13", "F16", "F24",
    ];
    findings.report(write.at, &catalogue, || {
        format!("the pool was set to {} while {doubt}", write.listed())
    });
}

/// What speaks against adding a side at an instant.
fn doubts_about_machines(case: &Case<'_>, fleet: &Fleet, role: Role, at: Instant) -> Vec<String> {
    let side = case.observation.declared.side(role);
    let scale_set = &side.scale_set;
    if !fleet.knows(scale_set) {
        return Vec::new();
    }
    if is_way_back(case, role) {
        return doubts_about_retreat(fleet, case, role, at);
    }
    let name = &side.name;
    let mut doubts = Vec::new();
    let machines: Vec<(Ipv4Addr, &Condition)> = fleet.at(scale_set, at).collect();
    let listening = u32::try_from(machines.len()).unwrap_or(u32::MAX);
    let size = fleet.size(scale_set, at).unwrap_or(listening);
    if machines.is_empty() {
        doubts.push(format!("no machine of {name} listened"));
    } else if listening < size {
        doubts.push(format!("{listening} of {size} machines of {name} listened"));
    }
    let build = case.observation.build_name(side.build);
    for (address, condition) in machines {
        // A build that never served has no number and so no name to compare.
        let known = usize::from(side.build) < case.observation.builds.len();
        if known && condition.build != build {
            let ran = &condition.build;
            doubts.push(format!(
                "machine {address} of {name} ran {ran}, not {build}"
            ));
        }
        match fleet.well_since(address, at) {
            None => doubts.push(format!("machine {address} of {name} was not well")),
            Some(since) if at.since(since) < SETTLED => {
                let for_s = at.since(since).as_secs();
                doubts.push(format!(
                    "machine {address} of {name} was well for {for_s} s only"
                ));
            }
            Some(_) => {}
        }
    }
    doubts.extend(doubt_about_the_other(case, fleet, role, at));
    doubts
}

/// The side that serves must not have begun to fail since the swap began: a swap that breaks what it
/// leaves breaks both (F28).
fn doubt_about_the_other(
    case: &Case<'_>,
    fleet: &Fleet,
    role: Role,
    at: Instant,
) -> Option<String> {
    let declared = &case.observation.declared;
    let (Role::New, old) = (role, &declared.old) else {
        return None;
    };
    let before = fleet.bearing(&old.scale_set, case.observation.window.swap_start);
    let now = fleet.bearing(&old.scale_set, at);
    (now < before).then(|| {
        let name = &old.name;
        format!("{now} machines of {name} still bore load, {before} did when the swap began")
    })
}

/// Whether bringing in this side goes back to where the swap began.
fn is_way_back(case: &Case<'_>, role: Role) -> bool {
    role == Role::Old && case.observation.phases.iter().any(|mark| !mark.reverse)
}

/// Half of a side is enough to go back to: what is left is worse (S19).
fn doubts_about_retreat(fleet: &Fleet, case: &Case<'_>, role: Role, at: Instant) -> Vec<String> {
    let side = case.observation.declared.side(role);
    let size = fleet.size(&side.scale_set, at).unwrap_or_default().max(1);
    let machines = fleet.at(&side.scale_set, at);
    let well = machines
        .filter(|(_, condition)| condition.is_well())
        .count();
    let enough = well > 0 && well * 2 >= size as usize;
    let doubt = || format!("{well} of {size} machines of {} were well", side.name);
    (!enough).then(doubt).into_iter().collect()
}

/// What speaks against leaving a side to serve alone.
fn doubts_about_service(
    case: &Case<'_>,
    fleet: &Fleet,
    role: Role,
    write: &PoolWrite,
) -> Vec<String> {
    let side = case.observation.declared.side(role);
    let mut doubts = doubts_about_gateway(case, role, write);
    if !fleet.knows(&side.scale_set) {
        return doubts;
    }
    if is_way_back(case, role) {
        doubts.extend(doubts_about_retreat(fleet, case, role, write.at));
        return doubts;
    }
    let failing = fleet
        .at(&side.scale_set, write.at)
        .filter(|(_, c)| !c.serves);
    for (address, _) in failing {
        doubts.push(format!(
            "machine {address} of {} failed requests",
            side.name
        ));
    }
    if fleet.bearing(&side.scale_set, write.at) == 0 {
        doubts.push(format!("no machine of {} bore load", side.name));
    }
    doubts
}

/// Each gateway instance that does not use the side, or does not find it healthy.
fn doubts_about_gateway(case: &Case<'_>, role: Role, write: &PoolWrite) -> Vec<String> {
    let declared = &case.observation.declared;
    let address = declared.side(role).address;
    let mut doubts = Vec::new();
    for instance in case.timeline.gateway_instances() {
        let applied = case.timeline.effective_at(instance, write.at);
        if !applied.is_some_and(|members| members.contains(&address)) {
            doubts.push(format!("gateway instance {instance} did not use it yet"));
        } else if health_of(case, instance, address, write.at) == Some(false) {
            doubts.push(format!("gateway instance {instance} found it unhealthy"));
        }
    }
    doubts
}

/// What a gateway instance last found of a member; `None` where no event ever told.
fn health_of(case: &Case<'_>, number: u16, member: Ipv4Addr, at: Instant) -> Option<bool> {
    let declared = &case.observation.declared;
    let events = case.observation.events.iter();
    let told = events.filter_map(|timed| match &timed.event {
        Event::MemberHealth {
            gateway,
            instance,
            pool,
            address,
            healthy,
        } if *gateway == declared.gateway
            && *pool == declared.pool
            && *instance == number
            && *address == member =>
        {
            Some((timed.at, *healthy))
        }
        _ => None,
    });
    let told: Vec<(Instant, bool)> = told.collect();
    let last = told.iter().rev().find(|(when, _)| *when <= at);
    match last {
        Some((_, healthy)) => Some(*healthy),
        // Somebody told later, or nobody ever does: only the former is a statement.
        None if told.is_empty() => None,
        None => Some(false),
    }
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::{NEW_MACHINE, clean, condition, insert, secs};
    let mut observation = clean();
    insert(
        &mut observation,
        secs(110),
        condition("blue", NEW_MACHINE, false),
    );
    observation
}

#[cfg(test)]
mod tests;
