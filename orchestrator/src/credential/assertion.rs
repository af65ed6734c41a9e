//! Proves a service principal by its certificate: a JSON Web Token that only its key can sign.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use sha2::{Digest, Sha256};

/// How long an assertion may be used; Azure takes at most a day, and needs seconds.
const LIFE_S: u64 = 600;

/// A certificate with its RSA key.
pub struct Certificate {
    key: RsaKeyPair,
    thumbprint: String,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

/// Why a file is no usable certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No PEM with both.
    #[error("it needs a certificate and its private key, both as PEM: {0}")]
    Incomplete(String),
    /// Not RSA, or broken.
    #[error("its private key is no RSA key of at least 2,048 bits: {0}")]
    Key(String),
}

impl Certificate {
    /// Reads a PEM file that holds the certificate and its key, in any order.
    ///
    /// # Errors
    /// When one of them is missing or the key is not RSA.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let incomplete =
            |error: rustls::pki_types::pem::Error| CertificateError::Incomplete(error.to_string());
        let certificate = CertificateDer::from_pem_slice(pem).map_err(incomplete)?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(incomplete)?;
        let key = match &key {
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(CertificateError::Key("it is of another kind".to_owned())),
        };
        Ok(Self {
            key: key.map_err(|error| CertificateError::Key(error.to_string()))?,
            thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)),
        })
    }

    /// A signed assertion for the token endpoint `audience` (RFC 7523).
    pub(super) fn assertion(
        &self,
        client_id: &str,
        audience: &str,
        unix_ms: u64,
        id: u64,
    ) -> Result<String, String> {
        let now = unix_ms / 1_000;
        let head = json!({"alg": "RS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = json!({
            "aud": audience, "iss": client_id, "sub": client_id, "jti": format!("{id:016x}"),
            "nbf": now, "iat": now, "exp": now + LIFE_S,
        });
        let encode = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!("{}.{}", encode(&head), encode(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .map_err(|_unspecified| "the key cannot sign".to_owned())?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
