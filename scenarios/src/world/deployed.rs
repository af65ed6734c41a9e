//! A system as the real orchestrator deploys it, before any scenario touches it.

use std::time::Duration;

use serde_json::{Value, json};
use turquoise_arm::{ResourceId, json as tree};
use turquoise_emulator::{Cloud, CloudConfig, Seed};
use turquoise_orchestrator::{
    Access, Config, DeployInputs, Environment, Instant, Part, StaticToken, deploy,
};

use super::WorldError;
use super::core::{Core, cloud_time};
use super::level::{SharedCloud, Simulated};
use super::names::{ENDPOINT, NEW_SIDE, OBSERVER, OLD_SIDE, TOKEN};
use super::system;
use crate::executor::Executor;
use crate::scenario::{Azure, Latency, Topology};
use crate::script::{Script, ScriptError};

/// Deployments draw from this seed, so that one topology is one system.
const DEPLOYMENT_SEED: u64 = 0;
/// No deployment takes longer: a gateway takes six to nine minutes (azure-facts.md §8), an outlier
/// 45.
const LIMIT: Instant = Instant(6 * 3_600_000);
/// After the last operation machines still boot and probes still learn.
const SETTLE: Duration = Duration::from_secs(600);

/// A cloud with frontend, green and blue deployed and settled.
#[derive(Debug)]
pub(super) struct Deployed {
    pub(super) cloud: Cloud,
    pub(super) config: Config,
    /// Where clients reach the gateway.
    pub(super) frontend: (std::net::Ipv4Addr, u16),
    /// The clock of cloud and orchestrator, which a scenario continues.
    pub(super) now: Instant,
}

impl Deployed {
    pub(super) fn new(topology: &Topology, azure: Azure) -> Result<Self, WorldError> {
        let config = system::config(topology);
        let cloud = SharedCloud::new(Cloud::new(&CloudConfig {
            seed: DEPLOYMENT_SEED,
            control_plane: system::control_plane(azure),
            data_plane: system::data_plane(topology, azure),
            faults: Vec::new(),
        }));
        let executor = Executor::new(Seed::new(DEPLOYMENT_SEED));
        let environment = Simulated::new(
            Core {
                handle: executor.handle(),
                cloud: cloud.clone(),
            },
            cloud.clone(),
            Seed::new(DEPLOYMENT_SEED),
            Latency {
                min_ms: 100,
                max_ms: 100,
            },
        );
        let work = deploy_all(environment, config.clone(), topology.clone());
        let address = executor
            .block_on(LIMIT, work)
            .map_err(|stopped| WorldError::Deploy(stopped.to_string()))??;
        let now = executor.handle().now() + SETTLE;
        cloud.lock().advance_to(cloud_time(now));
        let port = config.frontend.http.as_ref().map_or(80, |http| http.port);
        // The executor holds the last task's handles; without it the cloud is ours alone.
        drop(executor);
        let cloud = cloud.lock().clone();
        Ok(Self {
            cloud,
            config,
            frontend: (address, port),
            now,
        })
    }
}

async fn deploy_all(
    environment: Simulated<Core>,
    config: Config,
    topology: Topology,
) -> Result<std::net::Ipv4Addr, WorldError> {
    let access = Access::new(ENDPOINT, StaticToken::new(TOKEN));
    let parts = [
        Part::Frontend,
        Part::Side(OLD_SIDE.to_owned()),
        Part::Side(NEW_SIDE.to_owned()),
    ];
    for part in parts {
        let inputs = DeployInputs::default();
        let deployed = deploy(&environment, &access, &config, &part, &inputs, &()).await;
        deployed.map_err(|error| WorldError::Deploy(chain(&error)))?;
    }
    let drifted = super::drift::apply(&environment, &config, &topology.drift).await;
    drifted.map_err(|error| WorldError::Deploy(chain(&error)))?;
    let script = Script::new(&environment, &system::target(&config), OBSERVER);
    if topology.affinity {
        let bound = bind_clients(&script, &config).await;
        bound.map_err(|error| WorldError::Deploy(chain(&error)))?;
    }
    let id = public_address(&config);
    let document = script
        .get(&id)
        .await
        .map_err(|error| WorldError::Deploy(chain(&error)))?;
    address(&document)
        .ok_or_else(|| WorldError::NotServing(format!("`{}` has no address", id.name())))
}

/// Turns cookie affinity on, as an operator would by hand: the orchestrator's own gateways have none.
async fn bind_clients<E: Environment>(
    script: &Script<'_, E>,
    config: &Config,
) -> Result<(), ScriptError> {
    let mut gateway = script.get(&config.target.gateway).await?;
    let settings = tree::get_mut(&mut gateway, "properties")
        .and_then(|properties| tree::get_mut(properties, "backendHttpSettingsCollection"))
        .and_then(Value::as_array_mut);
    for setting in settings.into_iter().flatten() {
        if let Some(Value::Object(members)) = tree::get_mut(setting, "properties") {
            members.insert("cookieBasedAffinity".to_owned(), json!("Enabled"));
        }
    }
    script.put(&config.target.gateway, &gateway).await
}

fn public_address(config: &Config) -> ResourceId {
    config.target.group().resource(
        "Microsoft.Network/publicIPAddresses",
        &config.frontend.public_ip,
    )
}

fn address(document: &Value) -> Option<std::net::Ipv4Addr> {
    tree::text(document, "properties.ipAddress")?.parse().ok()
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
