//! The language of Azure Resource Manager templates, as values.
//!
//! A text becomes a [`Node`](node::Node), a node a [`Template`], a template with its parameters a
//! [`Plan`]: which resources, in which order, with which bodies. What only a running cloud knows
//! (`reference`, `list…`) is asked through [`Runtime`]; clock and randomness are [`Facts`]. Nothing
//! here has sockets, files or a clock, and every evaluation ends within [`Limits`].
//!
//! Start with [`Plan`].

pub mod position;

pub mod expression;
pub mod json;
pub mod node;

mod error;
mod facts;
mod fault;
mod limits;

mod evaluate;
mod functions;

mod parameters;
mod template;
mod types;
mod variables;

pub mod plan;

pub use error::TemplateError;
pub use facts::{Facts, NoRuntime, Runtime};
pub use fault::Fault;
pub use limits::Limits;
pub use plan::Plan;
pub use template::Template;
