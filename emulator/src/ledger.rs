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

/// The client that sends a request, as one person: dense numbers from 0, the same on new
/// connections and on kept ones.
pub type User = u32;

/// What kind of work a request is (failure-catalogue.md D.7 point 4).
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
    /// An upload that waits for `100 Continue` before it sends its body (F46).
    Expect,
    /// A read whose body takes long to come, so that it can be cut short after its status (F47).
    Download,
    /// An upgraded connection, open for minutes (F44).
    WebSocket,
    /// An answer that goes on for minutes (F44).
    EventStream,
    /// A page that names files of the build that rendered it (F109).
    Page,
    /// A file that a page named, asked for once the page has come.
    Asset,
    /// A read and write of the data of a user who has logged in (F108, F110).
    Session,
    /// A message in a queue, worked on by an instance without any gateway (F112).
    Job,
}

impl RequestClass {
    /// Every class.
    pub const ALL: [Self; 12] = [
        Self::Short,
        Self::Write,
        Self::Long,
        Self::Upload,
        Self::Expect,
        Self::Download,
        Self::WebSocket,
        Self::EventStream,
        Self::Page,
        Self::Asset,
        Self::Session,
        Self::Job,
    ];

    /// Whether it stays open until someone ends it: what a configuration write may have to cut
    /// (F36).
    #[must_use]
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::WebSocket | Self::EventStream)
    }

    /// Whether its time is the system's and not its own.
    #[must_use]
    pub const fn is_short(self) -> bool {
        matches!(
            self,
            Self::Short | Self::Write | Self::Page | Self::Asset | Self::Session
        )
    }

    /// Whether running it twice does harm.
    #[must_use]
    pub const fn is_unrepeatable(self) -> bool {
        matches!(self, Self::Write | Self::Upload | Self::Expect | Self::Job)
    }

    /// Whether its body takes long to send.
    #[must_use]
    pub const fn is_upload(self) -> bool {
        matches!(self, Self::Upload | Self::Expect)
    }
}

/// How the client's connection was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConnectionClass {
    /// Opened for this request.
    New,
    /// Kept alive over many requests.
    Reused,
    /// Kept alive and shared by requests at the same time (HTTP/2, F43).
    Multiplexed,
    /// Opened to the address of a side, past the gateway: a client that once looked it up (F53).
    Direct,
}

/// What a client found when it checked what an answer says (S9). It holds what the application's
/// contract promises, whatever the status.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Contract {
    /// The answer is what was asked for, or there is none to check.
    #[default]
    Kept,
    /// A file that a page named is not there (F109).
    MissingAsset,
    /// The user's token was not accepted (F110).
    UnknownToken,
    /// The user's own data could not be read (F108).
    UnreadableRecord,
    /// A shared cache holds what the application cannot read (F111).
    PoisonedCache,
    /// The answer comes from the settings of another environment (F105).
    WrongSettings,
    /// The application does not know the host it was asked for (F15).
    UnknownHost,
    /// Something that the application depends on cannot be reached or has no room (F28, F104).
    NoDependency,
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
    /// Whose it was.
    pub user: User,
    /// What the client's check of the answer found.
    pub contract: Contract,
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

/// A request that went as it should: one attempt, one execution, one whole answer. The same three
/// entries that others leave in the ledgers, side by side, because nearly every request is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The client's line.
    pub client: ClientEntry,
    /// The gateway's.
    pub gateway: GatewayEntry,
    /// The instance's.
    pub instance: InstanceEntry,
}

/// What came to its end in a stretch of time, for a reader that keeps no ledgers.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    /// Everything in here ended before this instant, and nothing later will have.
    pub until: Instant,
    /// Requests that went as they should, in no order.
    pub exchanges: Vec<Exchange>,
    /// What happened to all others.
    pub others: Ledgers,
}

impl Ledgers {
    /// Adds the three entries of a request.
    pub fn add(&mut self, exchange: &Exchange) {
        self.clients.push(exchange.client);
        self.gateway.push(exchange.gateway);
        self.instances.push(exchange.instance);
    }

    /// Makes room for that many requests more.
    pub fn reserve(&mut self, requests: usize) {
        self.clients.reserve(requests);
        self.gateway.reserve(requests);
        self.instances.reserve(requests);
    }
}
