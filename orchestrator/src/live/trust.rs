//! Whose certificates we believe.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// The roots that TLS connections are checked against. Cheap to clone.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust(…)")
    }
}

/// Why a CA file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is not a file with PEM certificates; pass the emulator's `ca_file`", .path.display())]
pub struct TrustError {
    /// The file.
    pub path: PathBuf,
    /// What was wrong.
    #[source]
    pub source: rustls::pki_types::pem::Error,
}

impl Trust {
    /// This machine's roots; those that cannot be read are left out.
    #[must_use]
    pub fn system() -> Self {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        Self::of(roots)
    }

    /// Only these authorities, each in DER.
    #[must_use]
    pub fn authorities(ders: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(ders.into_iter().map(CertificateDer::from));
        Self::of(roots)
    }

    /// This machine's roots and those of a PEM file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn with_ca_file(path: &Path) -> Result<Self, TrustError> {
        let refuse = |source| TrustError {
            path: path.to_owned(),
            source,
        };
        let pem = CertificateDer::pem_file_iter(path).map_err(refuse)?;
        let extra: Vec<_> = pem.collect::<Result<_, _>>().map_err(refuse)?;
        if extra.is_empty() {
            return Err(refuse(rustls::pki_types::pem::Error::NoItemsFound));
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(extra);
        Ok(Self::of(roots))
    }

    fn of(roots: RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring serves both TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self(Arc::new(config))
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}
