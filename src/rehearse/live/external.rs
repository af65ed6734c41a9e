//! Lets a program swap: everything that it needs to know is in its environment.

mod process;

use turquoise_orchestrator::config::Side;

use self::process::{Ended, Process};
use super::{Stage, Stop, TOKEN, unless_stopped};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::rehearse::evidence::Acted;
use crate::rehearse::plan::{HOST, Program};

/// The variables that a program finds, with what they hold.
pub(crate) const VARIABLES: [(&str, &str); 22] = [
    (
        "TURQUOISE_ENDPOINT",
        "URL of Resource Manager: put ids and `?api-version=` behind it",
    ),
    ("TURQUOISE_TOKEN", "a bearer token that it takes"),
    ("TURQUOISE_SUBSCRIPTION", "the subscription's id"),
    (
        "TURQUOISE_SPEED",
        "how many times faster than the wall clock Azure's time passes",
    ),
    (
        "TURQUOISE_GATEWAY_ID",
        "resource id of the application gateway",
    ),
    ("TURQUOISE_POOL", "name of the backend address pool to swap"),
    (
        "TURQUOISE_GATEWAY_URL",
        "where clients reach the gateway: its name and its port on this machine",
    ),
    (
        "TURQUOISE_GATEWAY_SOCKET",
        "address and port to connect to for that URL (`curl --connect-to`)",
    ),
    (
        "TURQUOISE_CA_FILE",
        "PEM file of the authority that signed the gateway's certificate",
    ),
    (
        "TURQUOISE_BUILD_HEADER",
        "answer header that names the build that served",
    ),
    ("TURQUOISE_OLD", "name of the side that serves"),
    ("TURQUOISE_OLD_ADDRESS", "its address in the pool"),
    ("TURQUOISE_OLD_SCALE_SET_ID", "resource id of its scale set"),
    (
        "TURQUOISE_OLD_AUTOSCALE_ID",
        "resource id of its autoscale setting",
    ),
    ("TURQUOISE_NEW", "name of the side that is to serve"),
    ("TURQUOISE_NEW_ADDRESS", "its address in the pool"),
    ("TURQUOISE_NEW_SCALE_SET_ID", "resource id of its scale set"),
    (
        "TURQUOISE_NEW_AUTOSCALE_ID",
        "resource id of its autoscale setting",
    ),
    (
        "TURQUOISE_API_NETWORK",
        "an api-version for Microsoft.Network",
    ),
    (
        "TURQUOISE_API_COMPUTE",
        "an api-version for Microsoft.Compute",
    ),
    (
        "TURQUOISE_CONFIG",
        "the system as a configuration file of turquoise",
    ),
    ("TURQUOISE_STATE", "an empty folder, for a journal"),
];

/// The api-versions that our own orchestrator sends.
const API_NETWORK: &str = "2025-01-01";
const API_COMPUTE: &str = "2024-11-01";

impl Stage<'_> {
    /// Runs a program to its end, or to the end of anyone's patience.
    pub(super) async fn run_program(
        &self,
        program: &Program,
        interrupt: &Interrupt,
    ) -> Result<Acted, Stop> {
        let environment = self.surroundings()?;
        let mut process = Process::start(program, &environment)?;
        let ended = unless_stopped(interrupt, process.wait(program.timeout)).await;
        // Whoever ended it, nothing that it started goes on beside the judgement.
        process.end_group().await;
        Ok(match ended? {
            Ended::Code(code) => Acted::program(code, code_in_words(code)),
            Ended::Signal(signal) => Acted::program(1, format!("it was ended by signal {signal}")),
            Ended::TimedOut => {
                let seconds = program.timeout.as_secs();
                Acted::program(
                    1,
                    format!("it did not end within {seconds} s and was ended"),
                )
            }
        })
    }

    /// What [`VARIABLES`] hold for this system.
    fn surroundings(&self) -> Result<Vec<(&'static str, String)>, Failure> {
        let config = &self.config;
        let subscription = config.target.subscription();
        let listener = self.listener().ok_or_else(|| {
            Failure::new(Exit::Internal, "the gateway has no TLS listener".to_owned())
        })?;
        let (old, new) = self.sides();
        let side = |name: &str, of: fn(&Side, &str, &str) -> String| {
            of(&config.sides[name], subscription, name)
        };
        let address = |name| side(name, |side, _, _| side.address.to_string());
        let scale_set = |name| {
            side(name, |side, sub, name| {
                side.scale_set(sub, name).to_string()
            })
        };
        let autoscale = |name| {
            side(name, |side, sub, name| {
                side.autoscale_setting(sub, name).to_string()
            })
        };
        let values = [
            self.access.endpoint().to_owned(),
            TOKEN.to_owned(),
            subscription.to_owned(),
            self.plan.speed.to_string(),
            config.target.gateway.to_string(),
            config.target.pool.clone(),
            format!("https://{HOST}:{}", listener.listens.port()),
            listener.listens.to_string(),
            self.written("gateway-authority.pem", &self.certificate.authority_pem)?,
            config.identity.header.clone(),
            old.to_owned(),
            address(old),
            scale_set(old),
            autoscale(old),
            new.to_owned(),
            address(new),
            scale_set(new),
            autoscale(new),
            API_NETWORK.to_owned(),
            API_COMPUTE.to_owned(),
            self.written("turquoise.toml", &config.to_toml())?,
            self.state.join("journal").display().to_string(),
        ];
        let names = VARIABLES.into_iter().map(|(name, _)| name);
        Ok(names.zip(values).collect())
    }

    /// Writes a file for the program to read, and tells where it is.
    fn written(&self, name: &str, text: &str) -> Result<String, Failure> {
        let path = self.state.join(name);
        std::fs::write(&path, text).map_err(|error| {
            let what = format!("cannot write `{}`", path.display());
            Failure::new(Exit::Internal, what).because(&error)
        })?;
        Ok(path.display().to_string())
    }
}

fn code_in_words(code: u8) -> String {
    match code {
        0 => String::new(),
        _ => format!("it ended with {code}"),
    }
}
