//! Who puts traffic through the gateway.
//!
//! A [`Profile`] says as data what clients do; [`Planner`] turns it into requests, each drawn from
//! its id alone. [`arrivals`] feeds a simulated data plane, [`live`] a real socket; both plan
//! alike.

pub mod live;
pub mod profile;

pub use live::LoadGenerator;
pub use profile::{Planner, Profile};
