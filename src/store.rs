//! Where a run's journal and lease are kept: a folder of this machine, or a team's object store.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path as Key;
use turquoise_orchestrator::{FileStore, JournalStore, LeaseStore, SharedStore};
use url::Url;

use crate::failure::Failure;

/// A journal and a lease for one gateway pool.
#[derive(Debug)]
pub(crate) enum Store {
    /// Files in one folder.
    Files(FileStore),
    /// Objects under one prefix, with the URL that they were opened by.
    Shared(SharedStore, String),
}

impl Store {
    /// The store under `place`, for the gateway pool that `parts` name; nothing is asked yet.
    pub(crate) fn open(place: &str, parts: &[String]) -> Result<Self, Failure> {
        if !place.contains("://") {
            let folder = parts
                .iter()
                .fold(PathBuf::from(place), |path, part| path.join(part));
            return Ok(Self::Files(FileStore::new(folder)));
        }
        let refused = |error: &dyn std::error::Error| {
            Failure::usage(format!("`{place}` names no place for the journal"))
                .because(error)
                .next("write a folder, or `az://CONTAINER/PREFIX` with the account in `AZURE_STORAGE_ACCOUNT_NAME`")
        };
        let url = Url::parse(place).map_err(|error| refused(&error))?;
        let (store, prefix) = connect(&url).map_err(|error| refused(&error))?;
        let folder = parts
            .iter()
            .fold(prefix, |path, part| path.join(part.as_str()));
        Ok(Self::Shared(
            SharedStore::new(store, folder),
            place.to_owned(),
        ))
    }

    /// The journals.
    pub(crate) fn as_journal(&self) -> &dyn JournalStore {
        match self {
            Self::Files(store) => store,
            Self::Shared(store, _) => store,
        }
    }

    /// The lease.
    pub(crate) fn as_lease(&self) -> &dyn LeaseStore {
        match self {
            Self::Files(store) => store,
            Self::Shared(store, _) => store,
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(store) => write!(f, "{}", store.folder().display()),
            Self::Shared(_, place) => f.write_str(place),
        }
    }
}

/// A client that gives up soon: the journal asks again itself, and a lease has to be renewed in time.
#[cfg(feature = "azure")]
fn connect(url: &Url) -> object_store::Result<(Arc<dyn ObjectStore>, Key)> {
    use object_store::azure::MicrosoftAzureBuilder;
    if !["az", "azure", "abfs", "abfss"].contains(&url.scheme()) {
        return parsed(url);
    }
    // A second installation is refused, and then the first one serves.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let retry = object_store::RetryConfig {
        max_retries: 2,
        retry_timeout: std::time::Duration::from_secs(10),
        ..Default::default()
    };
    // An emulator of the store, such as Azurite, speaks plain HTTP on loopback.
    let local = std::env::var("AZURE_STORAGE_USE_EMULATOR").is_ok_and(|on| on == "true");
    let client = object_store::ClientOptions::new()
        .with_timeout(std::time::Duration::from_secs(15))
        .with_allow_http(local);
    let store = MicrosoftAzureBuilder::from_env()
        .with_url(url.as_str())
        .with_retry(retry)
        .with_client_options(client)
        .build()?;
    let prefix = Key::from_url_path(url.path())?;
    Ok((Arc::new(store), prefix))
}

#[cfg(not(feature = "azure"))]
fn connect(url: &Url) -> object_store::Result<(Arc<dyn ObjectStore>, Key)> {
    parsed(url)
}

/// Every other store that this build knows.
fn parsed(url: &Url) -> object_store::Result<(Arc<dyn ObjectStore>, Key)> {
    let options = std::env::vars().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let (store, prefix) = object_store::parse_url_opts(url, options)?;
    Ok((Arc::from(store), prefix))
}
