//! Which socket stands for which of the cloud's addresses.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use serde::Deserialize;

use super::LiveEnvironment;
use crate::environment::{Environment, TransportError};

/// Sockets by address and port as Azure knows them. What is not listed is reached as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressMap(BTreeMap<(Ipv4Addr, u16), SocketAddr>);

impl AddressMap {
    /// Where to connect for an address and port; port 0 stands for every port of an address.
    #[must_use]
    pub fn socket(&self, address: Ipv4Addr, port: u16) -> SocketAddr {
        let listed = self.0.get(&(address, port));
        let listed = listed.or_else(|| self.0.get(&(address, 0)));
        listed.copied().unwrap_or_else(|| (address, port).into())
    }
}

impl FromIterator<((Ipv4Addr, u16), SocketAddr)> for AddressMap {
    fn from_iter<I: IntoIterator<Item = ((Ipv4Addr, u16), SocketAddr)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

/// Why the addresses could not be had.
#[derive(Debug, thiserror::Error)]
pub enum AddressesError {
    /// No answer.
    #[error("failed to ask `{endpoint}` for its addresses; is the emulator running there?")]
    Transport {
        /// What was asked.
        endpoint: String,
        /// What happened.
        #[source]
        source: TransportError,
    },
    /// An answer that is no list of addresses.
    #[error("`{endpoint}` does not answer as an emulator does: {reason}")]
    Unexpected {
        /// What was asked.
        endpoint: String,
        /// What was wrong.
        reason: String,
    },
}

/// One line of `GET /turquoise/addresses`.
#[derive(Deserialize)]
struct Listed {
    address: Ipv4Addr,
    port: u16,
    listens: SocketAddr,
}

/// Asks the emulator; an endpoint without that route (real Azure answers 404) has no map.
pub(super) async fn load(
    environment: &LiveEnvironment,
    endpoint: &str,
) -> Result<AddressMap, AddressesError> {
    let unexpected = |reason: String| AddressesError::Unexpected {
        endpoint: endpoint.to_owned(),
        reason,
    };
    let url = format!("{}/turquoise/addresses", endpoint.trim_end_matches('/'));
    let request = http::Request::get(url).body(Bytes::new());
    let request = request.map_err(|error| unexpected(error.to_string()))?;
    let answer = environment.arm(request).await;
    let answer = answer.map_err(|source| AddressesError::Transport {
        endpoint: endpoint.to_owned(),
        source,
    })?;
    if answer.status() == http::StatusCode::NOT_FOUND {
        return Ok(AddressMap::default());
    }
    let listed: Vec<Listed> =
        serde_json::from_slice(answer.body()).map_err(|error| unexpected(error.to_string()))?;
    let pairs = listed.into_iter().map(|l| ((l.address, l.port), l.listens));
    Ok(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_address_is_mapped_and_another_is_reached_as_it_is() {
        let address = Ipv4Addr::new(20, 0, 0, 4);
        let listens = SocketAddr::from(([127, 0, 0, 1], 4711));
        let every_port = Ipv4Addr::new(10, 0, 1, 4);
        let map: AddressMap = [((address, 80), listens), ((every_port, 0), listens)]
            .into_iter()
            .collect();
        assert_eq!(map.socket(address, 80), listens);
        assert_eq!(map.socket(every_port, 8080), listens);
        assert_eq!(map.socket(address, 443), SocketAddr::from((address, 443)));
    }
}
