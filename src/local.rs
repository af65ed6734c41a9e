//! A local Azure as other programs must be told of it: endpoint, authority, who signs in.

use std::net::TcpStream;
use std::path::PathBuf;

use turquoise_emulator::control_plane::config::{SUBSCRIPTION, TENANT};
use turquoise_emulator::identity::CLIENT_ID;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::keys::{Keys, KeysFolder};
use crate::target::LOCAL_ENDPOINT;

/// Which local Azure.
#[derive(Debug, clap::Args)]
pub(crate) struct LocalArgs {
    /// Where `turquoise emulate` answers.
    #[arg(long, default_value = LOCAL_ENDPOINT, env = "TURQUOISE_ENDPOINT")]
    endpoint: String,
    #[command(flatten)]
    keys: KeysFolder,
}

/// A local Azure, as clients need it.
#[derive(Debug)]
pub(crate) struct Local {
    /// `https://localhost:port`: real clients send tokens nowhere else.
    pub(crate) endpoint: String,
    /// The authority's certificate.
    pub(crate) ca_file: PathBuf,
    /// Where az keeps its settings for this endpoint.
    pub(crate) az_folder: PathBuf,
    /// The one subscription.
    pub(crate) subscription: &'static str,
    /// Its tenant.
    pub(crate) tenant: &'static str,
    /// The one application.
    pub(crate) client_id: &'static str,
    /// Its secret.
    pub(crate) client_secret: String,
    address: String,
}

impl LocalArgs {
    /// What clients need to know.
    pub(crate) fn local(&self) -> Result<Local, Failure> {
        let address = address(&self.endpoint)?;
        let keys: Keys = self.keys.open()?;
        let endpoint = format!("https://{address}");
        Ok(Local {
            ca_file: absolute(keys.ca_file()),
            az_folder: absolute(keys.settings_of("az", &endpoint)),
            endpoint,
            subscription: SUBSCRIPTION,
            tenant: TENANT,
            client_id: CLIENT_ID,
            client_secret: keys.client_secret,
            address,
        })
    }
}

impl Local {
    /// Refuses to go on where nothing listens.
    pub(crate) fn check_listens(&self) -> Result<(), Failure> {
        TcpStream::connect(&self.address)
            .map(drop)
            .map_err(|error| {
                let port = self.address.rsplit(':').next().unwrap_or_default();
                Failure::new(
                    Exit::Unavailable,
                    format!("no local Azure answers at `{}`", self.endpoint),
                )
                .because(&error)
                .next(format!(
                    "start one in another terminal: turquoise emulate --port {port}"
                ))
            })
    }
}

/// `localhost:port` of an endpoint on this machine. The certificate knows the address too, but the
/// name is what every client accepts as the host of an authority.
fn address(endpoint: &str) -> Result<String, Failure> {
    let uri: Option<http::Uri> = endpoint.parse().ok();
    let parts = uri.as_ref().and_then(|uri| {
        let host = uri.host()?;
        let local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        local.then_some(uri.port_u16()?)
    });
    parts
        .map(|port| format!("localhost:{port}"))
        .ok_or_else(|| {
            Failure::usage(format!("`{endpoint}` is no local Azure")).next(
                "write an address on this machine with its port, such as `http://127.0.0.1:8400`",
            )
        })
}

/// Other programs run in other folders.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_told_by_the_name_of_this_machine() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:8400", Some("localhost:8400")),
            ("https://localhost:1", Some("localhost:1")),
            ("http://[::1]:8400", Some("localhost:8400")),
            ("https://management.azure.com", None),
            ("http://127.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(address(endpoint).ok().as_deref(), expected, "{endpoint}");
        }
    }
}
