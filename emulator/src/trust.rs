//! Certificates of a private authority, by which clients trust a server on this machine.
//!
//! An [`Authority`] signs leaves for this machine's own names and nothing else. It is kept by
//! whoever made it, as its key and its certificate; leaves are made anew at each start and kept
//! nowhere. Time is an argument, in seconds since 1970.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The names of the leaf: every way of saying "this machine" to itself.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Ten years: nobody likes to install an authority twice.
const AUTHORITY_YEARS: i32 = 10;
/// Clients refuse leaves that live longer than 397 days.
const LEAF_DAYS: i64 = 90;
const SECONDS_PER_DAY: i64 = 86_400;

/// A private certificate authority.
#[derive(Debug)]
pub struct Authority {
    key: KeyPair,
}

/// Why a certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Its key or the certificate itself.
    #[error("making a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The server's configuration.
    #[error("using a certificate")]
    Server(#[from] rustls::Error),
}

impl Authority {
    /// A new authority.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn generate() -> Result<Self, TrustError> {
        Ok(Self {
            key: KeyPair::generate()?,
        })
    }

    /// An authority from its key, as [`Authority::key_pem`] gave it.
    ///
    /// # Errors
    /// When the text is not such a key.
    pub fn from_key_pem(pem: &str) -> Result<Self, TrustError> {
        Ok(Self {
            key: KeyPair::from_pem(pem)?,
        })
    }

    /// The key. Whoever has it can pretend to be this machine to everyone who trusts the authority.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The certificate that clients are told to trust.
    ///
    /// # Errors
    /// When signing fails.
    pub fn certificate_pem(&self, now: u64) -> Result<String, TrustError> {
        let mut params = issuer();
        let (year, month, day) = date(now, -1);
        params.not_before = date_time_ymd(year, month, day);
        params.not_after = date_time_ymd(year + AUTHORITY_YEARS, month, day.min(28));
        Ok(params.self_signed(&self.key)?.pem())
    }

    /// What a server on this machine needs to speak TLS as its names.
    ///
    /// # Errors
    /// When signing fails or rustls refuses the outcome.
    pub fn server(&self, now: u64) -> Result<Arc<ServerConfig>, TrustError> {
        let key = KeyPair::generate()?;
        let issuer = Issuer::new(issuer(), &self.key);
        let leaf = leaf(now)?.signed_by(&key, &issuer)?;
        let chain = vec![CertificateDer::from(leaf.der().to_vec())];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Arc::new(config))
    }
}

/// What the authority is called; with its key all that a leaf's issuer must match.
fn issuer() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Turquoise local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf(now: u64) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    params.distinguished_name = named("localhost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Strict verifiers (Python 3.13) want the leaf to name its authority's key.
    params.use_authority_key_identifier_extension = true;
    let (year, month, day) = date(now, -1);
    params.not_before = date_time_ymd(year, month, day);
    let (year, month, day) = date(now, LEAF_DAYS);
    params.not_after = date_time_ymd(year, month, day);
    Ok(params)
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Turquoise");
    name.push(DnType::CommonName, common_name);
    name
}

/// The day so many days from now.
fn date(now: u64, days: i64) -> (i32, u8, u8) {
    let seconds = i64::try_from(now).unwrap_or_default() + days * SECONDS_PER_DAY;
    let at = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    (
        date.year().into(),
        date.month().unsigned_abs(),
        date.day().unsigned_abs(),
    )
}
