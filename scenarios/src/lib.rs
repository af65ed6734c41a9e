//! The one who tries to break it: property-based scenarios that try to lose a request during a
//! swap.

pub mod breaks;
pub mod executor;
pub mod published;
pub mod target;

mod script;
