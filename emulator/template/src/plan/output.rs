//! Outputs.

use serde_json::Value;

use super::Plan;
use crate::error::TemplateError;
use crate::evaluate::Place;
use crate::facts::Runtime;
use crate::limits::Budget;
use crate::node::Node;
use crate::types::Types;

/// An output with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its type as deployments show it, such as `String`.
    pub kind: &'static str,
    /// Its value; absent for secure ones, which are never shown.
    pub value: Option<Value>,
    /// The value of a secure one, for the template that nests this one.
    pub hidden: Option<Value>,
}

impl Plan {
    /// The outputs, when everything is deployed.
    ///
    /// # Errors
    /// When one has no value, or not one of its type.
    pub fn outputs(&self, runtime: &dyn Runtime) -> Result<Vec<Output>, TemplateError> {
        let budget = Budget::new(self.limits);
        let names = self.names();
        let evaluator = self.evaluator(&names, runtime, &budget, Place::Body);
        let types = Types {
            definitions: self.template.section("definitions"),
        };
        let mut outputs = Vec::new();
        for member in self.declared_outputs() {
            let declared = &member.value;
            let refuse = |(fault, at): (crate::Fault, _)| {
                TemplateError::output(&member.name, at, &fault.to_string())
            };
            if let Some(condition) = declared.get("condition") {
                let condition = evaluator.node(condition).map_err(refuse)?;
                if condition == Value::Bool(false) {
                    continue;
                }
            }
            let value = match declared.get("copy") {
                Some(copy) => evaluator.iterate("", copy).map_err(refuse)?.into(),
                None => match declared.get("value") {
                    Some(value) => evaluator.node(value).map_err(refuse)?,
                    None => Value::Null,
                },
            };
            let wrong = |reason: String| TemplateError::output(&member.name, declared.at, &reason);
            let base = types.base(declared).map_err(wrong)?;
            types.check(declared, &value).map_err(wrong)?;
            let (value, hidden) = if base.is_secure() {
                (None, Some(value))
            } else {
                (Some(value), None)
            };
            outputs.push(Output {
                name: member.name.clone(),
                kind: base.word(),
                value,
                hidden,
            });
        }
        Ok(outputs)
    }

    fn declared_outputs(&self) -> &[crate::node::Member] {
        self.template
            .section("outputs")
            .map(Node::members)
            .unwrap_or_default()
    }

    pub(super) fn check_outputs(&self) -> Result<(), TemplateError> {
        let types = Types {
            definitions: self.template.section("definitions"),
        };
        let (count, most) = (self.declared_outputs().len(), self.limits.outputs);
        if count > most {
            let reason = format!(
                "The number of template outputs limit exceeded. Limit: '{most}' and actual: '{count}'"
            );
            return Err(TemplateError::validation(&reason, self.template.at()));
        }
        for member in self.declared_outputs() {
            let found = types.base(&member.value);
            found.map_err(|reason| {
                let reason = format!(
                    "The template output '{}' is not valid: {reason}",
                    member.name
                );
                TemplateError::validation(&reason, member.value.at)
            })?;
        }
        Ok(())
    }
}
