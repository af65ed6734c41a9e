//! Where Azure answers and how we prove who we are.

use std::fmt;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};

/// An ARM endpoint with the source of its tokens. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    endpoint: String,
    tokens: Rc<dyn TokenSource>,
}

impl Access {
    /// Access to `endpoint`, such as `https://management.azure.com`.
    #[must_use]
    pub fn new(endpoint: &str, tokens: impl TokenSource + 'static) -> Self {
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            tokens: Rc::new(tokens),
        }
    }

    /// Scheme, host and port, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Gets a token, so that whoever cannot sign in hears of it before anything else is asked.
    ///
    /// # Errors
    /// When no token can be had.
    pub async fn sign_in(&self) -> Result<(), TokenError> {
        self.token().await.map(drop)
    }

    pub(crate) fn refused(&self) {
        self.tokens.refused();
    }

    pub(crate) async fn token(&self) -> Result<String, TokenError> {
        self.tokens.token().await
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no token could be had: {reason}")]
pub struct TokenError {
    /// What the source said.
    pub reason: String,
}

/// Where bearer tokens come from. Asked before every request, so a source keeps and renews its own.
pub trait TokenSource {
    /// A token that is valid now.
    fn token(&self) -> LocalBoxFuture<'_, Result<String, TokenError>>;

    /// Azure answered 401 to the last token: a kept one is not to be given out again (F71).
    fn refused(&self) {}
}

/// One token for ever: for emulators, and for pipelines that hand one in.
pub struct StaticToken(String);

impl StaticToken {
    /// Wraps a bearer token.
    #[must_use]
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }
}

impl fmt::Debug for StaticToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticToken(…)")
    }
}

impl TokenSource for StaticToken {
    fn token(&self) -> LocalBoxFuture<'_, Result<String, TokenError>> {
        ready(Ok(self.0.clone())).boxed_local()
    }
}
