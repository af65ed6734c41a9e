//! The axum face: bytes in, [`Cloud`](crate::Cloud), bytes out.
//!
//! [`router`](router()) is the one face of both drives: the live drive serves it on sockets, the
//! virtual ones call it in process. Its handler awaits nothing but the request's body, so that it
//! answers without a runtime. The Azure side of every answer is decided by the core; here live only
//! the bounds of a request, who asks ([`Identity`](crate::identity::Identity)), the end of a connection without an answer ([`ConnectionReset`]), and
//! the routes under `/turquoise`, which are ours.

mod admin;
mod clock;
mod reset;
mod router;
mod serve;
mod sniff;

pub use admin::Address;
pub(crate) use admin::{Admin, ClockOrder, ClockState, Drive};
pub use clock::{Clock, ManualClock};
pub use reset::ConnectionReset;
pub use router::{Face, MAX_BODY_BYTES, router};
pub(crate) use router::{Gatekeeper, Hooks};
pub use serve::serve_connection;
pub(crate) use sniff::serve_either;
