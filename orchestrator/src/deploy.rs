//! Makes the frontend, green and blue groups what the configuration says: idempotent PUTs in
//! dependency order, side by side where nothing depends.
//!
//! A deployment never changes what serves: the pool of a gateway that exists keeps its members, and
//! a scale set whose side is in the pool is created but not changed (F89).

mod apply;
mod difference;
mod frontend;
mod side;
mod template;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use futures_util::future::join;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use turquoise_arm::ResourceId;

use crate::access::Access;
use crate::arm_client::{ArmClient, ArmFailure};
use crate::config::Config;
use crate::environment::Environment;
use crate::observer::{Observer, Progress};
use crate::view::pool;

pub use template::read_templates;

use apply::{Applier, IfDifferent};
use side::SideBodies;

/// What is to be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Network, public address, gateway.
    Frontend,
    /// The group of the side with that name.
    Side(String),
}

/// What only the caller can give.
#[derive(Clone, Default)]
pub struct DeployInputs {
    /// The TLS listener's certificate with its key, as PKCS#12 bytes.
    pub certificate: Option<Pkcs12>,
    /// The templates that sides are made by, by the sides' names.
    pub templates: BTreeMap<String, SideTemplate>,
}

/// A side's template, as its files hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct SideTemplate {
    /// The template.
    pub template: Value,
    /// The `parameters` of its parameter file; `Null` without one.
    pub parameters: Value,
}

impl std::fmt::Debug for DeployInputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeployInputs")
            .field("certificate", &self.certificate.is_some())
            .field("templates", &self.templates.keys())
            .finish()
    }
}

/// A certificate and its private key. Never logged, never journaled.
#[derive(Clone)]
pub struct Pkcs12 {
    /// The PKCS#12 container.
    pub bytes: Vec<u8>,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Pkcs12 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pkcs12(…)")
    }
}

/// What was done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there.
    Created,
    /// It was there and different.
    Updated,
    /// It was there as wanted.
    Unchanged,
}

/// What a deployment did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeployReport {
    /// Each resource with what was done, in the order they settled.
    pub resources: Vec<Deployed>,
}

/// One settled resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// Its id.
    pub resource: ResourceId,
    /// What was done.
    pub change: Change,
}

impl DeployReport {
    /// How many resources were changed so.
    #[must_use]
    pub fn count(&self, change: Change) -> usize {
        let same = self.resources.iter().filter(|d| d.change == change);
        same.count()
    }
}

/// Why a deployment did not finish. What had settled before stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeployError {
    /// The configuration has no such side.
    #[error("there is no side `{side}`; the configuration has `{}`", .known.join("`, `"))]
    UnknownSide {
        /// What was asked for.
        side: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The TLS listener needs a certificate that was not given.
    #[error(
        "the listener on port {port} has no certificate; set `frontend.https.pfx` and \
         `frontend.https.password_env`"
    )]
    NoCertificate {
        /// The listener's port.
        port: u16,
    },
    /// The side serves; changing its machines would be felt.
    #[error(
        "side `{side}` serves now, so `{resource}` is not changed; deploy to the idle side and swap"
    )]
    SideServes {
        /// The side.
        side: String,
        /// What differs from the configuration.
        resource: ResourceId,
    },
    /// A side's template was not given.
    #[error("the template of side `{side}` was not read")]
    NoTemplate {
        /// The side.
        side: String,
    },
    /// A template's outputs do not say what a swap needs.
    #[error("the template of side `{side}` cannot be swapped: {reason}")]
    Outputs {
        /// The side.
        side: String,
        /// What is wrong with them.
        reason: String,
    },
    /// A new gateway lists the first side's address, and nobody knows it yet.
    #[error(
        "the address of side `{side}` is not known yet, and a new gateway lists it; write \
         `sides.{side}.address`, or deploy the side first"
    )]
    AddressUnknown {
        /// The side.
        side: String,
    },
    /// Azure refused or could not be reached.
    #[error("failed to deploy `{resource}`")]
    Arm {
        /// What was being deployed.
        resource: ResourceId,
        /// What came back.
        #[source]
        source: Box<ArmFailure>,
    },
}

impl DeployError {
    fn arm(resource: &ResourceId, failure: ArmFailure) -> Self {
        Self::Arm {
            resource: resource.clone(),
            source: Box::new(failure),
        }
    }

    /// The process exit code: 64 for what the configuration says wrong, 3 for a side that serves,
    /// 11 and 12 as for swaps.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::UnknownSide { .. }
            | Self::NoCertificate { .. }
            | Self::NoTemplate { .. }
            | Self::Outputs { .. }
            | Self::AddressUnknown { .. } => 64,
            Self::SideServes { .. } => 3,
            Self::Arm { source, .. } => source.exit_code(),
        }
    }
}

/// Makes one part what the configuration says.
///
/// # Errors
/// See [`DeployError`]; what had settled before stays, and a repeated call goes on from there.
pub async fn deploy<E: Environment>(
    environment: &E,
    access: &Access,
    config: &Config,
    part: &Part,
    inputs: &DeployInputs,
    observer: &dyn Observer,
) -> Result<DeployReport, DeployError> {
    let arm = ArmClient::new(environment, access, "deploy");
    let deployment = Deployment {
        applier: Applier {
            arm: &arm,
            environment,
        },
        config,
        observer,
        report: RefCell::default(),
    };
    match part {
        Part::Frontend => deployment.frontend(inputs).await?,
        Part::Side(name) => deployment.side(name, inputs).await?,
    }
    Ok(deployment.report.into_inner())
}

/// A deployment under way.
struct Deployment<'a, E> {
    applier: Applier<'a, E>,
    config: &'a Config,
    observer: &'a dyn Observer,
    report: RefCell<DeployReport>,
}

impl<E: Environment> Deployment<'_, E> {
    async fn frontend(&self, inputs: &DeployInputs) -> Result<(), DeployError> {
        let config = self.config;
        let initial = config.side(&config.target.initial);
        if initial.is_some_and(|side| side.address.is_unspecified()) {
            return Err(DeployError::AddressUnknown {
                side: config.target.initial.clone(),
            });
        }
        self.group(&config.target.group()).await?;
        let network = frontend::network_id(config);
        let address = frontend::public_ip_id(config);
        // Both are awaited even when one fails, so that no operation is left running unseen.
        let (network, address) = join(
            self.ensure(&network, IfDifferent::Update, |_| {
                Ok(frontend::network(config))
            }),
            self.ensure(&address, IfDifferent::Update, |_| {
                Ok(frontend::public_ip(config))
            }),
        )
        .await;
        network.and(address)?;
        let certificate = inputs.certificate.as_ref();
        let body = |found: Option<&Value>| frontend::gateway(config, certificate, found);
        self.ensure(&config.target.gateway, IfDifferent::Update, body)
            .await
    }

    async fn side(&self, name: &str, inputs: &DeployInputs) -> Result<(), DeployError> {
        let config = self.config;
        let side = config.side(name).ok_or_else(|| DeployError::UnknownSide {
            side: name.to_owned(),
            known: config.sides.keys().cloned().collect(),
        })?;
        if side.template.is_some() {
            let given = inputs.templates.get(name);
            let given = given.ok_or_else(|| DeployError::NoTemplate {
                side: name.to_owned(),
            })?;
            self.group(&config.target.group_named(&side.group)).await?;
            self.image(SideBodies { config, name, side }).await?;
            return self.by_template(name, side, given).await;
        }
        let policy = match self.serves(side.address).await? {
            true => IfDifferent::Refuse(name),
            false => IfDifferent::Update,
        };
        let bodies = SideBodies { config, name, side };
        self.group(&config.target.group_named(&side.group)).await?;
        let (image, balancer) = join(self.image(bodies), self.load_balancer(bodies, policy)).await;
        image.and(balancer)?;
        let (interface, scale_set) = join(
            self.interface(bodies, policy),
            self.scale_set(bodies, policy),
        )
        .await;
        interface.and(scale_set)?;
        self.autoscale(bodies).await
    }

    async fn image(&self, of: SideBodies<'_>) -> Result<(), DeployError> {
        match &of.side.image_blob {
            Some(blob) => {
                let body = |_: Option<&Value>| Ok(of.image(blob));
                self.ensure(&of.side.image, IfDifferent::Update, body).await
            }
            None => Ok(()),
        }
    }

    async fn load_balancer(
        &self,
        of: SideBodies<'_>,
        policy: IfDifferent<'_>,
    ) -> Result<(), DeployError> {
        let id = of.side.load_balancer(self.config.target.subscription());
        self.ensure(&id, policy, |_| Ok(of.load_balancer())).await
    }

    async fn interface(
        &self,
        of: SideBodies<'_>,
        policy: IfDifferent<'_>,
    ) -> Result<(), DeployError> {
        let id = of
            .side
            .network_interface(self.config.target.subscription(), of.name);
        self.ensure(&id, policy, |_| Ok(of.network_interface()))
            .await
    }

    /// How many instances a scale set that exists has is autoscale's business, not ours.
    async fn scale_set(
        &self,
        of: SideBodies<'_>,
        policy: IfDifferent<'_>,
    ) -> Result<(), DeployError> {
        let id = of
            .side
            .scale_set(self.config.target.subscription(), of.name);
        let body = |found: Option<&Value>| {
            let mut body = of.scale_set();
            if let (Some(_), Some(sku)) = (found, body["sku"].as_object_mut()) {
                sku.shift_remove("capacity");
            }
            Ok(body)
        };
        self.ensure(&id, policy, body).await
    }

    async fn autoscale(&self, of: SideBodies<'_>) -> Result<(), DeployError> {
        match of.side.autoscale {
            Some(range) => {
                let subscription = self.config.target.subscription();
                let id = of.side.autoscale_setting(subscription, of.name);
                self.ensure(&id, IfDifferent::Update, |_| Ok(of.autoscale(range)))
                    .await
            }
            None => Ok(()),
        }
    }

    async fn group(&self, id: &ResourceId) -> Result<(), DeployError> {
        let body = json!({"location": self.config.frontend.location});
        self.ensure(id, IfDifferent::Update, |_| Ok(body.clone()))
            .await
    }

    /// Whether the gateway's pool lists `address` and something answers for it: a side that was
    /// never built can be listed by a new gateway, and is then built, not changed.
    async fn serves(&self, address: Ipv4Addr) -> Result<bool, DeployError> {
        let target = &self.config.target;
        let gateway = self.applier.arm.find(&target.gateway).await;
        let gateway = gateway.map_err(|failure| DeployError::arm(&target.gateway, failure))?;
        let members = gateway.and_then(|gateway| pool::members(&gateway, &target.pool));
        Ok(members.is_some_and(|members| members.contains(&address)))
    }

    async fn ensure(
        &self,
        id: &ResourceId,
        policy: IfDifferent<'_>,
        body: impl Fn(Option<&Value>) -> Result<Value, DeployError>,
    ) -> Result<(), DeployError> {
        let deployed = self.applier.apply(id, policy, body).await?;
        self.took(deployed);
        Ok(())
    }

    /// Tells of a settled resource.
    fn took(&self, deployed: Deployed) {
        let progress = Progress::Deployed {
            resource: deployed.resource.to_string(),
            change: deployed.change,
        };
        self.observer.on(self.applier.environment.now(), &progress);
        self.report.borrow_mut().resources.push(deployed);
    }
}
