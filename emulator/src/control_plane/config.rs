//! Subscriptions, durations and knobs of the control plane.

use super::throttle::Throttling;

/// How to begin a control plane.
#[derive(Clone, Debug)]
pub struct ControlPlaneConfig {
    /// The one subscription.
    pub subscription: String,
    /// Its tenant.
    pub tenant: String,
    /// Wall-clock time at [`Instant::ZERO`](crate::Instant::ZERO), in milliseconds since 1970.
    pub epoch_unix_ms: u64,
    /// How long operations take.
    pub profile: Profile,
    /// Multiplies every operation's time; 1.0 leaves it as the profile draws it.
    pub duration_scale: f64,
    /// `Retry-After` of every unfinished operation, in whole seconds, at least 1: clients wait 30 s
    /// without it (azure-facts.md §2.4).
    pub retry_after: u32,
    /// How long a `Location` still answers 202 after its operation document says it has ended, in
    /// milliseconds: a lag seen in Azure (azure-facts.md §2.3).
    pub location_lag_ms: u64,
    /// Whether poll URLs carry signatures and certificates as long as Azure's, more than 4 kB, which
    /// clients must replay verbatim (azure-facts.md §2.1).
    pub long_urls: bool,
    /// Scheme of poll URLs unless the request says `x-forwarded-proto`.
    pub scheme: String,
    /// Where a client without a token is sent, without trailing slash.
    pub login: String,
    /// Whether requests need an `Authorization: Bearer` header.
    pub require_authorization: bool,
    /// Whether `If-Match` and `If-None-Match` are honoured (azure-facts.md §3.2: very likely for
    /// gateways, confirmed for the network provider in general).
    pub enforce_if_match: bool,
    /// What a write meets while another runs on the same resource (azure-facts.md §9 row 13).
    pub conflict_mode: ConflictMode,
    /// Whether backend health speaks `Healthy`/`Unhealthy` instead of `Up`/`Down` (§9 row 14).
    pub healthy_words: bool,
    /// Whether a failed update leaves the old model in place (§9 row 12); Azure's network provider
    /// keeps the new one.
    pub revert_on_failure: bool,
    /// Whether a PATCH of a gateway's tags is a configuration write like any other (F36).
    pub tags_write_cuts_streams: bool,
    /// Whether scale sets that ask for it get extra instances while they scale out.
    pub overprovision: bool,
    /// Cores all scale sets together may use; `None` for no limit.
    pub cores_quota: Option<u32>,
    /// How many requests a caller may send (azure-facts.md §1.8); `None` counts nothing, so that load
    /// and campaigns are not slowed by it.
    pub throttling: Option<Throttling>,
}

impl Default for ControlPlaneConfig {
    fn default() -> Self {
        Self {
            subscription: SUBSCRIPTION.to_owned(),
            tenant: TENANT.to_owned(),
            epoch_unix_ms: EPOCH_UNIX_MS,
            profile: Profile::default(),
            duration_scale: 1.0,
            retry_after: 1,
            location_lag_ms: 0,
            long_urls: false,
            scheme: "http".to_owned(),
            login: "https://localhost:8444".to_owned(),
            require_authorization: true,
            enforce_if_match: true,
            conflict_mode: ConflictMode::default(),
            healthy_words: false,
            revert_on_failure: false,
            tags_write_cuts_streams: true,
            overprovision: false,
            cores_quota: None,
            throttling: None,
        }
    }
}

/// The subscription of a default cloud.
pub const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";
/// The tenant of a default cloud.
pub const TENANT: &str = "00000000-0000-0000-0000-0000000000aa";
/// 2026-01-01T00:00:00Z: any fixed day after the retirements of azure-facts.md §0.2 fact 23.
pub const EPOCH_UNIX_MS: u64 = 1_767_225_600_000;

/// How long operations take (azure-facts.md §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Half as long again as calibrated, and outliers ten times as often.
    Pessimistic,
    /// As the facts say, outliers included.
    #[default]
    Calibrated,
    /// Always the median, without outliers.
    Nice,
}

/// What a write meets while another operation runs on the same resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConflictMode {
    /// It is accepted and the older operation ends `Canceled`.
    #[default]
    Supersede,
    /// 429 `RetryableError`.
    Retryable,
    /// 409 `AnotherOperationInProgress`.
    Refuse,
}
