//! What people have changed by hand on a deployed system, before anybody swaps.

use serde_json::Value;
use turquoise_arm::json as tree;
use turquoise_orchestrator::{Config, Environment};

use super::names::{NEW_SIDE, OBSERVER, OLD_SIDE};
use super::system;
use crate::observation::Role;
use crate::scenario::Drift;
use crate::script::{Script, ScriptError};

/// Makes every change, one after the other.
pub(super) async fn apply<E: Environment>(
    environment: &E,
    config: &Config,
    drift: &[Drift],
) -> Result<(), ScriptError> {
    let script = Script::new(environment, &system::target(config), OBSERVER);
    for change in drift {
        match change {
            Drift::TcpProbe { side } => ask_by_tcp(&script, config, *side).await?,
        }
    }
    Ok(())
}

async fn ask_by_tcp<E: Environment>(
    script: &Script<'_, E>,
    config: &Config,
    side: Role,
) -> Result<(), ScriptError> {
    let name = match side {
        Role::Old => OLD_SIDE,
        Role::New => NEW_SIDE,
    };
    let balancer = config.sides[name].load_balancer(config.target.subscription());
    let mut document = script.get(&balancer).await?;
    let probes = tree::get_mut(&mut document, "properties")
        .and_then(|properties| tree::get_mut(properties, "probes"))
        .and_then(Value::as_array_mut);
    for probe in probes.into_iter().flatten() {
        if let Some(Value::Object(members)) = tree::get_mut(probe, "properties") {
            members.insert("protocol".to_owned(), "Tcp".into());
            members.remove("requestPath");
        }
    }
    script.put(&balancer, &document).await
}
