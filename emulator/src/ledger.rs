//! The three ledgers: what the client saw, what the gateway did, what an instance executed.
//!
//! Both drives fill the same entries, joined on the request's id by whoever judges
//! (failure-catalogue.md D.1). Entries are small and flat: a simulation writes millions a second.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// The id of one logical request, unique in a run; on the wire the header `x-request-id`.
pub type RequestId = u64;

/// A build's number in the run's table of build names; see [`Builds`](crate::data_plane::Builds).
pub type Build = u16;

/// What kind of work a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RequestClass {
    /// A short read.
    Short,
    /// A short write that must not run twice.
    Write,
    /// A read that takes long to answer.
    Long,
    /// A write whose body takes long to send.
    Upload,
}

/// How the client's connection was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConnectionClass {
    /// Opened for this request.
    New,
    /// Kept alive over many requests.
    Reused,
}

/// One line of the client's ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientEntry {
    /// The request.
    pub id: RequestId,
    /// What kind of work it was.
    pub class: RequestClass,
    /// How its connection was used.
    pub connection: ConnectionClass,
    /// When it was due to be sent: latency counts from here (open loop).
    pub due: Instant,
    /// When the client knew how it ended.
    pub ended: Instant,
    /// How it ended.
    pub seen: Seen,
}

/// What the client saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    /// A final answer.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The build named by the answer, where one was.
        build: Option<Build>,
        /// Whether the whole body came.
        complete: bool,
    },
    /// The connection was refused.
    Refused,
    /// The connection ended before an answer.
    Reset,
    /// No answer within the client's patience.
    TimedOut,
    /// The client itself gave up for a reason of its own, recorded before the send.
    Aborted,
}

/// One attempt of a gateway instance to have a request served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayEntry {
    /// The request; 0 when the client sent no id.
    pub id: RequestId,
    /// The gateway instance.
    pub instance: u16,
    /// The configuration generation it dispatched by.
    pub generation: u64,
    /// The pool member chosen; `None` when no member was healthy.
    pub member: Option<Ipv4Addr>,
    /// Attempts of this request before this one.
    pub attempt: u8,
    /// When it was dispatched.
    pub dispatched: Instant,
    /// When the attempt ended.
    pub ended: Instant,
    /// How it ended.
    pub outcome: Attempt,
}

/// How a gateway's attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attempt {
    /// The member answered and its answer was passed on.
    Served {
        /// The member's HTTP status.
        status: u16,
    },
    /// The member failed and the gateway tried another.
    Retried(Fault),
    /// The member failed and the gateway answered for it.
    Failed {
        /// Why.
        fault: Fault,
        /// The gateway's own status: 502 or 504.
        status: u16,
    },
    /// The connection was cut because the drain time-out had passed.
    Cut,
    /// The client left first (access-log status 499).
    ClientGone,
}

/// Why a member did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// No member of the pool is healthy, or it has none.
    NoHealthyMember,
    /// The connection could not be opened in time.
    ConnectTimeout,
    /// The connection was refused.
    Refused,
    /// The connection ended before the answer.
    Reset,
    /// The answer did not come within the request time-out.
    RequestTimeout,
}

/// One execution of a request by an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceEntry {
    /// The request; 0 when the client sent no id.
    pub id: RequestId,
    /// The instance's private address.
    pub address: Ipv4Addr,
    /// The build it runs.
    pub build: Build,
    /// When it accepted the request.
    pub started: Instant,
    /// When it finished or was stopped.
    pub ended: Instant,
    /// The status it answered; `None` when it was stopped first.
    pub status: Option<u16>,
}

/// The three ledgers of a run.
#[derive(Clone, Debug, Default)]
pub struct Ledgers {
    /// By the clients.
    pub clients: Vec<ClientEntry>,
    /// By the gateway instances.
    pub gateway: Vec<GatewayEntry>,
    /// By the scale set instances.
    pub instances: Vec<InstanceEntry>,
}
