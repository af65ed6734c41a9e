//! Steps as one line each.

use turquoise_emulator::Event;

use crate::observation::{Declared, Ending, LeasePut, Observation, PhaseMark, Process, Role};

/// A phase that was entered.
pub(super) fn phase(mark: PhaseMark) -> String {
    let way = if mark.reverse { " on the way back" } else { "" };
    format!("P{} is entered{way}", mark.phase)
}

/// How the orchestrator ended.
pub(super) fn end(observation: &Observation) -> String {
    match observation.end {
        Some(end) => format!(
            "the orchestrator ends: {}, exit code {}",
            end.outcome.name().replace('_', " "),
            end.exit_code
        ),
        None => "the orchestrator is given up: it never ended".to_owned(),
    }
}

/// How a process began.
pub(super) fn began(process: &Process) -> String {
    format!(
        "{:?} by orchestrator {} on machine {}",
        process.verb, process.orchestrator, process.machine
    )
    .to_lowercase()
}

/// How a process ended.
pub(super) fn ending(process: &Process) -> String {
    match process.ending {
        Ending::Exited { exit_code, outcome } => {
            let outcome = outcome.name().replace('_', " ");
            format!("{outcome}, exit code {exit_code}")
        }
        Ending::Crashed(point) => format!("it crashed at {point:?}"),
        Ending::Running => "it was given up".to_owned(),
    }
}

/// Who holds the lease after a put.
pub(super) fn holder(put: &LeasePut) -> String {
    if put.run.is_empty() {
        return String::new();
    }
    format!("{} for run {}, epoch {}", put.owner, put.run, put.epoch)
}

/// A put of a lease.
pub(super) fn lease(put: &LeasePut) -> String {
    let what = if put.run.is_empty() {
        "returns"
    } else {
        "puts"
    };
    let how = if put.accepted { "" } else { ": refused" };
    format!(
        "process {} {what} the lease, epoch {}, beat {}{how}",
        put.process, put.epoch, put.beat
    )
}

/// What happened in the cloud.
pub(super) fn event(declared: &Declared, event: &Event) -> String {
    match event {
        Event::Arm {
            method,
            target,
            caller,
            status,
            code,
            applied,
        } => {
            let path = target.split('?').next().unwrap_or(target);
            let resource = path.rsplit('/').next().unwrap_or(path);
            let code = code
                .as_deref()
                .map_or_else(String::new, |code| format!(" {code}"));
            let lost = match (status, applied) {
                (0, true) => " (its answer is lost, it acted)",
                (0, false) => " (it never acted)",
                _ => "",
            };
            format!("{caller}: {method} …/{resource} → {status}{code}{lost}")
        }
        Event::GatewayWritten {
            generation,
            caller,
            changed,
            pools,
            ..
        } => {
            let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
            let members = ours.map_or_else(String::new, |(_, members)| members.join(", "));
            let no_op = if changed.is_empty() {
                ", nothing changed"
            } else {
                ""
            };
            format!("{caller} wrote generation {generation}: pool {{{members}}}{no_op}")
        }
        Event::OperationEnded {
            resource,
            verb,
            status,
        } => format!(
            "the operation {verb} on `{}` ended: {status}",
            resource.name()
        ),
        Event::GatewayApplied {
            instance,
            generation,
            pools,
            ..
        } => {
            let ours = pools.iter().find(|(pool, _)| *pool == declared.pool);
            let members: Vec<String> = ours
                .into_iter()
                .flat_map(|(_, members)| members.iter().map(ToString::to_string))
                .collect();
            format!(
                "gateway instance {instance} uses generation {generation}: {{{}}}",
                members.join(", ")
            )
        }
        Event::MemberHealth {
            instance,
            address,
            healthy,
            ..
        } => format!(
            "gateway instance {instance} finds {} {}",
            named(declared, *address),
            word(*healthy)
        ),
        Event::BackendHealth {
            load_balancer,
            address,
            healthy,
            ..
        } => format!(
            "balancer `{}` finds {address} {}",
            load_balancer.name(),
            word(*healthy)
        ),
        Event::InstanceServing {
            instance,
            address,
            build,
        } => format!(
            "{address} of `{}` serves build {build}",
            instance.scale_set.name()
        ),
        Event::InstanceStopped {
            instance,
            address,
            in_flight,
        } => format!(
            "{address} of `{}` stopped with {in_flight} in flight",
            instance.scale_set.name()
        ),
        Event::DrainCut {
            instance,
            address,
            cut,
            ..
        } => format!(
            "gateway instance {instance} cut {cut} requests on {}",
            named(declared, *address)
        ),
        Event::Scaled {
            scale_set,
            from,
            to,
            by,
        } => format!(
            "`{}` goes from {from} to {to} instances, by {by}",
            scale_set.name()
        ),
        Event::FaultHit { fault, name } => format!("fault {fault}, {name}, takes effect"),
        // Whatever else the cloud learns to tell is told as data until it has words here.
        other => serde_json::to_string(other)
            .expect("because an event holds only numbers, texts and lists"),
    }
}

fn named(declared: &Declared, address: std::net::Ipv4Addr) -> String {
    match declared.role_of(address) {
        Some(Role::Old) => format!("{address} (old)"),
        Some(Role::New) => format!("{address} (new)"),
        None => address.to_string(),
    }
}

const fn word(healthy: bool) -> &'static str {
    if healthy { "healthy" } else { "unhealthy" }
}
