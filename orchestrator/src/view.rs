//! Looks into Azure's trees: what a decision needs of a resource, read leniently.
//!
//! Trees stay whole: the two edits, [`pool::with_members`] and [`autoscale::with_minimum`], change
//! the raw tree of the last read and nothing but what they name.

pub(crate) mod autoscale;
pub(crate) mod backend_health;
pub(crate) mod gateway;
pub(crate) mod load_balancer;
pub(crate) mod pool;
pub(crate) mod scale_set;
