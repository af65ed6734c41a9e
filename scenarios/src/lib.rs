//! The one who tries to break it: property-based scenarios that try to lose a request during a
//! swap.
//!
//! In data-flow order: [`generate`] makes a [`scenario`] from a seed, a [`world`] runs it.

pub mod breaks;
pub mod executor;
pub mod generate;
pub mod published;
pub mod scenario;
pub mod target;
pub mod world;

mod script;
