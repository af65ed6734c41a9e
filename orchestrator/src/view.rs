//! Looks into Azure's trees: what a decision needs of a resource, read leniently.
//!
//! Trees stay whole; nothing here is ever written back but by [`pool::with_members`].

pub(crate) mod gateway;
pub(crate) mod pool;
