//! The worlds that scenarios run in.

pub mod names;
