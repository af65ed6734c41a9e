//! What can be done to instances (azure-facts.md §4.12.1): power, reimage, upgrade, removal,
//! protection.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as wire};

use super::set::{BOOT, Set};
use super::{DELETE_RUNNING, capacity, capacity_part, view};
use crate::control_plane::durations::Duration;
use crate::control_plane::fleet::{PowerAction, Window};
use crate::control_plane::provider::{Begun, Call, Handled, Scope, missing_parameter};
use crate::control_plane::schema::merge;
use crate::control_plane::store::State;
use crate::event::Event;

/// Starting, stopping and restarting machines; two took 21 s to deallocate (azure-facts.md §8).
const POWER: Duration = Duration::Uniform(15_000, 30_000);
/// Bringing instances to a model that only changes memberships.
const IN_PLACE: Duration = Duration::Uniform(5_000, 15_000);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Power(PowerAction),
    Reimage,
    Upgrade,
    Delete,
}

/// The actions by their segment; the set has them all, an instance all but the last.
const ACTIONS: &[(&str, Action)] = &[
    ("start", Action::Power(PowerAction::Start)),
    ("poweroff", Action::Power(PowerAction::PowerOff)),
    ("deallocate", Action::Power(PowerAction::Deallocate)),
    ("restart", Action::Power(PowerAction::Restart)),
    ("redeploy", Action::Power(PowerAction::Restart)),
    ("reimage", Action::Reimage),
    ("reimageall", Action::Reimage),
    ("delete", Action::Delete),
    ("manualupgrade", Action::Upgrade),
];

/// Azure has these and we do not.
const NOT_EMULATED: &[&str] = &[
    "performMaintenance",
    "reapply",
    "extensionRollingUpgrade",
    "convertToSinglePlacementGroup",
    "setOrchestrationServiceState",
    "approveRollingUpgrade",
    "extensions",
    "lifecycleHookEvents",
    "runCommand",
    "simulateEviction",
    "retrieveBootDiagnosticsData",
    "attachDetachDataDisks",
];

/// Handles a request that changes instances.
pub(super) fn route(
    scope: &mut Scope<'_>,
    call: &Call<'_>,
    set: &mut Set,
) -> Result<Handled, ArmError> {
    if call.is("POST", &["*"]) {
        if let Some((verb, action)) = find(&call.rest[0]) {
            let numbers = chosen(call, set, action)?;
            return begin(scope, call.id, call.caller, set, (verb, action), &numbers);
        }
    } else if call.is("POST", &["virtualMachines", "*", "*"]) {
        let found =
            find(&call.rest[2]).filter(|(_, a)| !matches!(a, Action::Delete | Action::Upgrade));
        if let Some(found) = found {
            let number = active(set, &call.rest[1])?;
            return begin(scope, call.id, call.caller, set, found, &[number]);
        }
    } else if call.is("DELETE", &["virtualMachines", "*"]) {
        let Ok(number) = active(set, &call.rest[1]) else {
            return Ok(Handled::Empty(StatusCode::NO_CONTENT));
        };
        return begin(
            scope,
            call.id,
            call.caller,
            set,
            ("delete", Action::Delete),
            &[number],
        );
    } else if call.is("PUT", &["virtualMachines", "*"]) {
        return protect(scope, call, set);
    }
    let last = call.rest.last().map_or("", String::as_str);
    let first = call.rest.first().map_or("", String::as_str);
    let is_known = |segment: &str| {
        NOT_EMULATED
            .iter()
            .any(|name| name.eq_ignore_ascii_case(segment))
    };
    Ok(if is_known(first) || is_known(last) {
        Handled::NotEmulated
    } else if find(first).is_some() || first.eq_ignore_ascii_case("instanceView") {
        Handled::MethodNotAllowed
    } else {
        Handled::Unknown
    })
}

fn find(segment: &str) -> Option<(&'static str, Action)> {
    let mut actions = ACTIONS.iter();
    actions
        .find(|(name, _)| name.eq_ignore_ascii_case(segment))
        .copied()
}

/// The instances an action is for: those named, or all but the protected ones.
fn chosen(call: &Call<'_>, set: &Set, action: Action) -> Result<Vec<u32>, ArmError> {
    let ids = wire::at(call.body, "instanceIds").and_then(Value::as_array);
    let Some(ids) = ids.filter(|ids| !ids.is_empty()) else {
        if matches!(action, Action::Delete | Action::Upgrade) {
            return Err(missing_parameter("instanceIds"));
        }
        let open = set
            .fleet
            .instances()
            .filter(|i| !i.is_leaving() && !i.protect_from_actions);
        return Ok(open.map(|i| i.number).collect());
    };
    let text = |id: &Value| id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    if ids.iter().any(|id| text(id) == "*") {
        return Ok(set.fleet.staying());
    }
    ids.iter().map(|id| active(set, &text(id))).collect()
}

/// The number of an instance that is not on its way out.
fn active(set: &Set, id: &str) -> Result<u32, ArmError> {
    let number = id.parse().ok();
    let found = number.and_then(|number: u32| set.fleet.instance(number));
    found
        .filter(|instance| !instance.is_leaving())
        .map(|instance| instance.number)
        .ok_or_else(|| {
            ArmError::bad_request(
                "InstanceIdsListInstanceIdNotActiveVM",
                format!(
                    "The provided instanceId {id} is not an active Virtual Machine Scale Set VM \
                     instanceId."
                ),
            )
            .with_target("instanceIds")
        })
}

fn begin(
    scope: &mut Scope<'_>,
    id: &ResourceId,
    caller: &str,
    set: &mut Set,
    (verb, action): (&'static str, Action),
    numbers: &[u32],
) -> Result<Handled, ArmError> {
    refuse_while_updating(scope, id)?;
    let window = window(scope, set, verb, action);
    let mut published = Vec::new();
    match action {
        Action::Power(power) => published = set.fleet.power_to(window, numbers, power),
        Action::Reimage => set.fleet.reimage(window, numbers, None),
        Action::Upgrade => published = set.fleet.upgrade(window, numbers, &set.latest),
        Action::Delete => {
            set.fleet.remove(window, numbers);
            shrink(scope, id, caller, set);
        }
    }
    set.publish(scope, id, published, numbers);
    Ok(Handled::Operation(Begun {
        verb,
        ends_at: window.until,
        payload: json!(null),
        answer: None,
        updates: !matches!(action, Action::Power(_)),
    }))
}

fn window(scope: &Scope<'_>, set: &Set, verb: &str, action: Action) -> Window {
    let duration = match action {
        Action::Power(_) => POWER,
        Action::Reimage => BOOT,
        Action::Upgrade if set.needs_boot() => BOOT,
        Action::Upgrade => IN_PLACE,
        Action::Delete => DELETE_RUNNING,
    };
    let seed = scope.seed.child(verb).at(scope.now.as_millis());
    Window {
        from: scope.now,
        until: scope.ending(duration, seed),
    }
}

/// Instances cannot be acted on while the set itself is (azure-facts.md §3.4).
pub(super) fn refuse_while_updating(scope: &Scope<'_>, id: &ResourceId) -> Result<(), ArmError> {
    let state = scope.store.get(id).map(|resource| resource.state);
    if matches!(
        state,
        Some(State::Updating | State::Creating | State::Deleting)
    ) {
        return Err(ArmError::conflict(
            "Conflict",
            "The request failed due to conflict with a concurrent request. To resolve it, please \
             refer to https://aka.ms/activitylog to get more details on the conflicting requests.",
        ));
    }
    Ok(())
}

/// Instances deleted by hand lower the capacity.
fn shrink(scope: &mut Scope<'_>, id: &ResourceId, caller: &str, set: &Set) {
    let left = set.fleet.capacity();
    let Some(resource) = scope.store.get_mut(id) else {
        return;
    };
    let before = capacity(&resource.model);
    merge(Arc::make_mut(&mut resource.model), capacity_part(left));
    scope.event(Event::Scaled {
        scale_set: id.clone(),
        from: before,
        to: left,
        by: caller.to_owned(),
    });
}

/// PUT of an instance: its protection is all that can be changed here.
fn protect(scope: &Scope<'_>, call: &Call<'_>, set: &mut Set) -> Result<Handled, ArmError> {
    debug_assert_eq!(call.method, Method::PUT);
    let number = active(set, &call.rest[1])?;
    let policy = |member: &str| {
        let path = format!("properties.protectionPolicy.{member}");
        wire::boolean(call.body, &path)
    };
    if let Some(instance) = set.fleet.instance_mut(number) {
        instance.protect_from_scale_in = policy("protectFromScaleIn").unwrap_or(false);
        instance.protect_from_actions = policy("protectFromScaleSetActions").unwrap_or(false);
    }
    let held = set.fleet.instance(number);
    let body = held.map(|held| view::document(scope, call, set, held));
    Ok(Handled::Answer(StatusCode::OK, body.unwrap_or_default()))
}
