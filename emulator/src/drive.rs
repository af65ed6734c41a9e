//! The two ways to give a [`Cloud`](crate::Cloud) time and packets.
//!
//! [`virtual_time`]: the caller owns the clock, and nothing listens. [`live`]: the wall clock times
//! a speed, and loopback sockets for Resource Manager, gateways, load balancers and instances.
//! Neither decides anything: which member serves, after what delay, or how it fails, is the core's.

pub mod live;
pub mod virtual_time;
