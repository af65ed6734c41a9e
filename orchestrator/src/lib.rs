//! Deploys the frontend, green and blue groups and swaps them without losing a request.
//!
//! Decisions are pure; effects go through one seam, the [`Environment`]. Nothing here knows whether
//! the answers come from the emulator or from Azure.

pub mod environment;

pub use environment::{Environment, Instant};
