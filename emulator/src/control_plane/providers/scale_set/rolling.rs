//! Rolling upgrades as clients see, start and cancel them (azure-facts.md §4.12.1, §4.12.3). The
//! batches are the fleet's; here is what is told of them.

use http::StatusCode;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as wire};

use super::action::refuse_while_updating;
use super::set::Set;
use crate::control_plane::durations::Duration;
use crate::control_plane::fleet::Window;
use crate::control_plane::provider::{Begun, Call, Handled, Scope};
use crate::time::Instant;

/// Taking note of a cancellation, where no machine is being set up anew.
const CANCEL: Duration = Duration::Uniform(2_000, 4_000);

/// A rolling upgrade that was begun.
#[derive(Clone, Debug)]
pub(super) struct Rolling {
    /// The instances it is for.
    pub(super) numbers: Vec<u32>,
    /// The model it brings them to.
    pub(super) generation: u64,
    /// Its time.
    pub(super) window: Window,
    /// When it was cancelled.
    pub(super) cancelled: Option<Instant>,
}

impl Rolling {
    fn is_running(&self, now: Instant) -> bool {
        self.cancelled.is_none() && now < self.window.until
    }
}

/// Answers what is below a set and about rolling upgrades; `None` for anything else.
pub(super) fn route(
    scope: &mut Scope<'_>,
    call: &Call<'_>,
    set: &mut Set,
) -> Result<Option<Handled>, ArmError> {
    if call.is("GET", &["rollingUpgrades", "latest"]) {
        let status = status(scope, call.id, set)?;
        return Ok(Some(Handled::Answer(StatusCode::OK, status)));
    }
    if call.is("POST", &["osRollingUpgrade"]) {
        return start(scope, call.id, set).map(Some);
    }
    if call.is("POST", &["rollingUpgrades", "cancel"]) {
        return cancel(scope, call.id, set).map(Some);
    }
    let rest: Vec<String> = call.rest.iter().map(|s| s.to_ascii_lowercase()).collect();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let is_known = matches!(
        rest[..],
        ["osrollingupgrade"] | ["rollingupgrades", "latest" | "cancel"]
    );
    Ok(is_known.then_some(Handled::MethodNotAllowed))
}

/// Brings every instance to the newest model in batches, whatever the upgrade policy's mode.
fn start(scope: &mut Scope<'_>, id: &ResourceId, set: &mut Set) -> Result<Handled, ArmError> {
    refuse_while_updating(scope, id)?;
    if set
        .rolling
        .as_ref()
        .is_some_and(|r| r.is_running(scope.now))
    {
        return Err(ArmError::conflict(
            "OperationNotAllowed",
            format!(
                "A rolling upgrade of Virtual Machine Scale Set '{}' is in progress. Cancel it \
                 first, or wait for its end.",
                id.name()
            ),
        ));
    }
    let model = model(scope, id);
    let salt = scope.now.as_millis();
    let numbers = set.fleet.staying();
    let begins = Window {
        from: scope.now,
        until: scope.ending(CANCEL, scope.seed.child("osRollingUpgrade").at(salt)),
    };
    let (window, published) = if numbers.is_empty() {
        (begins, Vec::new())
    } else {
        set.roll(scope, &model, salt, begins.until)
    };
    set.publish(scope, id, published, &numbers);
    Ok(Handled::Operation(Begun {
        verb: "osRollingUpgrade",
        ends_at: window.until,
        payload: json!(null),
        answer: None,
        updates: true,
    }))
}

/// Batches that have not begun never will; machines that are being set up anew are finished.
fn cancel(scope: &mut Scope<'_>, id: &ResourceId, set: &mut Set) -> Result<Handled, ArmError> {
    let now = scope.now;
    let Some(rolling) = set.rolling.as_mut().filter(|r| r.is_running(now)) else {
        return Err(ArmError::conflict(
            "OperationNotAllowed",
            format!(
                "There is no ongoing rolling upgrade of Virtual Machine Scale Set '{}' to cancel.",
                id.name()
            ),
        ));
    };
    rolling.cancelled = Some(now);
    let last = set.fleet.stop_reimaging(now);
    let noted = scope.ending(CANCEL, scope.seed.child("cancel").at(now.as_millis()));
    Ok(Handled::Operation(Begun {
        verb: "cancelRollingUpgrade",
        ends_at: last.map_or(noted, |last| last.max(noted)),
        payload: json!(null),
        answer: None,
        updates: true,
    }))
}

/// How the newest rolling upgrade stands, read off the clock and the instances.
fn status(scope: &Scope<'_>, id: &ResourceId, set: &Set) -> Result<Value, ArmError> {
    let Some(rolling) = &set.rolling else {
        return Err(ArmError::not_found(
            "NotFound",
            format!("The entity rollingUpgrades/latest was not found in {id}."),
        ));
    };
    let model = model(scope, id);
    let code = match rolling.cancelled {
        Some(_) => "Cancelled",
        None if rolling.is_running(scope.now) => "RollingForward",
        None => "Completed",
    };
    let (action, at) = match rolling.cancelled {
        Some(at) => ("Cancel", at),
        None => ("Start", rolling.window.from),
    };
    let (done, doing, pending) = progress(scope.now, set, rolling);
    Ok(json!({
        "location": wire::text(&model, "location"),
        "type": format!("{}/rollingUpgrades", super::TYPE),
        "properties": {
            "policy": policy(&model),
            "runningStatus": {
                "code": code,
                "startTime": scope.clock.iso(rolling.window.from),
                "lastAction": action,
                "lastActionTime": scope.clock.iso(at),
            },
            "progress": {
                "successfulInstanceCount": done,
                "failedInstanceCount": 0,
                "inProgressInstanceCount": doing,
                "pendingInstanceCount": pending,
            },
        },
    }))
}

/// How many instances are there, on their way, and still to come; those that left do not count.
fn progress(now: Instant, set: &Set, rolling: &Rolling) -> (usize, usize, usize) {
    let held: Vec<_> = rolling
        .numbers
        .iter()
        .filter_map(|number| set.fleet.instance(*number))
        .collect();
    let upgraded = held
        .iter()
        .filter(|i| i.version.generation >= rolling.generation);
    let doing = upgraded
        .clone()
        .filter(|i| i.provisioning_state(now) == "Updating")
        .count();
    let begun = upgraded.count();
    (begun - doing, doing, held.len() - begun)
}

/// The set's policy, completed with what Azure assumes (azure-facts.md §4.12.2).
fn policy(model: &Value) -> Value {
    let mut policy = json!({
        "maxBatchInstancePercent": 20,
        "maxUnhealthyInstancePercent": 20,
        "maxUnhealthyUpgradedInstancePercent": 20,
        "pauseTimeBetweenBatches": "PT0S",
    });
    let given = wire::at(model, "properties.upgradePolicy.rollingUpgradePolicy");
    for (name, value) in given.and_then(Value::as_object).into_iter().flatten() {
        policy[name.as_str()] = value.clone();
    }
    policy
}

fn model(scope: &Scope<'_>, id: &ResourceId) -> Value {
    let held = scope.store.get(id);
    held.map_or(Value::Null, |held| (*held.model).clone())
}
