//! Whether a machine runs, and what switches it.

use serde_json::{Value, json};
use turquoise_arm::json as tree;

use crate::control_plane::durations::Duration;
use crate::control_plane::provider::{Context, Handled};
use crate::control_plane::store::Resource;

/// Where a machine's power stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// On.
    Running,
    /// Off, its host kept.
    Stopped,
    /// Off, its host given back.
    Deallocated,
    /// Off for ever: an image may be made of it.
    Generalized,
}

/// Action, verb of its operation, how long it takes.
const OPERATIONS: [(&str, &str, Duration); 6] = [
    ("start", "start", Duration::Uniform(15_000, 45_000)),
    ("powerOff", "powerOff", Duration::Uniform(10_000, 60_000)),
    (
        "deallocate",
        "deallocate",
        Duration::Uniform(20_000, 90_000),
    ),
    ("restart", "restart", Duration::Uniform(15_000, 60_000)),
    ("redeploy", "redeploy", Duration::Uniform(60_000, 300_000)),
    ("reapply", "reapply", Duration::Uniform(5_000, 20_000)),
];

/// Actions that Azure has beside those.
const ELSEWHERE: [&str; 11] = [
    "assessPatches",
    "attachDetachDataDisks",
    "capture",
    "convertToManagedDisks",
    "installPatches",
    "performMaintenance",
    "reimage",
    "retrieveBootDiagnosticsData",
    "runCommand",
    "simulateEviction",
    "vmSizes",
];

impl Power {
    /// What an operation of this verb leaves, where it says.
    pub(super) fn after(verb: &str) -> Option<Self> {
        match verb {
            "start" | "restart" | "redeploy" => Some(Self::Running),
            "powerOff" => Some(Self::Stopped),
            "deallocate" => Some(Self::Deallocated),
            _ => None,
        }
    }

    fn status(self) -> (&'static str, &'static str) {
        match self {
            Self::Running => ("PowerState/running", "VM running"),
            Self::Stopped | Self::Generalized => ("PowerState/stopped", "VM stopped"),
            Self::Deallocated => ("PowerState/deallocated", "VM deallocated"),
        }
    }
}

/// Whether this is an action of ours.
pub(super) fn is_action(action: &str) -> bool {
    action.eq_ignore_ascii_case("generalize") || operation(action).is_some()
}

/// The operation an action begins; `None` for `generalize`, which is done at once.
pub(super) fn operation(action: &str) -> Option<(&'static str, Duration)> {
    let mut all = OPERATIONS.into_iter();
    let found = all.find(|(name, _, _)| name.eq_ignore_ascii_case(action));
    found.map(|(_, verb, duration)| (verb, duration))
}

/// What is said to an action that is not ours.
pub(super) fn elsewhere(action: &str) -> Handled {
    let azure = ELSEWHERE
        .iter()
        .any(|name| name.eq_ignore_ascii_case(action));
    if azure {
        Handled::NotEmulated
    } else {
        Handled::Unknown
    }
}

/// A machine's `instanceView`.
pub(super) fn view(context: &Context<'_>, resource: &Resource, power: Power) -> Value {
    let state = resource.state.word();
    let (code, shown) = power.status();
    let mut statuses = vec![
        json!({
            "code": format!("ProvisioningState/{}", state.to_lowercase()),
            "level": "Info",
            "displayStatus": format!("Provisioning {}", state.to_lowercase()),
            "time": context.clock.iso(resource.created),
        }),
        json!({"code": code, "level": "Info", "displayStatus": shown}),
    ];
    if power == Power::Generalized {
        statuses.push(json!({
            "code": "OSState/generalized",
            "level": "Info",
            "displayStatus": "VM generalized",
        }));
    }
    let name = tree::text(&resource.model, "properties.osProfile.computerName");
    let disk = tree::text(&resource.model, "properties.storageProfile.osDisk.name");
    json!({
        "computerName": name,
        "disks": [{"name": disk, "statuses": [statuses[0].clone()]}],
        "statuses": statuses,
    })
}
