//! Why a template cannot be deployed.

use crate::fault::Fault;
use crate::json::JsonError;
use crate::position::Position;

/// A refusal of a template or of its parameters, in the words of Azure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What clients match on: `InvalidTemplate` but for few.
    pub code: String,
    /// What people read; begins with the phase that failed.
    pub message: String,
    /// Where in the text.
    pub at: Option<Position>,
    /// Whether it is only too early: something it needs may yet be deployed.
    pub unresolved: bool,
}

/// Azure's pointer at the end of most of these messages.
const HELP: &str = "Please see https://aka.ms/arm-syntax for usage details.";

impl TemplateError {
    fn invalid(message: String, at: Option<Position>) -> Self {
        Self {
            code: "InvalidTemplate".to_owned(),
            message,
            at,
            unresolved: false,
        }
    }

    /// The document is no template.
    pub(crate) fn parse(reason: &str, at: Position) -> Self {
        let message = format!("Deployment template parse failed: '{reason} At {at}.'. {HELP}");
        Self::invalid(message, Some(at))
    }

    /// The template contradicts itself or its parameters.
    pub(crate) fn validation(reason: &str, at: Position) -> Self {
        let message = format!("Deployment template validation failed: '{reason}'. {HELP}");
        Self::invalid(message, Some(at))
    }

    /// An expression of the template has no value.
    pub(crate) fn expression(reason: &str, at: Position) -> Self {
        let message = format!(
            "Deployment template language expression evaluation failed: '{reason} At {at}.'. \
             Please see https://aka.ms/arm-template-expressions for usage details."
        );
        Self::invalid(message, Some(at))
    }

    /// An expression of a resource has no value.
    pub(crate) fn resource(name: &str, at: Position, fault: &Fault) -> Self {
        let message = format!(
            "Unable to process template language expressions for resource '{name}' at {at}. \
             '{fault}'"
        );
        Self {
            unresolved: matches!(fault, Fault::Unresolved(_)),
            ..Self::invalid(message, Some(at))
        }
    }

    /// The outputs have no value.
    pub(crate) fn output(name: &str, at: Position, reason: &str) -> Self {
        Self {
            code: "DeploymentOutputEvaluationFailed".to_owned(),
            message: format!(
                "Unable to evaluate template outputs: '{name}'. Please see error details and \
                 deployment operations. At {at}: {reason}"
            ),
            at: Some(at),
            unresolved: false,
        }
    }
}

impl From<JsonError> for TemplateError {
    fn from(error: JsonError) -> Self {
        Self {
            code: "InvalidRequestContent".to_owned(),
            message: format!(
                "The request content was invalid and could not be deserialized: '{error}'."
            ),
            at: Some(error.at),
            unresolved: false,
        }
    }
}
