//! The PFX that a gateway's `sslCertificates` carry, read into a [`Certificate`].

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy, error::Error as PfxError};
use sha2::{Digest as _, Sha256};

use crate::desired::Certificate;

/// Why a PFX cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPfx {
    /// It is not base64, not a PKCS#12 file, or holds no key with its certificate.
    #[error("the data is not a PFX with a private key and its certificate")]
    Data,
    /// The password does not open it.
    #[error("the password does not open the PFX")]
    Password,
}

/// Reads a PFX given as base64.
///
/// # Errors
/// [`InvalidPfx`] says whether the data or the password is at fault.
pub(crate) fn parse(data: &str, password: &str) -> Result<Certificate, InvalidPfx> {
    let compact: String = data.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = STANDARD.decode(compact).map_err(|_| InvalidPfx::Data)?;
    let store = KeyStore::from_pkcs12(&bytes, password, Pkcs12ImportPolicy::Strict)
        .map_err(|reason| fault(&reason))?;
    let (_, chain) = store.private_key_chain().ok_or(InvalidPfx::Data)?;
    if chain.certs().is_empty() {
        return Err(InvalidPfx::Data);
    }
    Ok(Certificate {
        chain: chain.certs().iter().map(|c| c.as_der().to_vec()).collect(),
        key: chain.key().as_der().to_vec(),
    })
}

/// A wrong password shows as a wrong MAC or, in files without one, as bad padding.
fn fault(reason: &PfxError) -> InvalidPfx {
    match reason {
        PfxError::MacError(_) | PfxError::UnpadError | PfxError::Pkcs5Error(_) => {
            InvalidPfx::Password
        }
        _ => InvalidPfx::Data,
    }
}

/// Certificates read before: opening a PFX costs thousands of hash rounds, and every gateway write
/// carries the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Certificates {
    read: BTreeMap<[u8; 32], Arc<Certificate>>,
}

impl Certificates {
    /// Reads a PFX, or finds it read.
    ///
    /// # Errors
    /// As [`parse`].
    pub(crate) fn open(
        &mut self,
        data: &str,
        password: &str,
    ) -> Result<Arc<Certificate>, InvalidPfx> {
        let mut hash = Sha256::new_with_prefix(data);
        hash.update([0]);
        hash.update(password);
        let key: [u8; 32] = hash.finalize().into();
        if let Some(known) = self.read.get(&key) {
            return Ok(Arc::clone(known));
        }
        let certificate = Arc::new(parse(data, password)?);
        self.read.insert(key, Arc::clone(&certificate));
        Ok(certificate)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use p12_keystore::{Certificate as PfxCertificate, KeyStoreEntry, PrivateKey, PrivateKeyChain};

    /// A self-signed certificate for `localhost` as base64 PFX under `password`.
    pub(crate) fn pfx(password: &str) -> String {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
            .expect("rcgen signs for one name");
        let key =
            PrivateKey::from_der(&made.signing_key.serialize_der()).expect("rcgen writes PKCS#8");
        let leaf = PfxCertificate::from_der(made.cert.der()).expect("rcgen writes X.509");
        let mut store = KeyStore::new();
        let chain = PrivateKeyChain::new("1", key, [leaf]);
        store.add_entry("leaf", KeyStoreEntry::PrivateKeyChain(chain));
        let bytes = store
            .writer(password)
            .encryption_iterations(100)
            .mac_iterations(100)
            .write()
            .expect("a chain can be written");
        STANDARD.encode(bytes)
    }

    #[test]
    fn a_pfx_yields_its_chain_and_its_key() {
        let read = parse(&pfx("secret"), "secret").expect("the PFX is good");
        assert_eq!(read.chain.len(), 1);
        assert!(!read.key.is_empty());
    }

    #[test]
    fn a_bad_pfx_says_whether_data_or_password_is_at_fault() {
        let good = pfx("secret");
        for (data, password, fault) in [
            (good.as_str(), "other", InvalidPfx::Password),
            (good.as_str(), "", InvalidPfx::Password),
            ("%%%", "secret", InvalidPfx::Data),
            ("bm90IGEgcGZ4", "secret", InvalidPfx::Data),
            ("", "secret", InvalidPfx::Data),
        ] {
            assert_eq!(
                parse(data, password),
                Err(fault),
                "{password} {}",
                data.len()
            );
        }
    }

    #[test]
    fn a_pfx_is_read_once() {
        let mut certificates = Certificates::default();
        let data = pfx("secret");
        let first = certificates.open(&data, "secret").expect("the PFX is good");
        let again = certificates.open(&data, "secret").expect("the PFX is good");
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(certificates.open(&data, "no"), Err(InvalidPfx::Password));
    }
}
