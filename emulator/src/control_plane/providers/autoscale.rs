//! `Microsoft.Insights/autoscalesettings`: who changes capacities by itself.
//!
//! Writes are synchronous. The engine ([`autoscale`](crate::control_plane::autoscale)) runs every
//! 60 s of cloud time with what the data plane reports as `Percentage CPU`, and changes a capacity
//! the way a client would (azure-facts.md §4.14).

pub(crate) mod schema;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use turquoise_arm::{ArmError, ResourceId, json as wire};

use super::scale_set;
use crate::control_plane::autoscale::rule::Trigger;
use crate::control_plane::autoscale::{Decision, Setting, Situation};
use crate::control_plane::durations::Durations;
use crate::control_plane::name_rule::NameRule;
use crate::control_plane::provider::{
    Context, DELETE, Ended, Etags, InternalWrite, Kind, Located, PatchMode, Protocol, Provider,
    PutMode, Scope, Settled, Write,
};
use crate::control_plane::resolve::number;
use crate::control_plane::store::State;
use crate::time::Instant;

/// The type as answers spell it; paths come in lower case (azure-facts.md §4.14).
pub(crate) const TYPE: &str = "Microsoft.Insights/autoscalesettings";

/// The engine looks every minute (azure-facts.md §4.14: every 30 to 60 s).
const PERIOD: Duration = Duration::from_secs(60);
/// The one metric there is.
const CPU: &str = "Percentage CPU";

static KIND: Kind = Kind {
    resource_type: TYPE,
    api_versions: &["2022-10-01", "2015-04-01"],
    schema: &schema::SCHEMA,
    name_rule: NameRule::Free,
    located: Located::Region,
    etags: Etags::None,
    put: PutMode::Replace,
    patch: PatchMode::Merge,
    protocol: Protocol::Synchronous,
    created: http::StatusCode::CREATED,
    durations: Durations::INSTANT,
    children: &[],
};

/// The provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct AutoscaleSettings {
    settings: BTreeMap<ResourceId, Running>,
    next_run: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Running {
    setting: Setting,
    last_action: Option<Timestamp>,
}

impl Provider for AutoscaleSettings {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        let setting = Setting::read(&write.model);
        let target = setting.target.ok_or_else(|| {
            invalid("`targetResourceUri` must be the id of the resource to scale.")
        })?;
        if context.store.get(&target).is_none() {
            return Err(ArmError::not_found(
                "ResourceNotFound",
                format!("The target resource {target} was not found."),
            ));
        }
        if !scale_set::is_set(&target) {
            return Err(ArmError::new(
                http::StatusCode::NOT_IMPLEMENTED,
                "NotEmulated",
                format!("This emulator scales scale sets alone, not {target}."),
            ));
        }
        let mut others = self.settings.iter().filter(|(id, _)| **id != write.id);
        if let Some((other, _)) = others.find(|(_, o)| o.setting.target.as_ref() == Some(&target)) {
            return Err(ArmError::conflict(
                "MultipleAutoscaleSettingsForTheSameTarget",
                format!("{target} already has the autoscale setting {other}."),
            ));
        }
        profiles(&write.model)?;
        let name = write.id.name().to_owned();
        write.model["properties"]["name"] = name.into();
        Ok(())
    }

    fn begin(&mut self, scope: &mut Scope<'_>, write: &Write, ends_at: Instant) -> Instant {
        let last_action = self
            .settings
            .get(&write.id)
            .and_then(|known| known.last_action);
        let running = Running {
            setting: Setting::read(&write.model),
            last_action,
        };
        self.settings.insert(write.id.clone(), running);
        self.next_run.get_or_insert(scope.now + PERIOD);
        ends_at
    }

    fn settle(&mut self, _scope: &mut Scope<'_>, ended: &Ended<'_>) -> Settled {
        if ended.verb == DELETE {
            self.settings.remove(ended.id);
            if self.settings.is_empty() {
                self.next_run = None;
            }
        }
        Settled::Done
    }

    fn view(
        &self,
        _context: &Context<'_>,
        _resource: &crate::control_plane::store::Resource,
        document: &mut Value,
    ) {
        // Its specification has no provisioning state (azure-facts.md §4.14).
        if let Some(properties) = document["properties"].as_object_mut() {
            properties.shift_remove("provisioningState");
            properties.shift_remove("resourceGuid");
        }
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.next_run
    }

    fn advance_to(&mut self, scope: &mut Scope<'_>) {
        let Some(due) = self.next_run.filter(|due| *due <= scope.now) else {
            return;
        };
        self.next_run = Some(due.max(scope.now) + PERIOD);
        for running in self.settings.values_mut() {
            running.run(scope);
        }
    }
}

impl Running {
    fn run(&mut self, scope: &mut Scope<'_>) {
        let Some(target) = self.setting.target.clone() else {
            return;
        };
        // A set that is being changed is left alone until that is done.
        let held = scope
            .store
            .get(&target)
            .filter(|held| held.state == State::Succeeded);
        let Some(held) = held else {
            return;
        };
        let now = scope.clock.timestamp(scope.now);
        let metric = |trigger: &Trigger| metric(scope, &target, trigger);
        let decision = self.setting.decide(&Situation {
            now,
            capacity: number(&held.model, "sku.capacity", 0),
            last_action: self.last_action,
            metric: &metric,
        });
        let to = match decision {
            Decision::Keep => return,
            Decision::Correct(to) => to,
            Decision::Act(to) => {
                self.last_action = Some(now);
                to
            }
        };
        scope.outbox.push(InternalWrite {
            id: target,
            part: scale_set::capacity_part(to),
            caller: "autoscale".to_owned(),
        });
    }
}

/// The value of a rule's metric; only the mean of one metric of the set itself is known.
fn metric(scope: &Scope<'_>, target: &ResourceId, trigger: &Trigger) -> Option<f64> {
    if !trigger.metric.eq_ignore_ascii_case(CPU) {
        return None;
    }
    scope
        .reported
        .utilisation(scope.now, target, trigger.window)
}

fn invalid(message: impl Into<String>) -> ArmError {
    ArmError::bad_request("InvalidParameter", message)
}

/// One to twenty profiles, at most ten rules each, limits in order (azure-facts.md §4.14).
fn profiles(model: &Value) -> Result<(), ArmError> {
    let count = wire::items(model, "properties.profiles").count();
    if !(1..=20).contains(&count) {
        return Err(invalid(format!(
            "A setting has 1 to 20 profiles, not {count}."
        )));
    }
    for profile in wire::items(model, "properties.profiles") {
        let name = wire::text(profile, "name").unwrap_or_default();
        let limit = |member: &str| {
            let found = wire::integer(profile, &format!("capacity.{member}"));
            found.filter(|n| *n >= 0).ok_or_else(|| {
                invalid(format!(
                    "Profile {name}: `capacity.{member}` must be a whole number."
                ))
            })
        };
        let (least, most, default) = (limit("minimum")?, limit("maximum")?, limit("default")?);
        if least > most || !(least..=most).contains(&default) {
            return Err(invalid(format!(
                "Profile {name}: the default {default} must lie between the minimum {least} and \
                 the maximum {most}."
            )));
        }
        let rules = wire::items(profile, "rules").count();
        if rules > 10 {
            return Err(invalid(format!(
                "Profile {name} has {rules} rules; at most 10 are allowed."
            )));
        }
    }
    Ok(())
}
