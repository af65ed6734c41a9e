//! The ARM client: raw JSON trees over the environment's seam.
//!
//! Reads are repeated on 429, 5xx and lost replies. **A write is never resent**: it is answered by
//! reading again and deciding anew (F59), which is the caller's business. Every operation that was
//! ever begun is kept in a table until it has ended, so that nothing is deleted or re-decided while
//! an old one can still land.

mod failure;

pub use failure::ArmFailure;
