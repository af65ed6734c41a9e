//! Who puts traffic through the gateway.
//!
//! A [`Profile`] says as data what clients do; [`Planner`] turns it into requests, each drawn from
//! its id alone. [`arrivals`] feeds a simulated data plane, [`live`] a real socket; both plan
//! alike.

pub mod arrivals;
#[expect(
    clippy::disallowed_methods,
    reason = "a live generator is a drive: it owns the wall clock it sends by"
)]
pub mod live;
pub mod profile;

pub use arrivals::ProfileArrivals;
pub use live::LoadGenerator;
pub use profile::{Planner, Profile};
