//! Application gateways: several instances, each with its own configuration and health views.

pub mod retry;
pub mod routing_table;
