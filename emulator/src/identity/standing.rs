//! What a request's token is worth.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::Value;

use super::Identity;

/// The well-known token of the commands of this tool, which do not sign in to a local cloud. Like
/// the well-known key of other emulators it is no secret: the cloud listens on loopback alone.
pub const DEVELOPMENT_TOKEN: &str = "local-emulator";

/// Verified tokens that are remembered, so that a busy client does not pay for a signature each
/// time; clients use a token for an hour.
const MOST_REMEMBERED: usize = 1_024;

/// Which requests to Resource Manager are let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// Those with a token that we signed, or with [`DEVELOPMENT_TOKEN`].
    #[default]
    Verified,
    /// Those with any bearer token.
    AnyToken,
    /// All of them.
    Everyone,
}

/// What is known of a request's caller before Resource Manager sees it; rides along as an
/// extension of the request. Without one, Resource Manager looks only for some bearer token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Let in.
    Admitted,
    /// To be answered with 401.
    Refused {
        /// ARM's code, such as `ExpiredAuthenticationToken`.
        code: &'static str,
        /// Why, for people.
        message: String,
        /// Where tokens come from: `https://host:port`.
        login: String,
    },
}

/// Tokens that were verified, with their ends, in seconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Verified(Mutex<BTreeMap<String, u64>>);

impl Verified {
    fn end(&self, token: &str) -> Option<u64> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(token).copied()
    }

    fn remember(&self, now: u64, token: &str, end: u64) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MOST_REMEMBERED {
            held.retain(|_, end| *end > now);
        }
        if held.len() < MOST_REMEMBERED {
            held.insert(token.to_owned(), end);
        }
    }
}

impl Identity {
    /// What the request's token is worth at `now`, in seconds since 1970.
    #[must_use]
    pub fn standing(&self, now: u64, headers: &HeaderMap, host: &str) -> Standing {
        match self.check(now, headers, host) {
            Ok(()) => Standing::Admitted,
            Err((code, message)) => Standing::Refused {
                code,
                message,
                login: format!("https://{host}"),
            },
        }
    }

    fn check(
        &self,
        now: u64,
        headers: &HeaderMap,
        host: &str,
    ) -> Result<(), (&'static str, String)> {
        let admission = self.config.admission;
        if admission == Admission::Everyone {
            return Ok(());
        }
        let Some(token) = bearer(headers) else {
            return Err((
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing or is not a bearer \
                 token."
                    .to_owned(),
            ));
        };
        if admission == Admission::AnyToken || token == DEVELOPMENT_TOKEN {
            return Ok(());
        }
        let end = match self.verified.end(token) {
            Some(end) => end,
            None => self.verify(now, token, host)?,
        };
        if end <= now {
            return Err((
                "ExpiredAuthenticationToken",
                format!(
                    "The access token expiry UTC time '{end}' is earlier than current UTC time \
                     '{now}'."
                ),
            ));
        }
        Ok(())
    }

    fn verify(&self, now: u64, token: &str, host: &str) -> Result<u64, (&'static str, String)> {
        let invalid = |text: &str| ("InvalidAuthenticationToken", text.to_owned());
        let claims = self.config.key.verify(token).ok_or_else(|| {
            invalid(
                "The access token is invalid: this emulator did not sign it. Sign in again \
                 (`turquoise az -- …` does, `turquoise env` tells how).",
            )
        })?;
        if claims["tid"].as_str() != Some(self.config.tenant.as_str()) {
            return Err((
                "InvalidAuthenticationTokenTenant",
                "The access token is from the wrong issuer. It must match the tenant associated \
                 with this subscription."
                    .to_owned(),
            ));
        }
        let audience = claims["aud"].as_str().unwrap_or_default();
        if !is_for_resource_manager(audience, host) {
            return Err(invalid(&format!(
                "The access token has been obtained for wrong audience or resource '{audience}'."
            )));
        }
        let end = claims.get("exp").and_then(Value::as_u64).unwrap_or(0);
        self.verified.remember(now, token, end);
        Ok(end)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
}

/// Clients ask for Azure's audiences, for our own as the metadata gives it, and for the name by
/// which they reach us, each with and without a slash at the end (client-contract.md §2).
fn is_for_resource_manager(audience: &str, host: &str) -> bool {
    let audience = audience.trim_end_matches('/').to_ascii_lowercase();
    let Some(named) = audience.strip_prefix("https://") else {
        return false;
    };
    let azure = ["management.azure.com", "management.core.windows.net"];
    let name = named.rsplit_once(':').map_or(named, |(name, _port)| name);
    azure.contains(&named)
        || named.eq_ignore_ascii_case(host)
        || ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audiences_are_azures_ours_and_this_machines() {
        for (audience, fits) in [
            ("https://management.azure.com", true),
            ("https://management.core.windows.net/", true),
            ("https://localhost:8443//", true),
            ("https://127.0.0.1:1/", true),
            ("https://arm.test:8443/", true),
            ("https://graph.microsoft.com", false),
            ("https://management.azure.com.evil.test", false),
            ("http://localhost:8443", false),
            ("", false),
        ] {
            assert_eq!(
                is_for_resource_manager(audience, "arm.test:8443"),
                fits,
                "{audience}"
            );
        }
    }
}
