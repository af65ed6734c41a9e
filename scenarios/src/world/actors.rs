//! People, pipelines and platform beside the orchestrator: each a task on the world's clock.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use turquoise_arm::json as tree;
use turquoise_emulator::faults::{FaultKind, Matches};
use turquoise_orchestrator::{Config, Environment, Instant};

use super::core::cloud_time;
use super::foreign;
use super::notebook::Notebook;
use crate::observation::Role;
use crate::scenario::{Act, Actor};
use crate::script::{Script, ScriptError, pool_addresses, set_pool};
use crate::target::Target;

/// What an actor works with.
#[derive(Debug)]
pub(super) struct Acting<E> {
    pub(super) environment: E,
    pub(super) actor: Actor,
    pub(super) config: Rc<Config>,
    pub(super) target: Target,
    pub(super) swap_start: Instant,
    pub(super) notebook: Notebook,
}

/// How an actor's requests are recognised in events: every name begins alike.
const fn caller(act: &Act) -> &'static str {
    match act {
        Act::TerraformReapply => "foreign-terraform",
        Act::PersonRemovesNew | Act::PersonEditsPool { .. } => "foreign-person",
        Act::OtherTeamPut { .. } => "foreign-team",
        Act::TagWrite { .. } => "foreign-tagger",
        Act::AutoscaleEdit { .. } => "foreign-capacity-planner",
        _ => foreign::CALLER,
    }
}

/// The fault of the cloud that an actor is, where it acts through no request.
pub(super) fn fault(act: &Act) -> Option<FaultKind> {
    let writes = Matches {
        method: "PUT".to_owned(),
        path: "applicationGateways".to_owned(),
    };
    Some(match act {
        Act::PlatformUpgrade { for_ms } => FaultKind::PlatformUpgrade { for_ms: *for_ms },
        Act::LockAdded { for_ms } => FaultKind::Deny {
            on: writes,
            status: 409,
            code: "ScopeLocked".to_owned(),
            for_ms: *for_ms,
        },
        Act::RoleRemoved { for_ms } => FaultKind::Deny {
            on: writes,
            status: 403,
            code: "AuthorizationFailed".to_owned(),
            for_ms: *for_ms,
        },
        _ => return None,
    })
}

impl<E: Environment> Acting<E> {
    /// Acts when it is time; an actor's troubles are its own.
    pub(super) async fn act(self) {
        let script = Script::new(&self.environment, &self.target, caller(&self.actor.act));
        let as_code = match self.actor.act {
            Act::TerraformReapply => script.get(&self.target.gateway).await.ok(),
            _ => None,
        };
        let at = self.swap_start + Duration::from_millis(self.actor.at_ms);
        self.environment.sleep_until(at).await;
        let now = cloud_time(self.environment.now());
        self.notebook.happened(now, self.actor.act.name());
        let _refused = self.perform(&script, as_code).await;
    }

    async fn perform(
        &self,
        script: &Script<'_, E>,
        as_code: Option<Value>,
    ) -> Result<(), ScriptError> {
        match &self.actor.act {
            Act::TerraformReapply => match as_code {
                Some(body) => script.put(&self.target.gateway, &body).await,
                None => Ok(()),
            },
            Act::PersonRemovesNew => self.set_members(script, &[Role::Old]).await,
            Act::PersonEditsPool { members } => self.set_members(script, members).await,
            Act::OtherTeamPut { pool } => {
                let mut gateway = script.get(&self.target.gateway).await?;
                foreign::add_pool(&mut gateway, pool);
                script.put(&self.target.gateway, &gateway).await
            }
            Act::TagWrite { value } => {
                let tags = json!({"tags": {"touched-by": value}});
                let accepted = script.begin_patch(&self.target.gateway, &tags).await?;
                script.finish(accepted).await
            }
            Act::AutoscaleEdit {
                side,
                minimum,
                maximum,
            } => self.set_limits(script, *side, *minimum, *maximum).await,
            // Faults of the cloud, and processes of their own.
            Act::PlatformUpgrade { .. }
            | Act::LockAdded { .. }
            | Act::RoleRemoved { .. }
            | Act::Orchestrator(_) => Ok(()),
        }
    }

    async fn set_members(
        &self,
        script: &Script<'_, E>,
        members: &[Role],
    ) -> Result<(), ScriptError> {
        let mut gateway = script.get(&self.target.gateway).await?;
        let listed = pool_addresses(&gateway, &self.target.pool).unwrap_or_default();
        let address = |role: &Role| match role {
            Role::Old => self.target.old.address.to_string(),
            Role::New => self.target.new.address.to_string(),
        };
        let mut members: Vec<String> = members.iter().map(address).collect();
        members.retain(|member| listed.contains(member));
        if members.is_empty() {
            return Ok(());
        }
        set_pool(&mut gateway, &self.target.pool, &members);
        script.put(&self.target.gateway, &gateway).await
    }

    async fn set_limits(
        &self,
        script: &Script<'_, E>,
        side: Role,
        minimum: u32,
        maximum: u32,
    ) -> Result<(), ScriptError> {
        let name = match side {
            Role::Old => &self.target.old.name,
            Role::New => &self.target.new.name,
        };
        let subscription = self.config.target.subscription();
        let id = self.config.sides[name].autoscale_setting(subscription, name);
        let mut setting = script.get(&id).await?;
        let profiles = tree::get_mut(&mut setting, "properties")
            .and_then(|properties| tree::get_mut(properties, "profiles"))
            .and_then(Value::as_array_mut);
        for profile in profiles.into_iter().flatten() {
            profile["capacity"] = json!({
                "minimum": minimum.to_string(),
                "maximum": maximum.to_string(),
                "default": minimum.to_string(),
            });
        }
        script.put(&id, &setting).await
    }
}
