//! Names: parameters, variables, lambda variables, functions of the template, loops.

use std::sync::Arc;

use serde_json::Value;

use super::{Evaluator, Place, Scope, Turn};
use crate::expression::Call;
use crate::fault::Fault;
use crate::functions::{Arguments, utc_now};

impl Evaluator<'_> {
    /// The value behind `parameters('x')` and its like, shared; `None` for other functions.
    pub(super) fn shared(&self, call: &Call) -> Result<Option<Arc<Value>>, Fault> {
        if !["parameters", "variables", "lambdavariables"].contains(&call.key.as_str()) {
            return Ok(None);
        }
        let arguments = self.arguments(call)?;
        arguments.exactly(1)?;
        let name = arguments.text(0)?;
        let found = match call.key.as_str() {
            "parameters" => match self.local(name, true) {
                Some(found) => Ok(found?),
                None => self.names.parameter(self, name),
            },
            "variables" => self.variable(name),
            _ => self
                .local(name, false)
                .unwrap_or_else(|| Err(unknown(name))),
        };
        found.map(Some)
    }

    fn variable(&self, name: &str) -> Result<Arc<Value>, Fault> {
        if self.place == Place::Default || self.in_function() {
            return Err(Fault::language(
                "The template function 'variables' is not expected at this location.",
            ));
        }
        self.names.variable(self, name)
    }

    fn in_function(&self) -> bool {
        self.scopes.borrow().iter().any(|scope| scope.closed)
    }

    /// A name of a lambda, or of the innermost function's parameters. Outside functions, parameters
    /// are the template's.
    fn local(&self, name: &str, parameter: bool) -> Option<Result<Arc<Value>, Fault>> {
        let scopes = self.scopes.borrow();
        for scope in scopes.iter().rev() {
            if scope.closed == parameter {
                let found = scope
                    .names
                    .iter()
                    .find(|(held, _)| held.eq_ignore_ascii_case(name));
                if let Some((_, value)) = found {
                    return Some(Ok(value.clone()));
                }
            }
            if scope.closed {
                return Some(Err(unknown(name)));
            }
        }
        None
    }

    pub(super) fn user_function(&self, namespace: &str, call: &Call) -> Result<Value, Fault> {
        let function = self.names.function(namespace, &call.name).ok_or_else(|| {
            Fault::Language(format!(
                "The template function '{namespace}.{}' is not valid: the template does not define \
                 it.",
                call.name
            ))
        })?;
        let arguments = self.arguments(call)?;
        arguments.exactly(function.parameters.len())?;
        let values = arguments.all().iter().map(|value| Arc::new(value.clone()));
        self.scopes.borrow_mut().push(Scope {
            names: function.parameters.iter().cloned().zip(values).collect(),
            closed: true,
        });
        let found = self.deeper(|| self.node(&function.output).map_err(|(fault, _)| fault));
        self.scopes.borrow_mut().pop();
        found
    }

    /// `copyIndex(['loop'] [, offset])`.
    pub(super) fn copy_index(&self, arguments: &Arguments<'_>) -> Result<Value, Fault> {
        arguments.between(0, 2)?;
        let named = arguments.get(0).and_then(Value::as_str);
        let offset = match (named, arguments.count()) {
            (_, 0) | (Some(_), 1) => 0,
            (Some(_), _) => arguments.integer(1)?,
            (None, _) => arguments.integer(0)?,
        };
        let turn = self.turn(named)?;
        turn.index
            .checked_add(offset)
            .map(Value::from)
            .ok_or_else(|| arguments.refuse("the result is no 64-bit integer"))
    }

    /// The turn of the loop of that name, or of the innermost one.
    fn turn(&self, name: Option<&str>) -> Result<Turn, Fault> {
        let loops = self.loops.borrow();
        let found = match name {
            None => loops.last(),
            Some(name) => loops
                .iter()
                .rev()
                .find(|turn| turn.name.eq_ignore_ascii_case(name)),
        };
        found.cloned().ok_or_else(|| {
            Fault::language(
                "The template function 'copyIndex' is not expected at this location. The function \
                 can only be used in a resource with copy specified.",
            )
        })
    }

    /// `utcNow` and `newGuid`, where they may stand.
    pub(super) fn changing(&self, key: &str, arguments: &Arguments<'_>) -> Result<Value, Fault> {
        if self.place != Place::Default {
            let name = if key == "utcnow" { "utcNow" } else { "newGuid" };
            return Err(Fault::Language(format!(
                "The template function '{name}' is not expected at this location: it belongs into \
                 the default value of a parameter."
            )));
        }
        if key == "utcnow" {
            return utc_now(self.facts.now, arguments);
        }
        arguments.exactly(0)?;
        let draw = self.drawn.get();
        self.drawn.set(draw + 1);
        let text = format!("{}/{draw}", self.facts.seed);
        Ok(crate::functions::named_guid(&text).into())
    }
}

fn unknown(name: &str) -> Fault {
    Fault::Language(format!(
        "The lambda variable '{name}' is not known at this location."
    ))
}
