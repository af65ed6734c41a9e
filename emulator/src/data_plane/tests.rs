//! Behaviour of the whole data plane, driven through its own interface in virtual time.

mod draining;
mod health;
mod instances;
mod rig;
mod serving;
