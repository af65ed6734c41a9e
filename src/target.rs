//! What the production commands act on: a configuration, an endpoint, a folder for the journal.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use turquoise_orchestrator::live::LiveEnvironment;
use turquoise_orchestrator::{Access, Config};

use crate::credential::{self, Cloud, Kind, Variables};
use crate::failure::Failure;
use crate::store::Store;

/// Where `turquoise emulate --port 8400` answers.
pub(crate) const LOCAL_ENDPOINT: &str = "http://127.0.0.1:8400";

/// Options of every command that acts on a deployed system.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// The configuration file; `turquoise init` writes one.
    #[arg(
        long,
        short = 'c',
        default_value = "turquoise.toml",
        env = "TURQUOISE_CONFIG"
    )]
    pub(crate) config: PathBuf,
    /// Where Azure Resource Manager answers: the local emulator, or Azure, which must be named.
    #[arg(long, default_value = LOCAL_ENDPOINT, env = "TURQUOISE_ENDPOINT")]
    pub(crate) endpoint: String,
    /// The cloud instead of an endpoint.
    #[arg(long, value_enum, conflicts_with = "endpoint")]
    pub(crate) cloud: Option<Cloud>,
    /// Who we are to Azure.
    #[arg(long, value_enum, default_value_t, env = "TURQUOISE_CREDENTIAL")]
    pub(crate) credential: Kind,
    /// Authorities to trust besides this machine's, as a file of PEM certificates.
    #[arg(long, value_name = "FILE", env = "TURQUOISE_CA_FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Where the journal and the lease are: a folder, or `az://CONTAINER/PREFIX` for a team.
    ///
    /// The account of a container comes from the environment, as for Azure's own tools:
    /// `AZURE_STORAGE_ACCOUNT_NAME` with a key, a SAS token, or nothing for a managed identity.
    #[arg(long, default_value = ".turquoise", env = "TURQUOISE_STATE")]
    pub(crate) state: String,
    /// How many times faster than the wall clock the emulator at the endpoint runs.
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f64,
}

impl Target {
    /// Reads and checks the configuration.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        read_config(&self.config)
    }

    /// The endpoint with whoever we are there.
    pub(crate) fn access(&self, environment: &LiveEnvironment) -> Result<Access, Failure> {
        let endpoint = self.endpoint();
        let (scheme, host) = self.endpoint_parts().ok_or_else(|| {
            Failure::usage(format!("`{endpoint}` is not an endpoint"))
                .next("write scheme, host and port, such as `http://127.0.0.1:8400`")
        })?;
        let local = is_loopback(&host);
        if scheme != "https" && !local {
            return Err(
                Failure::usage(format!("`{endpoint}` would send the token in the clear"))
                    .next("write `https://`"),
            );
        }
        let variables = Variables::process();
        credential::access(endpoint, local, self.credential, &variables, environment)
    }

    /// Where Azure Resource Manager answers.
    pub(crate) fn endpoint(&self) -> &str {
        match self.cloud {
            Some(cloud) => cloud.endpoint(),
            None => &self.endpoint,
        }
    }

    fn endpoint_parts(&self) -> Option<(String, String)> {
        let uri: http::Uri = self.endpoint().parse().ok()?;
        let scheme = uri
            .scheme_str()
            .filter(|scheme| ["http", "https"].contains(scheme))?;
        Some((scheme.to_owned(), uri.host()?.to_owned()))
    }

    /// The store of this gateway pool's journal and lease.
    pub(crate) fn store(&self, config: &Config) -> Result<Store, Failure> {
        let gateway = &config.target.gateway;
        let parts = [
            gateway.subscription(),
            gateway.group_name().unwrap_or_default(),
            gateway.name(),
            &config.target.pool,
        ];
        Store::open(&self.state, &parts.map(str::to_ascii_lowercase))
    }
}

/// Reads and checks a configuration file.
pub(crate) fn read_config(path: &Path) -> Result<Config, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!(
            "cannot read the configuration `{}`",
            path.display()
        ))
        .because(&error)
        .next("`turquoise init` writes one; --config names another file")
    })?;
    Config::parse(path, &text).map_err(|error| {
        Failure::usage(format!(
            "the configuration `{}` cannot be used",
            path.display()
        ))
        .because(&error)
        .next("correct the file; `turquoise init -` prints every key with its reason")
    })
}

/// A factor above 0.
pub(crate) fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(speed),
        _ => Err("write a number above 0, such as 20".to_owned()),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_may_be_asked_in_the_clear() {
        for (host, local) in [
            ("127.0.0.1", true),
            ("[::1]", true),
            ("localhost", true),
            ("management.azure.com", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(host), local, "{host}");
        }
    }

    #[test]
    fn a_speed_is_a_number_above_zero() {
        assert_eq!(speed("20"), Ok(20.0));
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(speed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_pool_has_a_store_of_its_own() {
        let target = Target {
            config: PathBuf::new(),
            endpoint: LOCAL_ENDPOINT.to_owned(),
            cloud: None,
            credential: Kind::Auto,
            ca_file: None,
            state: "state".to_owned(),
            speed: 1.0,
        };
        let store = target.store(&Config::example());
        let folder = store.expect("a folder needs no service").to_string();
        assert!(folder.ends_with("frontend-p-rg/bgappgw/pool01"), "{folder}");
    }
}
