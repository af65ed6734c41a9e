//! Behaviour of the whole data plane, driven through its own interface in virtual time.

mod rig;
mod serving;
