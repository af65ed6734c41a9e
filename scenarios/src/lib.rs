//! The one who tries to break it: property-based scenarios that try to lose a request during a
//! swap.
//!
//! In data-flow order: [`generate`] makes a [`scenario`] from a seed, a [`world`] runs it and
//! leaves an [`Observation`]; [`judge`] joins its ledgers and asks every oracle; the [`Verdict`] is
//! what reports print and campaigns count.

// What is run.
pub mod adapter;
pub mod breaks;
pub mod failures;
pub mod generate;
pub mod mutants;
pub mod published;
pub mod scenario;
pub mod subject;
pub mod target;

mod script;

// Where it is run.
pub mod campaign;
pub mod clients;
pub mod coverage;
pub mod executor;
pub mod replay;
pub mod run;
pub mod scale;
pub mod shrink;
pub mod trace;
pub mod walk;
pub mod world;

// How it is judged.
pub mod film;
pub mod invariant;
pub mod judged;
pub mod observation;
pub mod oracles;
pub mod report;
pub mod verdict;

// Who judges the judge.
pub mod harness;

mod cause;
mod fleet;
mod gap;
mod journal;
mod latency;
mod ledger;
#[cfg(test)]
mod sample;
mod timeline;

pub use invariant::Invariant;
pub use latency::{Latencies, Percentiles};
pub use ledger::Class;
pub use observation::Observation;
pub use verdict::{Verdict, judge};
