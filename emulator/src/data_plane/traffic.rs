//! Simulated traffic: who asks what, when.

mod arrival;

pub use arrival::{Arrival, Arrivals};
