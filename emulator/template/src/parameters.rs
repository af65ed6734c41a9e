//! Parameters: what was given, checked against what is declared.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::error::TemplateError;
use crate::limits::Limits;
use crate::node::Node;
use crate::template::Template;
use crate::types::{Base, Types};

/// A parameter with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name as declared.
    pub name: String,
    pub(crate) base: Base,
    /// Its value; secure ones are never shown.
    pub value: Arc<Value>,
}

impl Parameter {
    /// Its type as deployments show it, such as `SecureString`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.base.word()
    }

    /// Whether its value may be shown.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.base.is_secure()
    }
}

/// The values of a request's `parameters`, by lower-case name; a whole parameter file counts too.
pub(crate) fn given(parameters: Option<&Node>) -> Result<BTreeMap<String, Value>, TemplateError> {
    let Some(parameters) = parameters else {
        return Ok(BTreeMap::new());
    };
    let file = parameters
        .get("$schema")
        .and_then(|_| parameters.get("parameters"));
    let mut values = BTreeMap::new();
    for member in file.unwrap_or(parameters).members() {
        let name = &member.name;
        if member.value.get("reference").is_some() {
            let reason = format!(
                "The parameter '{name}' refers to a key vault, and key vaults are not emulated: give \
                 its value"
            );
            return Err(TemplateError::validation(&reason, member.value.at));
        }
        let held = member
            .value
            .members()
            .iter()
            .find(|m| m.name.eq_ignore_ascii_case("value"));
        let held = held.ok_or_else(|| {
            let reason = format!("The parameter '{name}' is expected to be an object with a value");
            TemplateError::validation(&reason, member.value.at)
        })?;
        values.insert(name.to_ascii_lowercase(), held.value.to_value());
    }
    Ok(values)
}

/// Refuses values for parameters that the template does not declare.
pub(crate) fn check_names(
    template: &Template,
    given: &BTreeMap<String, Value>,
    limits: &Limits,
) -> Result<(), TemplateError> {
    let declared = template.section("parameters");
    let names: Vec<&str> = declared
        .map(Node::members)
        .unwrap_or_default()
        .iter()
        .map(|member| member.name.as_str())
        .collect();
    let at = declared.map_or_else(|| template.at(), |declared| declared.at);
    if names.len() > limits.parameters {
        let reason = format!(
            "The number of template parameters limit exceeded. Limit: '{}' and actual: '{}'",
            limits.parameters,
            names.len()
        );
        return Err(TemplateError::validation(&reason, at));
    }
    let unknown: Vec<&str> = given
        .keys()
        .map(String::as_str)
        .filter(|name| {
            !names
                .iter()
                .any(|declared| declared.eq_ignore_ascii_case(name))
        })
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "The following parameters were supplied, but do not correspond to any parameters defined in \
         the template: '{}'. The parameters defined in the template are: '{}'",
        unknown.join(", "),
        names.join(", ")
    );
    Err(TemplateError::validation(&reason, at))
}

/// Checks a value against its declaration.
pub(crate) fn checked(
    types: Types<'_>,
    name: &str,
    declared: &Node,
    value: Value,
) -> Result<Parameter, TemplateError> {
    let refuse = |reason: String| {
        let reason = format!(
            "The provided value for the template parameter '{name}' at {} is not valid. {reason}.",
            declared.at
        );
        TemplateError::validation(&reason, declared.at)
    };
    let base = types.base(declared).map_err(refuse)?;
    types.check(declared, &value).map_err(refuse)?;
    Ok(Parameter {
        name: name.to_owned(),
        base,
        value: Arc::new(value),
    })
}

/// The refusal of a parameter that has no value.
pub(crate) fn not_given(name: &str, declared: &Node) -> TemplateError {
    let reason = format!(
        "The value for the template parameter '{name}' at {} is not provided. Please see \
         https://aka.ms/arm-create-parameter-file for usage details.",
        declared.at
    );
    TemplateError::validation(&reason, declared.at)
}
