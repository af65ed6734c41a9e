//! A private authority and a server certificate, made for one rehearsal and never written to disk.

use std::time::Duration;

use p12_keystore::{
    Certificate as Pkcs12Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;

/// Clients refuse leaves that live longer than 398 days; a rehearsal needs one day.
const LIFETIME: Duration = Duration::from_secs(2 * 24 * 3600);
/// The key is thrown away with the process, so the cost of guessing the password does not matter.
const ITERATIONS: u32 = 1_000;

/// What TLS at the gateway needs, on both ends.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    /// The server's chain and key as PKCS#12, for the gateway's `sslCertificates`.
    pub(crate) pfx: Vec<u8>,
    /// The password of [`pfx`](Self::pfx).
    pub(crate) password: String,
    /// The authority, for whoever connects.
    pub(crate) authority: CertificateDer<'static>,
    /// The same as a PEM file's text, for programs that read one.
    pub(crate) authority_pem: String,
}

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// The certificate itself.
    #[error("making a certificate for `{host}`")]
    Certificate {
        /// The name it was for.
        host: String,
        /// What the library said.
        #[source]
        source: rcgen::Error,
    },
    /// Its PKCS#12 form.
    #[error("packing the certificate for `{host}`")]
    Packing {
        /// The name it was for.
        host: String,
        /// What the library said.
        #[source]
        source: p12_keystore::error::Error,
    },
}

impl Certificate {
    /// A certificate for one host name, valid from yesterday, so that no clock is too early for it.
    pub(crate) fn for_host(host: &str) -> Result<Self, CertificateError> {
        let signed = sign(host).map_err(|source| CertificateError::Certificate {
            host: host.to_owned(),
            source,
        })?;
        let password = "rehearsal".to_owned();
        let pfx = pack(&signed, &password).map_err(|source| CertificateError::Packing {
            host: host.to_owned(),
            source,
        })?;
        Ok(Self {
            pfx,
            password,
            authority: CertificateDer::from(signed.authority),
            authority_pem: signed.authority_pem,
        })
    }
}

/// A leaf with its key and who signed it, all in DER; the key as PKCS#8.
struct Signed {
    authority: Vec<u8>,
    authority_pem: String,
    leaf: Vec<u8>,
    key: Vec<u8>,
}

fn sign(host: &str) -> Result<Signed, rcgen::Error> {
    let mut params = params(Vec::new(), "Turquoise rehearsal authority")?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = self::params(vec![host.to_owned()], host)?.signed_by(&key, &authority)?;
    Ok(Signed {
        authority: authority.der().to_vec(),
        authority_pem: authority.pem(),
        leaf: leaf.der().to_vec(),
        key: key.serialize_der(),
    })
}

fn params(names: Vec<String>, common_name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let (month, day) = (today.month().unsigned_abs(), today.day().unsigned_abs());
    let midnight = rcgen::date_time_ymd(today.year().into(), month, day);
    params.not_before = midnight - LIFETIME / 2;
    params.not_after = midnight + LIFETIME;
    Ok(params)
}

fn pack(signed: &Signed, password: &str) -> Result<Vec<u8>, p12_keystore::error::Error> {
    let chain = [&signed.leaf, &signed.authority]
        .into_iter()
        .map(|der| Pkcs12Certificate::from_der(der))
        .collect::<Result<Vec<_>, _>>()?;
    let chain = PrivateKeyChain::new("rehearsal", PrivateKey::from_der(&signed.key)?, chain);
    let mut store = KeyStore::new();
    store.add_entry("rehearsal", KeyStoreEntry::PrivateKeyChain(chain));
    store
        .writer(password)
        .encryption_iterations(ITERATIONS)
        .mac_iterations(ITERATIONS)
        .write()
}

#[cfg(test)]
mod tests {
    use p12_keystore::Pkcs12ImportPolicy;

    use super::*;

    #[test]
    fn the_package_opens_with_its_password_and_holds_the_chain() {
        let made = Certificate::for_host("shop.example").expect("a host name");
        let store = KeyStore::from_pkcs12(&made.pfx, &made.password, Pkcs12ImportPolicy::Relaxed)
            .expect("our own package");
        let (_, chain) = store.private_key_chain().expect("one key");
        assert_eq!(chain.certs().len(), 2);
        assert!(chain.certs()[0].subject().contains("shop.example"));
        assert_eq!(chain.certs()[1].as_der(), made.authority.as_ref());
        assert!(KeyStore::from_pkcs12(&made.pfx, "wrong", Pkcs12ImportPolicy::Relaxed).is_err());
    }
}
