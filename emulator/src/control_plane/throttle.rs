//! Throttling as Resource Manager counts it: token buckets (azure-facts.md §1.8).
//!
//! Each caller has a bucket of reads, one of writes and one of deletes, and all callers of the
//! subscription share three that are fifteen times as large. Every request takes a token from both;
//! without one it is refused with 429 and the time to wait. Off unless [`Throttling`] is configured:
//! then every answer tells of full buckets.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use turquoise_arm::ArmError;

use super::{ControlPlane, Turn};
use crate::time::Instant;

/// How many times a caller's bucket all callers together have.
const SHARED: u64 = 15;
/// Callers that are remembered; beyond it those with full buckets are forgotten, which loses nothing.
const MOST_CALLERS: usize = 1_024;
/// A token in the unit that buckets count in, so that time in milliseconds refills them exactly.
const TOKEN: u64 = 1_000;

/// How large a caller's bucket is and how fast it fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Requests that may come at once.
    pub size: u32,
    /// Requests a second for ever.
    pub per_second: u32,
}

/// The buckets of each caller. The default is Azure's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttling {
    /// GET and HEAD.
    pub reads: Bucket,
    /// PUT, PATCH and POST.
    pub writes: Bucket,
    /// DELETE.
    pub deletes: Bucket,
}

impl Default for Throttling {
    fn default() -> Self {
        let writes = Bucket {
            size: 200,
            per_second: 10,
        };
        Self {
            reads: Bucket {
                size: 250,
                per_second: 25,
            },
            writes,
            deletes: writes,
        }
    }
}

/// Which bucket a request takes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Reads,
    Writes,
    Deletes,
}

impl Kind {
    pub(super) fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Reads,
            Method::DELETE => Self::Deletes,
            _ => Self::Writes,
        }
    }

    /// Its word in messages.
    fn word(self) -> &'static str {
        match self {
            Self::Reads => "read",
            Self::Writes => "write",
            Self::Deletes => "delete",
        }
    }

    fn bucket(self, limits: &Throttling) -> Bucket {
        match self {
            Self::Reads => limits.reads,
            Self::Writes => limits.writes,
            Self::Deletes => limits.deletes,
        }
    }
}

/// What is left after a request, for its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// In the caller's own bucket.
    pub(super) own: u64,
    /// In the bucket that all share.
    pub(super) shared: u64,
}

impl Left {
    /// What a first request leaves of Azure's buckets.
    pub(super) fn full(kind: Kind) -> Self {
        let size = u64::from(kind.bucket(&Throttling::default()).size);
        Self {
            own: size - 1,
            shared: size * SHARED - 1,
        }
    }
}

/// A bucket as it was at an instant; one that is not here is full.
#[derive(Clone, Copy, Debug)]
struct Level {
    held: u64,
    at: Instant,
}

/// The buckets that are not full. The caller that all share has no name.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets(BTreeMap<(String, Kind), Level>);

impl Buckets {
    /// Takes a token for `caller` from both buckets.
    ///
    /// # Errors
    /// The seconds after which there is one again.
    fn take(
        &mut self,
        now: Instant,
        limits: &Throttling,
        caller: &str,
        kind: Kind,
    ) -> Result<Left, u32> {
        let own = kind.bucket(limits);
        let keys = [(caller.to_owned(), kind), (String::new(), kind)];
        let levels = [(&keys[0], own, 1), (&keys[1], own, SHARED)]
            .map(|(key, bucket, times)| (self.level(now, key, bucket, times), bucket, times));
        let waits = levels.map(|(held, bucket, times)| wait(held, bucket, times));
        let wait = waits.into_iter().max().unwrap_or_default();
        if wait > 0 {
            return Err(wait);
        }
        let [own, shared] = levels.map(|(held, _, _)| held - TOKEN);
        self.forget_full_ones(now, limits);
        for (key, held) in keys.into_iter().zip([own, shared]) {
            self.0.insert(key, Level { held, at: now });
        }
        Ok(Left {
            own: own / TOKEN,
            shared: shared / TOKEN,
        })
    }

    fn level(&self, now: Instant, key: &(String, Kind), bucket: Bucket, times: u64) -> u64 {
        let full = u64::from(bucket.size) * times * TOKEN;
        let Some(level) = self.0.get(key) else {
            return full;
        };
        let passed = now.as_millis().saturating_sub(level.at.as_millis());
        let filled = passed.saturating_mul(u64::from(bucket.per_second) * times);
        level.held.saturating_add(filled).min(full)
    }

    fn forget_full_ones(&mut self, now: Instant, limits: &Throttling) {
        if self.0.len() < MOST_CALLERS * 3 {
            return;
        }
        let held = std::mem::take(&mut self.0);
        let all = Self(held.clone());
        let is_full = |key: &(String, Kind)| {
            let bucket = key.1.bucket(limits);
            let times = if key.0.is_empty() { SHARED } else { 1 };
            all.level(now, key, bucket, times) >= u64::from(bucket.size) * times * TOKEN
        };
        self.0 = held.into_iter().filter(|(key, _)| !is_full(key)).collect();
    }
}

/// Whole seconds until there is a token; none when there is one.
fn wait(held: u64, bucket: Bucket, times: u64) -> u32 {
    let missing = TOKEN.saturating_sub(held);
    let per_millisecond = u64::from(bucket.per_second.max(1)) * times;
    let seconds = missing.div_ceil(per_millisecond).div_ceil(1_000);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

impl ControlPlane {
    /// The buckets of each caller; `None` when nothing is counted.
    #[must_use]
    pub fn throttling(&self) -> Option<Throttling> {
        self.config.throttling
    }

    /// Counts from now on by other buckets, which are full; `None` stops counting.
    pub(crate) fn set_throttling(&mut self, limits: Option<Throttling>) {
        self.config.throttling = limits;
        self.buckets = Buckets::default();
    }

    /// Takes the request's token.
    ///
    /// # Errors
    /// 429 `SubscriptionRequestsThrottled` with `Retry-After` (azure-facts.md §1.6).
    pub(super) fn throttle(&mut self, turn: Turn<'_>) -> Result<(), ArmError> {
        let Some(limits) = self.config.throttling else {
            return Ok(());
        };
        let caller = principal(turn.request.header("authorization").unwrap_or_default());
        let kind = Kind::of(turn.request.method);
        match self.buckets.take(turn.now, &limits, &caller, kind) {
            Ok(left) => {
                self.left = Some(left);
                Ok(())
            }
            Err(seconds) => {
                self.left = Some(Left { own: 0, shared: 0 });
                Err(throttled(&self.config.subscription, &caller, kind, seconds))
            }
        }
    }
}

fn throttled(subscription: &str, caller: &str, kind: Kind, seconds: u32) -> ArmError {
    ArmError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "SubscriptionRequestsThrottled",
        format!(
            "Number of '{}' requests for subscription '{subscription}' actor '{caller}' exceeded. \
             Please try again after '{seconds}' seconds.",
            kind.word()
        ),
    )
    .with_retry_after(seconds)
}

/// Who asks: the token's object, application or subject; a token of our own up to its claims.
fn principal(authorization: &str) -> String {
    let token = authorization.split(' ').nth(1).unwrap_or_default();
    let claims = token.split('.').nth(1).and_then(|claims| {
        let bytes = URL_SAFE_NO_PAD.decode(claims).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok()
    });
    let claim = |claims: &Value| {
        let mut names = ["oid", "appid", "sub"].iter();
        names.find_map(|name| claims[name].as_str().map(str::to_owned))
    };
    let name = claims.as_ref().and_then(claim);
    let name = name.unwrap_or_else(|| token.split(';').next().unwrap_or_default().to_owned());
    // The name of nobody is the bucket's that all share.
    if name.is_empty() {
        "anonymous".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Throttling = Throttling {
        reads: Bucket {
            size: 2,
            per_second: 4,
        },
        writes: Bucket {
            size: 1,
            per_second: 0,
        },
        deletes: Bucket {
            size: 1,
            per_second: 1,
        },
    };

    fn take(buckets: &mut Buckets, at: u64, caller: &str, kind: Kind) -> Result<u64, u32> {
        let left = buckets.take(Instant::from_millis(at), &SMALL, caller, kind);
        left.map(|left| left.own)
    }

    #[test]
    fn a_bucket_fills_to_the_millisecond() {
        let mut buckets = Buckets::default();
        let reads = Kind::Reads;
        assert_eq!(take(&mut buckets, 0, "a", reads), Ok(1));
        assert_eq!(take(&mut buckets, 0, "a", reads), Ok(0));
        assert_eq!(take(&mut buckets, 0, "a", reads), Err(1));
        assert_eq!(take(&mut buckets, 249, "a", reads), Err(1));
        assert_eq!(take(&mut buckets, 250, "a", reads), Ok(0));
        assert_eq!(
            take(&mut buckets, 60_000, "a", reads),
            Ok(1),
            "no fuller than full"
        );
    }

    #[test]
    fn callers_and_kinds_have_their_own_and_share_one() {
        let mut buckets = Buckets::default();
        for caller in 0..15 {
            let caller = format!("caller {caller}");
            assert_eq!(take(&mut buckets, 0, &caller, Kind::Deletes), Ok(0));
            assert_eq!(take(&mut buckets, 0, &caller, Kind::Writes), Ok(0));
        }
        let next = take(&mut buckets, 0, "one more", Kind::Deletes);
        assert_eq!(next, Err(1), "fifteen callers empty what all share");
        assert_eq!(take(&mut buckets, 0, "one more", Kind::Reads), Ok(1));
    }

    #[test]
    fn many_callers_do_not_fill_the_memory() {
        let mut buckets = Buckets::default();
        for caller in 0..10_000 {
            let at = caller * 1_000;
            let _ = take(&mut buckets, at, &caller.to_string(), Kind::Reads);
        }
        assert!(buckets.0.len() <= MOST_CALLERS * 3, "{}", buckets.0.len());
    }

    #[test]
    fn a_caller_is_who_the_token_names() {
        let jwt = |claims: &str| format!("Bearer x.{}.z", URL_SAFE_NO_PAD.encode(claims));
        for (authorization, name) in [
            (jwt(r#"{"oid":"o","appid":"a"}"#), "o"),
            (jwt(r#"{"appid":"a","sub":"s"}"#), "a"),
            (jwt("[]"), "x.W10.z"),
            ("Bearer ours;iat=5".to_owned(), "ours"),
            ("Bearer".to_owned(), "anonymous"),
        ] {
            assert_eq!(principal(&authorization), name, "{authorization}");
        }
    }
}
