//! What the admin API tells and does, as values: no sockets, no clock.
//!
//! [`Chronicle`] is what happened lately, bounded, with a number per entry so that a reader can go
//! on where it stopped. [`topology()`] sets what Resource Manager says beside what gateways, load
//! balancers and instances do. [`Copy`](struct@Copy) is everything stored as a document that brings it back.
//! The face under `http/admin` gives these bytes, `drive/live` feeds the chronicle.

mod chronicle;
mod copy;
mod coverage;
mod exchange;
mod redact;
mod topology;
mod traffic;

pub(crate) use chronicle::{Chronicle, What};
pub(crate) use copy::{Copy, CopyError, write};
pub(crate) use coverage::coverage;
pub(crate) use exchange::Exchange;
pub(crate) use topology::{Doing, topology};
