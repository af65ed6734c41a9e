//! A local Azure: Resource Manager and the data plane behind it.
//!
//! Start with [`Cloud`]: the whole emulated Azure as one value, without sockets, clock or global
//! state. [`control_plane`] answers ARM requests and publishes [`desired`]; [`data_plane`] makes it
//! so and reports ([`reported`]); both drives ([`drive`]) give one `Cloud` time and packets.

mod admin;
pub mod cloud;
pub mod control_plane;
pub mod data_plane;
pub mod desired;
pub mod drive;
pub mod event;
pub mod faults;
pub mod http;
pub mod identity;
pub mod ledger;
pub mod portal;
pub mod reported;
pub mod seed;
pub mod time;
pub mod trust;

pub use cloud::{Cloud, CloudConfig, Reply};
pub use event::{Event, Timed};
pub use seed::Seed;
pub use time::Instant;
