//! Why an expression has no value.

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The template is wrong.
    #[error("{0}")]
    Language(String),
    /// It needs a resource that this phase does not ask for: `reference` before the deployment.
    #[error("The template function '{0}' has no value before the deployment.")]
    Unresolved(String),
    /// The cloud refused what was asked of it.
    #[error("{message}")]
    Runtime {
        /// The cloud's code, such as `ResourceNotFound`.
        code: String,
        /// The cloud's text.
        message: String,
    },
    /// It would take more than [`Limits`](crate::Limits) allow.
    #[error("The template exceeds a limit of its evaluation: {0}.")]
    Limit(String),
}

impl Fault {
    /// A fault of the template.
    pub(crate) fn language(message: impl Into<String>) -> Self {
        Self::Language(message.into())
    }
}
