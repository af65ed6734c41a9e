//! Behaviour of the whole data plane, driven through its own interface in virtual time.

mod clients;
mod draining;
mod faulting;
mod health;
mod instances;
mod invariance;
mod reference;
mod rig;
mod serving;
mod throughput;
