//! Behaviour that the evidence leaves open, as settings with three profiles.
//!
//! Every knob names the question of azure-facts.md §9 (or the failure of failure-catalogue.md C)
//! it answers. The profiles are starting points: a scenario may mix freely.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the data plane behaves where Azure's behaviour is not settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Knobs {
    /// Whether a gateway tries a second member after a time-out (§9 question 7; documented for v2).
    pub retry_on_timeout: bool,
    /// Whether it does after a refused or reset connection (§9 question 8).
    pub retry_on_connect_error: bool,
    /// Attempts per request, the first included (§5.2).
    pub max_tries: u8,
    /// How long a gateway waits for a member to accept a connection; 1 to 10 s (§5.1).
    pub connect_timeout: Duration,
    /// Whether a member gets traffic before its first probe (§9 question 9, F17).
    pub initial_health: InitialHealth,
    /// What a configuration update does to what probes learnt (§9 question 10).
    pub probe_state_on_config: ProbeStateOnConfig,
    /// Whether gateway probes keep their connection, and so their instance (F07).
    pub probe_connection: ProbeConnection,
    /// Which members are drained (§9 question 1).
    pub drain_on: DrainOn,
    /// Whether every update cuts what is older than the drain time-out, for members that stay too
    /// (§9 question 3, F36).
    pub cut_on_any_put: bool,
    /// By which configuration requests on a kept-alive client connection are routed (§5.5, F42).
    pub client_connections: ClientConnections,
    /// How long an unused client connection stays open (§5.1).
    pub client_idle: Duration,
    /// How long a gateway keeps an unused connection to a member (§5.1).
    pub backend_idle: Duration,
    /// A request written within this time after the application closed an idle connection is
    /// reset (F40).
    pub idle_race: Duration,
    /// Whether new requests may still go to a removed member over connections that are idle, until
    /// its drain time-out passes (F39). Azure says that it reuses connections, not that it does so
    /// after a removal; no profile has it.
    pub reuse_removed: bool,
    /// How HTTP/2 connections opened under an earlier configuration end (F43).
    pub goaway: Goaway,
    /// How long the notice of that end travels to the client.
    pub goaway_travel: Duration,
    /// Whether a gateway repeats requests that are not idempotent (F48); in nginx's manner it does
    /// not ask (azure-facts.md §5.2).
    pub retry_writes: bool,
    /// Whether backend health lists removed members as `Draining` (§11.7).
    pub show_draining: bool,
    /// Whether leaving a load balancer's pool resets an instance's flows (§9 question 20).
    pub removal_resets: bool,
}

/// What a gateway thinks of a member it has not probed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitialHealth {
    /// It gets traffic until a probe condemns it.
    Healthy,
    /// It gets none before its first successful probe.
    UnhealthyUntilFirstSuccess,
}

/// What a configuration update does to the health of members it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeStateOnConfig {
    /// Nothing.
    Keep,
    /// They start as unknown as new ones.
    Reset,
}

/// How a gateway probe connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeConnection {
    /// Each on a connection of its own: behind a load balancer each may reach another instance.
    Fresh,
    /// Kept alive: all reach one instance while it lives.
    Pinned,
}

/// Which members' remaining requests end with the drain time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrainOn {
    /// Members removed by a configuration change.
    RemovedOnly,
    /// Those, and members that became unhealthy.
    RemovedAndUnhealthy,
}

/// How a gateway ends an HTTP/2 connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goaway {
    /// One notice that names the last request seen: what is on its way then is lost.
    Single,
    /// A notice that names none first, and the last one a round trip later: nothing is lost.
    TwoPhase,
}

/// By which configuration a kept-alive client connection is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientConnections {
    /// The one in use when the request comes.
    Current,
    /// The one in use when the connection was opened, until that one's drain time-out.
    Pinned,
}

impl Knobs {
    /// What hurts most among what evidence allows; the default for scenarios.
    #[must_use]
    pub const fn pessimistic() -> Self {
        Self {
            retry_on_timeout: true,
            retry_on_connect_error: false,
            max_tries: 2,
            connect_timeout: Duration::from_secs(10),
            initial_health: InitialHealth::Healthy,
            probe_state_on_config: ProbeStateOnConfig::Reset,
            probe_connection: ProbeConnection::Fresh,
            drain_on: DrainOn::RemovedAndUnhealthy,
            cut_on_any_put: true,
            client_connections: ClientConnections::Pinned,
            client_idle: Duration::from_secs(75),
            backend_idle: Duration::from_secs(65),
            idle_race: Duration::from_millis(1),
            reuse_removed: false,
            goaway: Goaway::Single,
            goaway_travel: Duration::from_millis(100),
            retry_writes: true,
            show_draining: true,
            removal_resets: false,
        }
    }

    /// The likeliest reading of the evidence; the default for emulation.
    #[must_use]
    pub const fn calibrated() -> Self {
        Self {
            retry_on_connect_error: true,
            connect_timeout: Duration::from_secs(4),
            probe_state_on_config: ProbeStateOnConfig::Keep,
            drain_on: DrainOn::RemovedOnly,
            goaway: Goaway::TwoPhase,
            ..Self::pessimistic()
        }
    }

    /// The kindest reading: what a swap may not rely on.
    #[must_use]
    pub const fn nice() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            initial_health: InitialHealth::UnhealthyUntilFirstSuccess,
            cut_on_any_put: false,
            client_connections: ClientConnections::Current,
            ..Self::calibrated()
        }
    }
}

impl Default for Knobs {
    fn default() -> Self {
        Self::calibrated()
    }
}
