//! Who may ask: a local stand-in for Entra ID, and the documents by which clients find it.
//!
//! [`Identity`] answers what real clients ask before and beside Resource Manager: cloud metadata,
//! OpenID configuration, instance discovery, tokens for an application (by secret or by assertion)
//! and for a managed identity. Its tokens are signed; [`Identity::standing`] says of a request
//! whether its token is ours, still good and meant for Resource Manager. There is one tenant and
//! one application. Sign-in of people in a browser is not emulated.
//!
//! Time is an argument, in seconds since 1970 on the wall clock and not the cloud's: clients keep
//! tokens by their own clock, whatever the speed of the cloud.

mod discovery;
mod form;
mod grant;
mod managed;
mod refusal;
mod route;
mod standing;
mod token;

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::Value;

use crate::seed::Seed;
use route::Route;

pub use standing::{Admission, DEVELOPMENT_TOKEN, Standing};
pub use token::{KeyError, TokenKey, generate_secret};

/// The one application of a default identity.
pub const CLIENT_ID: &str = "00000000-0000-0000-0000-0000000000c1";
/// Its object id, as tokens name it.
pub(crate) const OBJECT_ID: &str = "00000000-0000-0000-0000-0000000000c2";

/// How long a token is good, in seconds, as Entra ID's (azure-facts.md §8).
const LIFETIME_S: u64 = 3_599;

/// What an identity is made of.
#[derive(Debug)]
pub struct IdentityConfig {
    /// The tenant, which is the subscription's.
    pub tenant: String,
    /// The application that may sign in.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// What signs tokens.
    pub key: TokenKey,
    /// Which requests to Resource Manager are let in.
    pub admission: Admission,
}

/// A local stand-in for Entra ID.
#[derive(Debug)]
pub struct Identity {
    config: IdentityConfig,
    verified: standing::Verified,
    answers: AtomicU64,
}

/// One request to the identity.
#[derive(Clone, Copy)]
struct Ask<'a> {
    /// Seconds since 1970.
    now: u64,
    /// `https://host:port`, as the client reached us; what login URLs begin with.
    base: &'a str,
    request: &'a crate::control_plane::RequestParts<'a>,
    body: &'a Bytes,
}

impl Identity {
    /// An identity without a token issued.
    #[must_use]
    pub fn new(config: IdentityConfig) -> Self {
        Self {
            config,
            verified: standing::Verified::default(),
            answers: AtomicU64::new(0),
        }
    }

    /// Answers a request that is for the identity; `None` for those that are not.
    #[must_use]
    pub fn answer(&self, now: u64, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let parts = crate::control_plane::RequestParts::read(request);
        let route = route::route(&parts.segments)?;
        let base = format!("https://{}", parts.host());
        let ask = Ask {
            now,
            base: &base,
            request: &parts,
            body: request.body(),
        };
        let (status, document) = match self.dispatch(ask, &route) {
            Ok(document) => (StatusCode::OK, document),
            Err(refusal) => (refusal.status, self.refusal_document(now, &refusal)),
        };
        Some(json_response(status, &document))
    }

    fn dispatch(&self, ask: Ask<'_>, route: &Route) -> Result<Value, refusal::Refusal> {
        route.check_method(ask.request.method)?;
        match route {
            Route::CloudMetadata => Ok(discovery::cloud_metadata(
                ask.base,
                ask.request.parameter("api-version").unwrap_or_default(),
            )),
            Route::Instance => Ok(discovery::instance(ask.base)),
            Route::OpenId { tenant, version } => {
                self.check_tenant(tenant)?;
                Ok(discovery::open_id(ask.base, tenant, *version))
            }
            Route::Keys => Ok(self.config.key.jwks()),
            Route::Token { tenant, version } => {
                self.check_tenant(tenant)?;
                self.grant(ask, *version)
            }
            Route::ManagedIdentity { app_service } => self.managed_identity(ask, *app_service),
            Route::SignIn => Err(refusal::Refusal::interactive()),
        }
    }

    /// The one tenant, by its id, by its domain, or by the words that stand for any.
    fn check_tenant(&self, tenant: &str) -> Result<(), refusal::Refusal> {
        let known = [
            self.config.tenant.as_str(),
            crate::control_plane::TENANT_DOMAIN,
            "common",
            "organizations",
            "adfs",
        ];
        if known.iter().any(|name| name.eq_ignore_ascii_case(tenant)) {
            return Ok(());
        }
        Err(refusal::Refusal::unknown_tenant(tenant))
    }

    /// An id that looks random, for traces.
    fn trace_id(&self) -> String {
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        crate::control_plane::guid(Seed::new(number).child("identity"))
    }
}

fn json_response(status: StatusCode, document: &Value) -> Response<Bytes> {
    let text = serde_json::to_vec(document).expect("because a JSON tree always serialises");
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    headers.insert(CONTENT_TYPE, json);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
