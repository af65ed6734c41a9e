//! Signed tokens: JSON Web Tokens with ES256.
//!
//! Written on ring, which is here for TLS anyway: the usual crate brings either a second
//! implementation of every curve or a C++ tool chain. Only tokens of ours are verified and only by
//! our one algorithm, so that there is nothing to choose and nothing to confuse.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Longer than any token of ours; nothing longer is looked into.
const LONGEST_TOKEN: usize = 8 * 1024;

/// What signs tokens and knows its own again. Keep it over restarts: clients keep tokens.
pub struct TokenKey {
    pair: EcdsaKeyPair,
    id: String,
    random: SystemRandom,
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No randomness to make one.
    #[error("this machine has no randomness to make a key from")]
    NoRandomness,
    /// Bytes that hold no key.
    #[error("the bytes are not a PKCS#8 key on the curve P-256")]
    NotAKey,
}

/// A new client secret: 32 random bytes as text.
///
/// # Errors
/// When the machine has no randomness.
pub fn generate_secret() -> Result<String, KeyError> {
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_unspecified| KeyError::NoRandomness)?;
    Ok(encode(&bytes))
}

impl TokenKey {
    /// A new key as PKCS#8.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn generate() -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        made.map(|document| document.as_ref().to_vec())
            .map_err(|_unspecified| KeyError::NoRandomness)
    }

    /// Reads a key as [`TokenKey::generate`] gave it.
    ///
    /// # Errors
    /// When the bytes are not such a key.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &random)
            .map_err(|_rejected| KeyError::NotAKey)?;
        let digest = Sha256::digest(pair.public_key().as_ref());
        let id = encode(&digest[..12]);
        Ok(Self { pair, id, random })
    }

    /// The token with these claims.
    pub(super) fn sign(&self, claims: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": "ES256", "kid": self.id});
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.pair.sign(&self.random, signed.as_bytes());
        let signature = signature.expect("because the key was made with this machine's randomness");
        format!("{signed}.{}", encode(signature.as_ref()))
    }

    /// The claims of a token of ours, whatever they say; `None` for any other text.
    pub(super) fn verify(&self, token: &str) -> Option<Value> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = decode(signature)?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref());
        key.verify(signed.as_bytes(), &signature).ok()?;
        unverified_claims(token)
    }

    /// The public half, as clients fetch it.
    pub(super) fn jwks(&self) -> Value {
        // An uncompressed point: 0x04, then x and y of 32 bytes each.
        let point = self.pair.public_key().as_ref();
        json!({"keys": [{
            "kty": "EC",
            "crv": "P-256",
            "use": "sig",
            "alg": "ES256",
            "kid": self.id,
            "x": encode(point.get(1..33).unwrap_or_default()),
            "y": encode(point.get(33..65).unwrap_or_default()),
        }]})
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What a token says, whoever signed it.
pub(super) fn unverified_claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || token.len() > LONGEST_TOKEN {
        return None;
    }
    let read: Value = serde_json::from_slice(&decode(claims)?).ok()?;
    read.is_object().then_some(read)
}

/// Compares without telling by its time how much fits.
pub(super) fn same(given: &str, wanted: &str) -> bool {
    let (given, wanted) = (Sha256::digest(given), Sha256::digest(wanted));
    let differences = given
        .iter()
        .zip(&wanted)
        .fold(0, |all, (a, b)| all | (a ^ b));
    differences == 0
}

fn part(value: &Value) -> String {
    encode(value.to_string().as_bytes())
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    // Some tools write the padding that the standard leaves out.
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}
