//! Bearer tokens with an end, as the orchestrator's machine gets them.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use turquoise_orchestrator::{Instant, TokenError, TokenSource};

use super::core::cloud_time;
use super::level::Level;
use super::names::TOKEN;
use super::notebook::Notebook;
use crate::scenario::Identity;

/// A token is renewed this long before its end, as identity libraries do: a fifth of its life, at
/// most five minutes.
const LARGEST_MARGIN_MS: u64 = 300_000;

/// Where a process gets its tokens.
pub(super) struct Tokens<L> {
    level: Rc<L>,
    identity: Identity,
    swap_start: Instant,
    notebook: Notebook,
    /// When the token in use was issued.
    issued: Cell<Option<u64>>,
}

impl<L: Level> Tokens<L> {
    pub(super) fn new(
        level: Rc<L>,
        identity: Identity,
        swap_start: Instant,
        notebook: Notebook,
    ) -> Self {
        Self {
            level,
            identity,
            swap_start,
            notebook,
            issued: Cell::new(None),
        }
    }

    fn token_now(&self) -> Result<String, TokenError> {
        if self.identity == Identity::default() {
            return Ok(TOKEN.to_owned());
        }
        let now = self.level.now().0;
        let issued = match self.issued.get().filter(|issued| self.is_fresh(*issued)) {
            Some(issued) => issued,
            None => self.renew(now)?,
        };
        Ok(self.text(issued))
    }

    /// A new token, or the old one while it is good and no new one can be had.
    fn renew(&self, now: u64) -> Result<u64, TokenError> {
        if !self.is_out(now) {
            self.issued.set(Some(now));
            return Ok(now);
        }
        self.notebook
            .happened(cloud_time(Instant(now)), "token_outage");
        let good = |issued: &u64| now < self.ends(*issued);
        self.issued.get().filter(good).ok_or_else(|| TokenError {
            reason: "the identity service does not answer".to_owned(),
        })
    }

    fn is_out(&self, now: u64) -> bool {
        let since = now.saturating_sub(self.swap_start.0);
        let mut outages = self.identity.outages.iter();
        outages.any(|o| (o.at_ms..o.at_ms + o.for_ms).contains(&since))
    }

    fn ends(&self, issued: u64) -> u64 {
        issued.saturating_add(self.identity.ttl_ms.unwrap_or(u64::MAX))
    }

    fn is_fresh(&self, issued: u64) -> bool {
        let margin = self.identity.ttl_ms.map_or(0, |ttl| ttl / 5);
        let renewed = self.ends(issued) - margin.min(LARGEST_MARGIN_MS);
        self.level.now().0 < renewed
    }

    fn text(&self, issued: u64) -> String {
        match self.identity.ttl_ms {
            Some(_) => format!("{TOKEN};iat={issued};exp={}", self.ends(issued)),
            None => format!("{TOKEN};iat={issued}"),
        }
    }
}

impl<L> std::fmt::Debug for Tokens<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl<L: Level> TokenSource for Tokens<L> {
    fn token(&self) -> LocalBoxFuture<'_, Result<String, TokenError>> {
        ready(self.token_now()).boxed_local()
    }

    fn refused(&self) {
        self.issued.set(None);
        let at = cloud_time(self.level.now());
        self.notebook.happened(at, "token_refused");
    }
}
