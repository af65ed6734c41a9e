//! The Azure Resource Manager wire contract as values.
//!
//! Both sides of the wire share this crate: the emulator, which answers, and the orchestrator,
//! which asks. It holds no sockets, no clock and no state. Start with [`ResourceId`]; then
//! [`ArmError`], the envelope of every refusal, and [`lro`], the protocol of every long answer.

pub mod error;
pub mod id;
pub mod json;
pub mod lro;

pub use error::{ArmError, ErrorBody};
pub use id::{ResourceId, ResourceType};
