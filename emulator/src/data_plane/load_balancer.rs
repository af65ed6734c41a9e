//! Internal load balancers: probes of instances, and new flows hashed to the healthy ones.

pub mod table;
