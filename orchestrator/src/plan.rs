//! Observe, then plan: who is live, what will be written, what could block the way.
//!
//! Pure. The direction comes from the live pool and from nothing else: never from tags, names or
//! the last run (F88). A plan is complete and printable before anything is touched.

mod direction;
mod preflight;

pub(crate) use direction::{Direction, Member, Sides, content, direction};
pub(crate) use preflight::{Plan, SideWorld, World, drain_wait, plan, public_ip};
