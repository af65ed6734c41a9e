//! The one who tries to break it: property-based scenarios that try to lose a request during a
//! swap.
//!
//! In data-flow order: [`generate`] makes a [`scenario`] from a seed, a [`world`] runs it and
//! leaves an [`Observation`]; [`judge`] joins its ledgers and asks every oracle; the [`Verdict`] is
//! what reports print and campaigns count.

pub mod breaks;
pub mod executor;
pub mod generate;
pub mod published;
pub mod scenario;
pub mod target;
pub mod world;

pub mod mutants;

pub mod shrink;
pub mod trace;

mod script;

pub mod clients;
pub mod invariant;
pub mod observation;
pub mod oracles;
pub mod report;
pub mod verdict;

mod cause;
mod gap;
mod latency;
mod ledger;
mod timeline;

#[cfg(test)]
mod sample;

pub use invariant::Invariant;
pub use latency::{Latencies, Percentiles};
pub use ledger::Class;
pub use observation::Observation;
pub use verdict::{Verdict, judge};
