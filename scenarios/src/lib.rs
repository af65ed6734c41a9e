//! The one who tries to break it: property-based scenarios that try to lose a request during a
//! swap.

pub mod executor;
