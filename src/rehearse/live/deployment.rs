//! Deploys the system that is rehearsed, and waits until it serves.

use std::time::Duration;

use turquoise_emulator::http::Address;
use turquoise_orchestrator::environment::ProbeRequest;
use turquoise_orchestrator::live::LiveEnvironment;
use turquoise_orchestrator::{DeployInputs, Environment, Part, Pkcs12, deploy};

use super::Stage;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::rehearse::plan::{HOST, TLS_PORT};

/// The gateway serves within this long after its deployment, in cloud time.
const SERVES_WITHIN: Duration = Duration::from_secs(600);
/// The frontend's network is there within this long, in cloud time; later, its side says so.
const NETWORK_WITHIN: Duration = Duration::from_secs(120);

impl Stage<'_> {
    /// All three groups side by side; the sides begin once the frontend's network is there.
    pub(super) async fn deploy(&self) -> Result<(), Failure> {
        let (old, new) = self.sides();
        self.watch.step(&format!("deploy frontend, {old}, {new}"));
        let (frontend, old, new) = tokio::join!(
            self.deploy_part(Part::Frontend),
            self.deploy_side(old),
            self.deploy_side(new),
        );
        frontend.and(old).and(new)
    }

    async fn deploy_side(&self, name: &str) -> Result<(), Failure> {
        let network = &self.config.frontend.network.name;
        let deadline = self.environment.now() + NETWORK_WITHIN;
        while !self.watch.is_deployed(network) && self.environment.now() < deadline {
            self.environment
                .sleep_until(self.environment.now() + Duration::from_secs(1))
                .await;
        }
        self.deploy_part(Part::Side(name.to_owned())).await
    }

    async fn deploy_part(&self, part: Part) -> Result<(), Failure> {
        let inputs = DeployInputs {
            certificate: Some(Pkcs12 {
                bytes: self.certificate.pfx.clone(),
                password: self.certificate.password.clone(),
            }),
            ..DeployInputs::default()
        };
        let deployed = deploy(
            &self.environment,
            &self.access,
            &self.config,
            &part,
            &inputs,
            &self.watch,
        );
        deployed.await.map(drop).map_err(|error| {
            Failure::new(
                Exit::from_code(error.exit_code()),
                format!("cannot deploy {part:?}"),
            )
            .because(&error)
            .next("run it again with -vv to see every request")
        })
    }

    /// The world with the sockets of the deployed system, once the gateway answers.
    pub(super) async fn serving(&self) -> Result<LiveEnvironment, Failure> {
        self.watch.step("first answer");
        let not_serving = || {
            Failure::new(Exit::Internal, "the deployed system does not serve")
                .next("run it again with -vv to see what its probes meet")
        };
        let mut environment = self.environment.clone();
        let deadline = environment.now() + SERVES_WITHIN;
        while environment.now() < deadline {
            environment
                .load_addresses(self.access.endpoint())
                .await
                .map_err(|error| not_serving().because(&error))?;
            if self.answers(&environment).await {
                return Ok(environment);
            }
            environment
                .sleep_until(environment.now() + Duration::from_secs(2))
                .await;
        }
        Err(not_serving())
    }

    async fn answers(&self, environment: &LiveEnvironment) -> bool {
        let Some(listed) = self.listener() else {
            return false;
        };
        let request = ProbeRequest {
            address: listed.address,
            port: listed.port,
            tls: true,
            host: HOST.to_owned(),
            path: "/".to_owned(),
            timeout: Duration::from_secs(20),
        };
        let answer = environment.probe(request).await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// The gateway's TLS listener.
    pub(super) fn listener(&self) -> Option<Address> {
        let addresses = self.live.addresses();
        addresses
            .into_iter()
            .find(|listed| listed.tls && listed.port == TLS_PORT)
    }
}
