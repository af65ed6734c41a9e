//! The swap as its author published it in 2017 (azure-facts.md §0.3), to be compared with ours.
//!
//! Read the gateway, put both addresses into the pool, read it again, put the new address alone.
//! No `If-Match`, no look at the new side's health, no wait beyond the cmdlet's own polling, no
//! drain. The operator types the two addresses; [`Target`] stands for the operator.

mod bodies;

use turquoise_orchestrator::{Config, Environment};

use serde_json::Value;
use turquoise_arm::ResourceId;

use crate::script::{Script, ScriptError, set_pool};
use crate::target::Target;

/// The name under which the script appears in events.
pub const CALLER: &str = "published-script";

/// Deploys the frontend group as published: network, public address, gateway.
///
/// # Errors
/// `ScriptError` where the script would have stopped with a red line; it undoes nothing.
pub async fn deploy_frontend(
    env: &impl Environment,
    target: &Target,
    config: &Config,
) -> Result<(), ScriptError> {
    deploy(env, target, bodies::frontend(config)).await
}

/// Deploys one side's group as published: image, load balancer, interface, scale set, autoscale.
///
/// # Errors
/// As [`deploy_frontend`].
pub async fn deploy_side(
    env: &impl Environment,
    target: &Target,
    config: &Config,
    side: &str,
) -> Result<(), ScriptError> {
    deploy(env, target, bodies::side(config, side)).await
}

async fn deploy(
    env: &impl Environment,
    target: &Target,
    resources: Vec<(ResourceId, Value)>,
) -> Result<(), ScriptError> {
    let script = Script::new(env, target, CALLER);
    for (id, body) in resources {
        script.put(&id, &body).await?;
    }
    Ok(())
}

/// Swaps as published.
///
/// # Errors
/// `ScriptError` where the script would have stopped with a red line; it undoes nothing.
pub async fn swap(env: &impl Environment, target: &Target) -> Result<(), ScriptError> {
    let script = Script::new(env, target, CALLER);
    let (old, new) = (
        target.old.address.to_string(),
        target.new.address.to_string(),
    );
    write_pool(&script, target, &[old, new.clone()]).await?;
    write_pool(&script, target, &[new]).await
}

/// `Get-AzApplicationGateway | Set-…BackendAddressPool | Set-AzApplicationGateway`.
async fn write_pool<E: Environment>(
    script: &Script<'_, E>,
    target: &Target,
    addresses: &[String],
) -> Result<(), ScriptError> {
    let mut gateway = script.get(&target.gateway).await?;
    if !set_pool(&mut gateway, &target.pool, addresses) {
        return Err(ScriptError::Document {
            what: format!("editing `{}`", target.gateway.name()),
            member: "backend address pool",
        });
    }
    script.put(&target.gateway, &gateway).await
}
